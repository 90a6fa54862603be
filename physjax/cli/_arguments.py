"""Command-line arguments of a verb, from frozen dataclasses."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

T = TypeVar("T")


def parse(cls: type[T], argv: Sequence[str], verb: str) -> T:
    """An instance of `cls` from the arguments behind `physjax VERB`.

    Wrong arguments print their reason and leave with exit code 2 (`SystemExit`).
    """
    import tyro

    return tyro.cli(
        cls,
        prog=f"physjax {verb}",
        args=list(argv),
    )


def parse_for_system(
    common: type[T], argv: Sequence[str], verb: str
) -> tuple[str, T, dict[str, Any]]:
    """System, arguments that all systems share, and those of this one by name.

    The latter are the fields of the dataclass of the verb's name in the system's
    `options` module, which loads no jax.

    Args:
        common: Dataclass of the shared ones.
        argv: The arguments behind `physjax VERB`.
        verb: The verb.

    Raises:
        ConfigError: There is no such system.
        SystemExit: Wrong arguments, with code 2, or help, with code 0.
    """
    import tyro

    from .. import systems

    if not argv or argv[0].startswith("-"):
        asked = bool(argv) and argv[0] in ("-h", "--help")
        print(
            f"usage: physjax {verb} SYSTEM [OPTIONS]\n\n{_first_line(common)}\n\n"
            f"systems: {', '.join(systems.names())}; `physjax {verb} SYSTEM --help` "
            "lists the options."
        )
        raise SystemExit(0 if asked else 2)
    name, *flags = argv
    own = getattr(systems.options_module(name), verb.capitalize())
    flat = tyro.conf.arg(name="")
    both = dataclasses.make_dataclass(
        verb.capitalize(),
        [("common", Annotated[common, flat]), ("own", Annotated[own, flat])],
        frozen=True,
    )
    found = tyro.cli(
        both, prog=f"physjax {verb} {name}", args=flags, description=own.__doc__
    )
    options = {f.name: getattr(found.own, f.name) for f in dataclasses.fields(own)}
    return name, found.common, options


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]

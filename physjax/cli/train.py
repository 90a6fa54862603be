"""`physjax train SYSTEM`: preset < TOML < flags, into a run folder."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

_USAGE = """\
usage: physjax train SYSTEM [--preset NAME] [--config FILE.toml] [--out DIR]
                     [--steps N] [--weights RUN|FILE|PRESET] [--print-config] [settings]

Trains a system's model into a run folder. Settings come from the preset, then from the
TOML file, then from the flags. `physjax train SYSTEM --help` lists them all.

systems: {names}"""


def run(argv: list[str]) -> int:
    """The verb `train`."""
    from .. import systems

    if not argv or argv[0].startswith("-"):
        print(_USAGE.format(names=", ".join(systems.names())))
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    name, *flags = argv
    preset, config, options = parse(name, flags)
    if options.print_config:
        from .._settings import to_toml

        print(to_toml(config), end="")
        return 0
    out = options.out
    if out is None:
        from ..training.run_folder import default_name

        out = Path("runs") / default_name(name, preset, config)
    return train_here(name, config, out, weights=options.weights)


def train_here(
    name: str,
    config: Any,
    out: Path,
    *,
    weights: str | None = None,
    resume: bool = False,
) -> int:
    """Train in this process, and say what to do next."""
    from .. import systems, training

    training.enable_compilation_cache()
    print(f"{'resuming' if resume else 'training'} {name} in {out}", flush=True)
    system = systems.load(name)
    initial = None
    if weights is not None:
        initial = training.load_model(system, weights)[1]
    try:
        training.train(system, config, out, initial=initial, resume=resume)
    except training.Interrupted as stop:
        print(f"physjax: {stop}", file=sys.stderr)
        return stop.exit_code
    needed = systems.options_module(name).EVALUATE
    print(
        f"report: {out / 'report.md'}\nnext:\n"
        f"  physjax evaluate {name} --weights {out}{needed}\n"
        f"  physjax predict {name} INPUT --out OUTPUT --weights {out}"
    )
    return 0


def parse(name: str, flags: list[str]) -> tuple[str, Any, Any]:
    """`(preset, config, options)` from the flags behind the system's name."""
    import argparse

    import tyro

    from .. import systems
    from .._errors import ConfigError
    from .._settings import from_toml
    from ..training.config import with_steps

    module = systems.config_module(name)
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--preset", default="default")
    early.add_argument("--config", default=None)
    chosen, _ = early.parse_known_args(flags)
    if chosen.preset not in module.PRESETS:
        raise ConfigError(
            f"unknown preset {chosen.preset!r} of {name}; "
            f"known are {', '.join(module.PRESETS)}."
        )
    default = module.PRESETS[chosen.preset]
    if chosen.config is not None:
        default = from_toml(default, chosen.config)

    @dataclasses.dataclass(frozen=True)
    class Train:
        settings: Annotated[module.Config, tyro.conf.arg(name="")] = default  # type: ignore[valid-type]
        preset: str = "default"
        """Named settings to start from."""
        config: Path | None = None
        """TOML file of settings, over the preset."""
        out: Path | None = None
        """Run folder, new or empty. Default: runs/<date>_<system>-<preset>_<hash>."""
        weights: str | None = None
        """Run folder, file or preset to begin with, in place of fresh weights."""
        steps: int | None = None
        """Short for --train.steps."""
        print_config: bool = False
        """Print the settings as TOML and stop."""

    options = tyro.cli(
        Train,
        prog=f"physjax train {name}",
        args=flags,
        description=f"Train {name}. {module.PAPER}",
    )
    config = with_steps(options.settings, options.steps)
    return chosen.preset, config, options

"""Command-line arguments of a verb, from a frozen dataclass."""

from collections.abc import Sequence
from typing import TypeVar

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

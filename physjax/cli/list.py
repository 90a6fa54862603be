"""`physjax list`: the systems, their presets and their papers. Loads no jax."""

from dataclasses import dataclass

from ._arguments import parse


@dataclass(frozen=True)
class List:
    """Systems, their presets and papers."""


def run(argv: list[str]) -> int:
    parse(List, argv, "list")
    from rich.console import Console
    from rich.table import Table

    from ..systems import config_module, names

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("system", "presets", "paper"):
        table.add_column(column, overflow="fold")
    for name in names():
        module = config_module(name)
        table.add_row(name, ", ".join(module.PRESETS), module.PAPER)
    Console().print(table)
    return 0

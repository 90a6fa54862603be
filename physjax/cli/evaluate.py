"""`physjax evaluate SYSTEM`: figures of merit, by set and method."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from ._arguments import parse_for_system


@dataclass(frozen=True)
class Evaluate:
    """Figures of merit of a model."""

    weights: Annotated[str | None, arg(metavar="RUN|FILE|PRESET")] = None
    """Run folder, .safetensors file, or a preset that the package has weights of; those
    of `default` if not given."""
    out: Annotated[str | None, arg(metavar="FILE")] = None
    """Also write the figures here, as .json; by default into `evaluation/` of the run,
    where --weights names one."""


def run(argv: list[str]) -> int:
    """The verb `evaluate`."""
    name, args, options = parse_for_system(Evaluate, argv, "evaluate")
    from .. import io, systems, training

    out = args.out
    if out is None:
        folder = Path(args.weights or "") / "evaluation"
        inside = folder if args.weights is not None and folder.is_dir() else None
        out = systems.options_module(name).default_figures(options, inside)
    if out is not None:
        files = [value for value in options.values() if isinstance(value, str)]
        out = io.check_output(out, {".json"}, files)
    training.enable_compilation_cache()
    system = systems.load(name)
    config, model = training.load_model(system, args.weights)
    figures = system.evaluate(config, model, **options)
    print_figures(figures)
    if out is not None:
        with io.atomic_output(out) as part:
            part.write_text(json.dumps(figures, indent=2, default=float) + "\n")
        print(f"-> {out}")
    return 0


def print_figures(figures: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """A table of `{set: {method: {figure: value}}}`, the methods of a set together."""
    from rich.console import Console
    from rich.table import Table

    names = dict.fromkeys(
        name for methods in figures.values() for row in methods.values() for name in row
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("set")
    table.add_column("method")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    for label, methods in figures.items():
        for place, (method, row) in enumerate(methods.items()):
            cells = [_cell(row.get(name)) for name in names]
            last = place == len(methods) - 1
            table.add_row("" if place else label, method, *cells, end_section=last)
    console = Console()
    # A file or a pipe has no width to keep to.
    Console(width=None if console.is_terminal else 160).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int):
        return str(value)
    return "-" if math.isnan(float(value)) else f"{float(value):.4g}"

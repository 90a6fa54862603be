"""`physjax evaluate SYSTEM --data FILE`: figures of merit, by set and method."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from ._arguments import parse


@dataclass(frozen=True)
class Evaluate:
    """Compare a model's answers with the truth in a file, set by set."""

    system: Annotated[Positional[str], arg(metavar="SYSTEM")]
    """Name of the system, such as rampinn."""
    data: Annotated[str, arg(metavar="FILE")]
    """File of pairs: .npz with {set}_cars and {set}_raman, or cars and raman, and the
    axis as wavenumber or axis."""
    weights: Annotated[str | None, arg(metavar="RUN|FILE")] = None
    """Run folder or .safetensors file; the weights of the package by default."""
    out: Annotated[str | None, arg(metavar="FILE")] = None
    """Also write the figures here, as .json; by default into `evaluation/` of the run,
    where --weights names one."""


def run(argv: list[str]) -> int:
    """The verb `evaluate`."""
    args = parse(Evaluate, argv, "evaluate")
    from .. import io, systems, training

    systems.config_module(args.system)
    out = args.out
    if out is None and args.weights is not None and Path(args.weights).is_dir():
        folder = Path(args.weights) / "evaluation"
        out = folder / f"{Path(args.data).stem}.json" if folder.is_dir() else None
    if out is not None:
        out = io.check_output(out, {".json"}, [args.data])
    training.enable_compilation_cache()
    system = systems.load(args.system)
    config, model = training.load_model(system, args.weights)
    figures = system.evaluate(config, model, data=args.data)
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
        table.add_column(name, justify="right")
    for label, methods in figures.items():
        for place, (method, row) in enumerate(methods.items()):
            cells = [_cell(row.get(name)) for name in names]
            last = place == len(methods) - 1
            table.add_row("" if place else label, method, *cells, end_section=last)
    Console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int):
        return str(value)
    return "-" if math.isnan(float(value)) else f"{float(value):.4g}"

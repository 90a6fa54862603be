"""The tour: chains in, ground states with proven bounds out, a model of one's own."""

from pathlib import Path
from typing import Any

import numpy as np

from ... import io
from ...training.small import train_small
from .chain_files import read_chains
from .config import Config
from .evaluate import evaluate
from .predict import predict_file


def demo(
    config: Config,
    model: Any,
    folder: str | Path,
    *,
    input: str | Path | None = None,
    steps: int | None = None,
) -> Path:
    """Write a tour of PG-MoE to `folder`, and return the path of its report.

    Rings of 12 spins across the transition, unless `input` is given, go through the
    model; then the preset `small` is trained and measured.

    Args:
        config: Settings of the model.
        model: The shipped model, or another one.
        folder: Where to write; made if it is not there.
        input: `.csv` or `.toml` of chains in place of the rings.
        steps: Steps of the small training; the preset's by default.
    """
    folder = Path(folder)
    if input is not None:
        read_chains(input)  # refuses bad files before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    if input is None:
        chains = folder / "rings.csv"
        with io.atomic_output(chains) as part:
            rows = [f"12,{field:.2f}" for field in np.linspace(0.1, 2.0, 20)]
            part.write_text("\n".join(["n,h", *rows]) + "\n")
        print(f"1/3 rings of 12 spins, from order to disorder: {chains}", flush=True)
    else:
        chains = Path(input)
        print(f"1/3 your chains: {chains}", flush=True)

    print("2/3 their ground states, with the weights of the package", flush=True)
    answers, picture = folder / "ground_states.csv", folder / "ground_states.png"
    predict_file(config, model, chains, answers, plot=picture, progress=False)
    table = _table(answers)
    print("\n".join(table[:12]), flush=True)

    from .system import SYSTEM

    say = "3/3 a small model of your own: rings of 8 spins, {} steps"
    small = train_small(SYSTEM, folder, steps, say=say)
    figures = evaluate(small.config, small.model)
    report = folder / "report.md"
    report.write_text(_report(chains, table, figures, small))
    print(f"\n-> {report}\n-> {picture}\n\nnext:")
    for command in _next(small.folder):
        print(f"  {command}")
    return report


def _table(answers: Path) -> list[str]:
    header, *rows = answers.read_text().splitlines()
    cells = [header.split(","), ["---"] * len(header.split(","))]
    cells += [row.split(",") for row in rows]
    return ["| " + " | ".join(row) + " |" for row in cells]


def _next(run: Path) -> tuple[str, str]:
    return (
        "physjax predict pg_moe CHAINS.csv --out energies.csv --plot energies.png",
        f"physjax evaluate pg_moe --weights {run}",
    )


def _report(chains, table, figures, run) -> str:
    rows = [
        f"| {label} | {name} | {row['cosine_min']:.6f} | {row['energy_max']:.1e} |"
        for label, methods in figures.items()
        for name, row in methods.items()
    ]
    return "\n".join(
        [
            "# PG-MoE: a tour",
            "",
            f"Chains of `{chains.name}`, with the weights of the package. `lower` and "
            "`upper` are proven: the exact energy lies between them.",
            "",
            "![energies and bounds](ground_states.png)",
            "",
            *table,
            "",
            "## A small model of your own",
            "",
            "Rings of 8 spins, without labels:",
            "",
            *run.report(),
            "| set | method | smallest cosine | largest relative error of the energy |",
            "|---|---|---|---|",
            *rows,
            "",
            "## Next",
            "",
            "```",
            *_next(run.folder),
            "```",
            "",
        ]
    )

"""PG-MoE against exact ground states: trainings, several seeds, median and worst.

    python -m benchmarks.ground_states cophy rings transfer strict disordered
    python -m benchmarks.ground_states ablations networks --seeds 3
    python -m benchmarks.ground_states --table

Every training is kept in --runs and resumed where it stopped; its figures go, one line
each, into benchmarks/results/ground_states.jsonl, and what is there already is not made
again. --table prints what is there.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from physjax import training
from physjax.systems import load
from physjax.training.step import is_trained

from . import report

SETS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "cophy": {"ours": ("cophy", {"train.steps": 4000})},
    "rings": {
        f"n = {n}": (
            "ring",
            {"data.sites": (n,), "model.size": False, "train.steps": steps}
            | ({"train.batch_size": 6} if n == 16 else {}),
        )
        for n, steps in ((10, 6000), (12, 5000), (16, 4000))
    },
    "transfer": {"ours": ("ring", {"train.steps": 5000})},
    "strict": {"ours": ("strict", {"train.steps": 3000})},
    "disordered": {"ours": ("disordered", {})},
}
"""Preset and changed settings of every training, by what it shows."""

_TEN = {"data.sites": (10,), "model.size": False, "train.steps": 3000}
_LABELS = {"loss.energy": 0.0, "loss.labels": 1.0}
SETS["ablations"] = {
    name: ("ring", _TEN | changes)
    for name, changes in {
        "ours": {},
        "own trunks": {"model.shared": False, "model.channels": (4, 4, 4)},
        "no partition": {"model.partition": "none", "model.experts": 1},
        "random partition": {"model.partition": "random"},
        "magnetisation": {"model.partition": "magnetisation"},
        "orbits": {"model.partition": "orbits"},
        "Schmidt blocks": {"model.partition": "schmidt"},
        "spins, not walls": {"model.symmetric": False},
        "labels only, overlap": _LABELS,
        "labels only, squared": _LABELS | {"loss.distance": "squared"},
        "energy and overlap": {"loss.labels": 1.0},
        "energy and squared": {"loss.labels": 1.0, "loss.distance": "squared"},
    }.items()
}
_ENERGY = {"loss.labels": 0.0}
SETS["networks"] = {
    "monolithic 4 x 100, labels": ("monolithic", {"loss.energy": 0.0}),
    "monolithic 4 x 100, both": ("monolithic", {}),
    "mixture of 3, both": ("mixture", {}),
    "paper, both": ("paper", {}),
    "paper, random parts": ("paper", {"model.partition": "random"}),
} | {
    f"{kind} 2 x {width}, n = {n}": (
        "monolithic",
        _ENERGY
        | {
            "data.sites": (n,),
            "data.symmetric_basis": kind == "orbits",
            "model.hidden": (width, width),
        },
    )
    for n in (10, 12)
    for kind in ("orbits", "monolithic")
    for width in (2, 4, 8, 16, 32)
}

EVALUATED = {"cophy": ((4,), 10_000), "transfer": ((10, 12, 16, 20), 40)}
"""Numbers of spins and of chains, where they are not those of the training and 100."""


def settings(preset: str, changes: dict[str, Any], seed: int) -> Any:
    """The preset with changed fields, `section.field` by name."""
    config = load("pg_moe").presets[preset]
    for name, value in (changes | {"train.seed": seed}).items():
        section, field = name.split(".")
        part = dataclasses.replace(getattr(config, section), **{field: value})
        config = dataclasses.replace(config, **{section: part})
    return config


def measure(shows: str, name: str, seed: int, runs: Path) -> dict[str, Any]:
    """Figures of one training."""
    system = load("pg_moe")
    config = settings(*SETS[shows][name], seed)
    run = runs / f"{shows}-{name.replace(' ', '_')}-{seed}"
    start = time.monotonic()
    result = training.train(system, config, run, resume=run.exists(), progress=False)
    seconds = time.monotonic() - start
    sites, samples = EVALUATED.get(shows, (None, 100))
    if shows == "disordered":
        sites, samples = (12,), 200
    figures = system.evaluate(config, result.model, sites=sites, samples=samples)
    trained = eqx.filter(result.model, is_trained)
    return {
        "shows": shows,
        "name": name,
        "seed": seed,
        "parameters": sum(x.size for x in jax.tree.leaves(trained)),
        "steps": config.train.steps,
        "seconds": round(seconds, 1),
        "figures": figures,
    }


def table(records: list[dict[str, Any]]) -> str:
    """Median and worst over the seeds, by training and set of chains."""
    groups = defaultdict(list)
    for record in records:
        for label, methods in record["figures"].items():
            key = (record["shows"], record["name"], label)
            groups[key].append((record, methods["model"]))
    lines = [
        "| shows | training | parameters | chains | seeds | cosine, mean | cosine, "
        "smallest | energy, mean | energy, largest |",
        "|" + "---|" * 9,
    ]
    for (shows, name, label), members in groups.items():
        cells = []
        for figure, worst in (
            ("cosine_mean", min),
            ("cosine_min", min),
            ("energy_mean", max),
            ("energy_max", max),
        ):
            values = [figures[figure] for _, figures in members]
            form = ".5f" if figure.startswith("cosine") else ".1e"
            cells.append(f"{statistics.median(values):{form}} ({worst(values):{form}})")
        parameters = members[0][0]["parameters"]
        lines.append(
            f"| {shows} | {name} | {parameters} | {label} | {len(members)} | "
            + " | ".join(cells)
            + " |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shows", nargs="*", metavar="|".join(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", help="trainings whose name holds this")
    parser.add_argument("--runs", type=Path, default=Path("runs/ground_states"))
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    parser.add_argument("--table", action="store_true", help="print what is there")
    arguments = parser.parse_args()
    if unknown := set(arguments.shows) - set(SETS):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(SETS)}")
    path = arguments.out / "ground_states.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines]
    done = {(r["shows"], r["name"], r["seed"]) for r in records}
    for shows in arguments.shows:
        for seed in range(arguments.seeds):
            for name in SETS[shows]:
                chosen = arguments.only is None or arguments.only in name
                if not chosen or (shows, name, seed) in done:
                    continue
                record = measure(shows, name, seed, arguments.runs)
                with path.open("a") as file:
                    file.write(json.dumps(record, default=np.ndarray.tolist) + "\n")
                records.append(record)
                print(table([record]).splitlines()[-1], flush=True)
    if arguments.table or not arguments.shows:
        print(table(records))


if __name__ == "__main__":
    main()

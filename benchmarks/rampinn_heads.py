"""The paper's network against ours: same data, same steps, several seeds.

    python -m benchmarks.rampinn_heads --steps 800 --seeds 3

Trains the presets `paper` and `default` of RamPINN on one stream of batches (the seed
decides batches and weights alike), evaluates both on 64 held-out simulated spectra of
each VECTOR set, prints a table and writes benchmarks/results/rampinn_heads-DEVICE.json.
Runs are kept in --runs and resumed where they stopped.
"""

import argparse
import dataclasses
import json
import statistics
from pathlib import Path

import jax

from physjax import training
from physjax.systems import load

from . import report

HEADS = {"paper": "paper", "ours": "default"}


def train_and_measure(head: str, seed: int, arguments: argparse.Namespace) -> dict:
    """Figures by VECTOR set of one training."""
    system = load("rampinn")
    preset = system.presets[HEADS[head]]
    config = dataclasses.replace(
        preset,
        train=dataclasses.replace(
            preset.train,
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            seed=seed,
        ),
    )
    run = arguments.runs / f"{head}-{arguments.steps}-{arguments.batch_size}-{seed}"
    result = training.train(system, config, run, resume=run.exists(), progress="plain")
    figures = system.evaluate(config, result.model)
    return {name: methods["model"] for name, methods in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/rampinn_heads"))
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    arguments = parser.parse_args()

    figures: dict[str, list[dict]] = {head: [] for head in HEADS}
    for seed in range(arguments.seeds):
        for head in HEADS:
            figures[head].append(train_and_measure(head, seed, arguments))

    print("\n| set | MSE paper | MSE ours | ours / paper, by seed |\n|---|---|---|---|")
    ratios = []
    for name in figures["ours"][0]:
        mse = {h: [f[name]["mse"] for f in runs] for h, runs in figures.items()}
        each = [o / p for o, p in zip(mse["ours"], mse["paper"], strict=True)]
        ratios += each
        mean = {h: statistics.mean(values) for h, values in mse.items()}
        print(
            f"| {name} | {mean['paper']:.2e} | {mean['ours']:.2e} | "
            f"{', '.join(f'{r:.2f}' for r in each)} |"
        )
    print(f"\nLargest ratio over sets and seeds: {max(ratios):.2f}")
    device = jax.devices()[0].device_kind
    path = arguments.out / f"rampinn_heads-{device.replace(' ', '-')}.json"
    settings = {k: str(v) for k, v in vars(arguments).items()}
    path.write_text(json.dumps({"settings": settings, "figures": figures}, indent=1))
    print(f"Written: {path}")


if __name__ == "__main__":
    main()

"""Long runs of the particle simulation against drift-diffusion: current, equilibrium.

    python -m benchmarks.particles_iv                      all runs, resumed if stopped
    python -m benchmarks.particles_iv --only overdamped-0.9
    python -m benchmarks.particles_iv --summary            what is there so far

The acceptance device: silicon, 0.4 um, 1e17 / 1e17 cm^-3, no recombination, 32
particles per cell. Every run is a chain of chunks; each appends one JSON line and
leaves its particles behind, from which the next one goes on with the same random
numbers as if nothing had happened. `lighter` are the carriers of `relaxation` with the
same mobility and a quarter of the mass, so half the mean free path: what is due to the
free path halves, and it does: from -8 to -3 % at 0.8 V and from +15 to +7 % at 1.0 V.
Seeds are fixed below. The first third is discarded; the rest gives at least 20 blocks
and from them the standard error.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from physjax.simulators import particles as P
from physjax.systems.pn_junction.devices import silicon, start_density

FOLDER = Path(__file__).parent / "results"
CHUNKS = 36
DT = {"overdamped": 2.5e-15, "relaxation": 5e-15, "lighter": 5e-15}
"""Seconds. Their drift in a changing field is of first order in the step."""
REFERENCE = {0.8: 4.531679158e3, 0.9: 3.526278579e4, 1.0: 1.049210949e5}
"""DEVSIM, A/cm^2."""
BOUNDS = {0.8: (0.03, 2.0), 0.9: (0.02, 0.0), 1.0: (0.02, 0.0)}
"""Largest deviation, and how many standard errors may be added."""


class Long(NamedTuple):
    """One run: a model, a bias, steps per chunk, capacity, seed."""

    model: str
    bias: float
    steps: int
    slots: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.model}-{self.bias}"


RUNS = [
    Long("overdamped", 0.9, 10_000, 12_288, 1),
    Long("overdamped", 1.0, 8000, 18_432, 2),
    Long("overdamped", 0.8, 30_000, 8_192, 3),
    Long("overdamped", 0.0, 20_000, 7_168, 4),
    Long("relaxation", 0.9, 6000, 13_056, 5),
    Long("relaxation", 1.0, 5000, 19_456, 6),
    Long("relaxation", 0.8, 15_000, 8_448, 7),
    Long("relaxation", 0.0, 10_000, 7_680, 8),
    Long("lighter", 1.0, 2000, 19_712, 9),
    Long("lighter", 0.8, 6000, 8_704, 10),
]


def transport(name: str, mobility):
    if name == "overdamped":
        return P.Overdamped(mobility)
    mass = 0.26 if name == "relaxation" else 0.26 / 4
    return P.RelaxationTime(mobility, jnp.array([mass, mass], jnp.float32))


def simulate(run: Long, per_cell: float, folder: Path) -> Iterator[dict]:
    """Yields one record per chunk, from the last one that was stored."""
    setup = silicon(per_cell)
    device, model = setup.device, transport(run.model, setup.transport.mobility)
    solver = P.exact_solver(device, setup.permittivity)
    volts = device.contact_potentials(jnp.float32(run.bias))
    key = jax.random.key(run.seed)
    density = start_density(setup, np.array([run.bias]))[0]
    density = jnp.asarray(density, jnp.float32)
    state = P.check(P.begin(key, device, model, density, slots=run.slots))
    stored = folder / f"{run.name}.npz"
    leaves, tree = jax.tree.flatten(state)
    chunk = 0
    if stored.exists():
        with np.load(stored) as file:
            leaves = [jnp.asarray(file[f"leaf{k}"]) for k in range(len(leaves))]
            chunk = int(file["chunk"])
        state = jax.tree.unflatten(tree, leaves)

    @jax.jit
    def advance(state):
        slab = P.GhostSlab()
        return P.simulate(
            key,
            device,
            model,
            slab,
            solver,
            state,
            volts,
            dt=DT[run.model],
            steps=run.steps,
        )

    while chunk < CHUNKS:
        start, before = time.perf_counter(), np.asarray(state.count)
        done = jax.block_until_ready(advance(state))
        state, current = P.check(done.particles), done.current
        series = {name: np.asarray(getattr(current, name), float) for name in NAMES}
        phi = np.asarray(done.mean.potential, float).mean(1)
        entered = np.asarray(current.entered).sum((0, 2))
        chunk += 1
        leaves = {f"leaf{k}": a for k, a in enumerate(jax.tree.leaves(state))}
        np.savez(stored.with_suffix(".part.npz"), chunk=chunk, **leaves)
        stored.with_suffix(".part.npz").replace(stored)
        yield {
            "run": run.name,
            "chunk": chunk,
            "per_cell": per_cell,
            "steps": run.steps,
            **{name: values.mean() for name, values in series.items()},
            "barrier": phi[32:39].mean() - phi[2:9].mean(),  # 0.32-0.38, 0.02-0.08 um
            "count": np.asarray(state.count).tolist(),
            "ledger": bool((before + entered == np.asarray(state.count)).all()),
            "seconds": time.perf_counter() - start,
        }


NAMES = ("ramo", "left", "right")


def summary(path: Path) -> list[dict]:
    """Means and standard errors of every run that is in the file."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    rows = []
    for run in RUNS:
        mine = {line["chunk"]: line for line in lines if line["run"] == run.name}
        kept = [mine[k] for k in sorted(mine) if 3 * k > CHUNKS]
        if len(kept) < 2:
            continue
        row = {"run": run.name, "blocks": len(kept)}
        for name in (*NAMES, "barrier"):
            values = np.array([line[name] for line in kept])
            row[name] = values.mean()
            row[f"{name}_error"] = values.std(ddof=1) / len(values) ** 0.5
        row["ledger"] = all(line["ledger"] for line in mine.values())
        row["seconds"] = sum(line["seconds"] for line in mine.values())
        rows.append(row)
    return rows


def show(rows: list[dict]) -> None:
    for row in rows:
        bias = float(row["run"].split("-")[1])
        reference = REFERENCE.get(bias)
        text = f"{row['run']:16} {row['blocks']:3} blocks {row['seconds']:6.0f} s  "
        scale, unit = (1 / reference, "") if reference else (1.0, " A/cm^2")
        text += "  ".join(
            f"{n} {row[n] * scale:.4f} +- {row[f'{n}_error'] * scale:.4f}{unit}"
            for n in NAMES
        )
        if not reference:
            text += f"  barrier {row['barrier']:.5f} +- {row['barrier_error']:.5f} V"
        elif row["run"].startswith("overdamped"):
            bound, errors = BOUNDS[bias]
            error = row["ramo_error"] * scale
            off = abs(row["ramo"] * scale - 1)
            text += "  pass" if off <= bound + errors * error else "  FAIL"
        print(f"{text}  ledger {'exact' if row['ledger'] else 'BROKEN'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.particles_iv")
    parser.add_argument("--out", type=Path, default=FOLDER / "particles_iv.jsonl")
    parser.add_argument("--states", type=Path, help="folder of the particles (.state)")
    parser.add_argument("--only", default="", help="runs whose name has this text")
    parser.add_argument("--per-cell", type=float, default=32.0)
    parser.add_argument("--summary", action="store_true")
    arguments = parser.parse_args()
    if not arguments.summary:
        folder = arguments.states or arguments.out.with_suffix(".state")
        folder.mkdir(parents=True, exist_ok=True)
        for run in RUNS:
            if arguments.only not in run.name:
                continue
            for record in simulate(run, arguments.per_cell, folder):
                with arguments.out.open("a") as file:
                    file.write(json.dumps(record) + "\n")
    show(summary(arguments.out))


if __name__ == "__main__":
    main()

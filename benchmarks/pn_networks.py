"""How far off the networks' potentials are.

    python -m benchmarks.pn_networks                 the two of the package
    python -m benchmarks.pn_networks --paper RUN ... and other trainings of the paper's

Root-mean-square errors in mV on states of the published device at the four biases that
no training has seen (recorded first if need be, minutes), and errors in the energy norm
of our network on larger grids and permittivity maps. Writes JSON into
`benchmarks/results`.
"""

import argparse
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from physjax import systems, training
from physjax._constants import ELEMENTARY_CHARGE
from physjax.simulators.particles import WALLS, contact_labels
from physjax.solvers import solve_poisson
from physjax.systems.pn_junction.config import PRESETS
from physjax.systems.pn_junction.devices import gallium_arsenide, make_solver
from physjax.systems.pn_junction.frames import DENSITY, held_out_frames, prepare

OUT = Path(__file__).parent / "results" / "pn_networks.json"
SETS = 8


def millivolts(net, frames) -> dict[str, dict[str, float]]:
    """Errors of a network by bias: all nodes, contacts, and the mean over states."""
    solver = make_solver("learned", gallium_arsenide(), net)
    answer = jax.jit(
        lambda f: solver(ELEMENTARY_CHARGE * DENSITY * f.charge, f.voltages)
    )
    rows = {}
    for bias, frame in frames.items():
        error = 1e3 * np.asarray(answer(frame) - frame.potential, float)
        root = lambda e: float(np.sqrt(np.mean(e**2)))
        rows[f"{bias:.1f} V"] = {
            "rmse": root(error),
            "contacts": root(error[:, [0, -1]]),
            "mean_field": root(error.mean(0)),
        }
    return rows


def energy_errors(net) -> dict[str, dict[str, float]]:
    """Median and worst over random problems, relative, in the energy norm."""
    rows = {}
    for name, shape, contrast in (
        ("41 x 9", (41, 9), 1.0),
        ("129 x 65", (129, 65), 1.0),
        ("129 x 65, maps 1:10", (129, 65), 10.0),
        ("257 x 257, maps 1:10", (257, 257), 10.0),
    ):
        values = [energy_error(net, shape, contrast, seed) for seed in range(SETS)]
        rows[name] = {"median": float(np.median(values)), "worst": float(max(values))}
    return rows


def energy_error(net, shape, contrast: float, seed: int) -> float:
    """Of one random problem: white charge, or with odd seeds a smooth one."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(8, 8)) > 0
    at = [np.arange(n) * 8 // n for n in shape]
    epsilon = np.where(coarse[at[0]][:, at[1]], contrast, 1.0)
    rho = rng.normal(size=shape) if seed % 2 == 0 else np.ones(shape)
    volts = rng.normal(size=2) * max(shape)
    options = {"permittivity": epsilon, "electrodes": contact_labels(shape)}
    solver = net.on(shape, (1.0, 1.0), WALLS, **options)
    phi = jax.jit(lambda r, v: solver(r, v))(
        jnp.asarray(rho, jnp.float32), jnp.asarray(volts, jnp.float32)
    )
    with jax.enable_x64(True):
        truth = solve_poisson(
            jnp.asarray(rho), (1.0, 1.0), WALLS, voltages=jnp.asarray(volts), **options
        ).value
        wide = net.on(shape, (1.0, 1.0), WALLS, **options, dtype=jnp.float64)
        norm = lambda e: jnp.sqrt(jnp.vdot(e, wide.problem.outer(e)))
        error = norm(jnp.asarray(np.asarray(phi, float)) - truth)
        return float(error / norm(truth))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pn_networks")
    parser.add_argument("--paper", nargs="*", default=[], help="runs or files")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    system = systems.load("pn_junction")
    prepare(PRESETS["paper"])
    frames = held_out_frames(PRESETS["paper"])
    _, ours = training.load_model(system)
    results = {"ours": {"mV": millivolts(ours, frames), "energy": energy_errors(ours)}}
    for weights in ("paper", *arguments.paper):
        config, net = training.load_model(system, weights)
        name = f"{Path(weights).name}: widths / {config.model.divisor}, contact weight "
        results[name + f"{config.loss.contact:g}"] = {"mV": millivolts(net, frames)}
    for name, kinds in results.items():
        print(name)
        for rows in kinds.values():
            for row, figures in rows.items():
                text = "  ".join(f"{k} {v:.3g}" for k, v in figures.items())
                print(f"  {row:22} {text}")
    arguments.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

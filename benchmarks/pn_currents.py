"""Currents by learned Poisson solvers against those by the exact one, paired.

    python -m benchmarks.pn_currents silicon [--weights RUN|FILE]
    python -m benchmarks.pn_currents gaas --weights RUN|FILE     the paper's network

Every pair of runs begins with the same particles and has the same random numbers; ten
pairs per bias. Silicon: 0.8, 0.9, 1.0 V, overdamped carriers, 32 per cell, from the
densities of drift-diffusion. Gallium arsenide: the held-out biases, from states that
1000 steps with the exact solver leave, 2000 steps, of which the first quarter is
discarded. Writes JSON into `benchmarks/results`.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from physjax import systems, training
from physjax._constants import ELEMENTARY_CHARGE
from physjax.simulators import particles as P
from physjax.systems.pn_junction.devices import (
    gallium_arsenide,
    make_solver,
    silicon,
    start_density,
)
from physjax.systems.pn_junction.frames import HELD_OUT
from physjax.systems.pn_junction.sweep import run_sweep, step_on_host

FOLDER = Path(__file__).parent / "results"
REPLICAS = 10
SILICON_STEPS = {0.8: 30_000, 0.9: 4000, 1.0: 3000}
"""So many that the difference is known to less than 1 %."""
SETTLE, STEPS, DISCARD = 1000, 2000, 500
SEED = 16


def ratio(learned: np.ndarray, exact: np.ndarray) -> dict:
    """Mean currents, their ratio, and the error of the paired difference."""
    difference = learned - exact
    error = difference.std(ddof=1) / len(difference) ** 0.5
    return {
        "exact": exact.mean(),
        "exact_error": exact.std(ddof=1) / len(exact) ** 0.5,
        "learned": learned.mean(),
        "ratio": learned.mean() / exact.mean(),
        "ratio_error": error / abs(exact.mean()),
    }


def silicon_rows(net) -> list[dict]:
    setup, rows = silicon(32), []
    for bias, steps in SILICON_STEPS.items():
        pair, seconds = {}, {}
        for name in ("learned", "exact"):
            start = time.perf_counter()
            solver = make_solver(name, setup, net)
            sweep = run_sweep(
                setup, solver, [bias], steps=steps, replicas=REPLICAS, seed=SEED
            )
            pair[name] = sweep.replicas[0]
            seconds[name] = time.perf_counter() - start
        row = {"device": "silicon", "bias": bias, "steps": steps}
        rows.append(row | ratio(pair["learned"], pair["exact"]) | {"seconds": seconds})
        show(rows[-1])
    return rows


def gaas_rows(net) -> list[dict]:
    setup, rows = gallium_arsenide(), []
    exact = make_solver("exact", setup, net)
    device, model = setup.device, setup.transport
    density = jnp.asarray(start_density(setup, np.zeros(1))[0], jnp.float32)

    @jax.jit
    def settle(keys, particles, volts):
        go = lambda k, p, v: (
            P.simulate(
                k, device, model, setup.contacts, exact, p, v, dt=setup.dt, steps=SETTLE
            ).particles
        )
        return jax.vmap(go)(keys, particles, volts)

    steppers = {"exact": step_on_host(setup, exact), "learned": None}
    steppers["learned"] = step_on_host(setup, net)
    for bias in HELD_OUT:
        slots = int(1.2 * P.gaas_slots(bias))
        keys = jax.random.split(jax.random.fold_in(jax.random.key(SEED), 0), REPLICAS)
        volts = device.contact_potentials(jnp.full(REPLICAS, bias, jnp.float32))
        begin = lambda k, slots=slots: P.begin(k, device, model, density, slots=slots)
        stored = P.check(settle(keys, jax.jit(jax.vmap(begin))(keys), volts))
        pair, seconds, square = {}, {}, []
        for name, step in steppers.items():
            start = time.perf_counter()
            state, currents = stored, []
            for k in range(STEPS):
                state, current, fields = step(keys, state, volts)
                currents.append(current.ramo)
                if name == "learned" and k % 50 == 0:
                    n, p = fields.density[:, 0], fields.density[:, 1]
                    charge = p - n + device.doping.astype(n.dtype)[None]
                    truth = exact(ELEMENTARY_CHARGE * charge, volts)
                    square.append(jnp.mean((fields.potential - truth) ** 2))
            P.check(state)
            series = np.stack([np.asarray(c) for c in currents])[DISCARD:]
            pair[name] = series.mean(0)
            seconds[name] = time.perf_counter() - start
        row = {"device": "gaas", "bias": bias, "steps": STEPS}
        row |= ratio(pair["learned"], pair["exact"])
        row["rmse_mV"] = 1e3 * float(np.sqrt(np.mean(np.array(square))))
        rows.append(row | {"seconds": seconds})
        show(rows[-1])
    return rows


def show(row: dict) -> None:
    text = (
        f"{row['device']} {row['bias']:.1f} V  exact {row['exact']:.4g} +- "
        f"{row['exact_error']:.2g} A/cm^2  learned / exact {row['ratio']:.4f} +- "
        f"{row['ratio_error']:.4f}"
    )
    if "rmse_mV" in row:
        text += f"  potential of the learned run off by {row['rmse_mV']:.2f} mV"
    print(f"{text}  {sum(row['seconds'].values()):.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pn_currents")
    parser.add_argument("device", choices=("silicon", "gaas"))
    parser.add_argument("--weights", help="run folder, file or preset")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    system = systems.load("pn_junction")
    chosen = arguments.weights or ("paper" if arguments.device == "gaas" else None)
    net = training.load_model(system, chosen)[1]
    rows = (silicon_rows if arguments.device == "silicon" else gaas_rows)(net)
    out = arguments.out or FOLDER / f"pn_currents-{arguments.device}.json"
    out.write_text(json.dumps(rows, indent=2, default=float) + "\n")


if __name__ == "__main__":
    main()

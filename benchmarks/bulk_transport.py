"""Transport models of the particle simulation in a uniform field, without contacts.

    python -m benchmarks.bulk_transport            tables, and a picture beside them
    python -m benchmarks.bulk_transport --quick    a tenth of the particles

Mobility, diffusion and their Einstein ratio of the relaxation model at several steps,
which theory has exact at any step; the velocity of electrons and holes in gallium
arsenide over the field, with what is known of its peak: near 2e7 cm/s at 3 to 4 kV/cm.
Standard errors are those of independent particles.
"""

import argparse
import functools as ft
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from physjax.simulators import particles as P
from physjax.simulators.particles import gaas_rates as rates

FOLDER = Path(__file__).parent / "results"
VT = 0.025852
RATIOS = (0.05, 0.1, 0.2, 0.3)
FIELDS = (500, 1000, 2000, 2500, 3000, 3500, 4000, 5000, 7000, 10_000, 15_000, 20_000)
"""V/cm."""


def drift(model, key, field, *, dt, settle, steps, count):
    """Displacements over `steps` steps after `settle` more, and the motion at the end.

    Returns:
        `(moved, motion)`; moved (2, species, particles), cm.
    """
    fresh = jnp.zeros((2, count), bool)
    fields = jnp.zeros((2, 2, count), jnp.float32).at[0].set(field)

    def body(carry, k):
        moved, motion = carry
        move, motion = model.advance(
            jax.random.fold_in(key, k), motion, fresh, fields, dt, VT
        )
        return (moved + move, motion), None

    motion = model.rest(key, (2, count), VT, jnp.float32)
    zero = jnp.zeros_like(fields)
    (_, motion), _ = jax.lax.scan(body, (zero, motion), jnp.arange(settle))
    times = jnp.arange(settle, settle + steps)
    carry, _ = jax.lax.scan(body, (zero, motion), times)
    return carry


def relaxation(count: int) -> list[dict]:
    """Mobility and diffusion at several steps, in units of what they should be."""
    mobility = jnp.array([800.0, 300.0], jnp.float32)
    mass = 0.26 * mobility[0] / mobility  # one relaxation time
    model = P.RelaxationTime(mobility, mass)
    tau, field, rows = float(model.time()[0]), 1e4, []
    for number, ratio in enumerate(RATIOS):
        steps, dt = round(12 / ratio), ratio * tau
        go = ft.partial(drift, model, dt=dt, settle=steps // 2, steps=steps)
        key = jax.random.key(number)
        moved, _ = jax.jit(ft.partial(go, count=count))(key, field)
        along, across = np.asarray(moved, float)
        speed = along / (steps * dt * field * np.array([[-800.0], [300.0]]))
        # Steps k apart are correlated by (1 - P)^k: less than 2 D t by a known factor.
        stay = 1 - 1 / (1 / ratio + 0.5)
        k = np.arange(1, steps)
        share = (steps + 2 * np.sum((steps - k) * stay**k)) * ratio / (2 * steps)
        spread = across**2 / (2 * steps * dt * share)
        spread /= VT * np.array([[800.0], [300.0]])
        error = lambda a: (a.std(-1) / count**0.5).tolist()
        rows.append(
            {
                "dt_over_tau": ratio,
                "mobility": speed.mean(-1).tolist(),
                "mobility_error": error(speed),
                "diffusion": spread.mean(-1).tolist(),
                "diffusion_error": error(spread),
                "einstein": (spread.mean(-1) / speed.mean(-1)).tolist(),
            }
        )
        row = rows[-1]
        print(
            f"dt/tau {ratio:4.2f}  "
            + "  ".join(
                f"{name} mobility {row['mobility'][s]:.4f} +- "
                f"{row['mobility_error'][s]:.4f}, diffusion {row['diffusion'][s]:.4f} "
                f"+- {row['diffusion_error'][s]:.4f}, ratio {row['einstein'][s]:.4f}"
                for s, name in enumerate(("electrons", "holes"))
            ),
            flush=True,
        )
    return rows


def gallium_arsenide(count: int, impurities: float) -> list[dict]:
    """Drift velocity over the field, cm/s."""
    model, dt, rows = P.GalliumArsenide(impurities), 1e-14, []
    steps = 400
    go = jax.jit(ft.partial(drift, model, dt=dt, settle=400, steps=steps, count=count))
    for number, field in enumerate(FIELDS):
        moved, (_, band) = go(jax.random.key(number), float(field))
        speed = np.asarray(moved[0], float) / (steps * dt) * np.array([[-1], [1]])
        rows.append(
            {
                "field": field,
                "velocity": speed.mean(-1).tolist(),
                "error": (speed.std(-1) / count**0.5).tolist(),
                "in_l": float((band[0] == rates.L).mean()),
            }
        )
        row = rows[-1]
        print(
            f"{field:6d} V/cm  electrons {row['velocity'][0]:.3e} +- "
            f"{row['error'][0]:.0e} cm/s, {100 * row['in_l']:4.1f} % in L  holes "
            f"{row['velocity'][1]:.3e} +- {row['error'][1]:.0e} cm/s",
            flush=True,
        )
    best = max(rows, key=lambda row: row["velocity"][0])
    print(f"peak {best['velocity'][0]:.2e} cm/s at {best['field']} V/cm", flush=True)
    return rows


def draw(rows: list[dict], path: Path) -> None:
    import matplotlib.pyplot as plt

    field = [row["field"] / 1e3 for row in rows]
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    for s, name in enumerate(("electrons", "holes")):
        speed = [row["velocity"][s] / 1e7 for row in rows]
        error = [row["error"][s] / 1e7 for row in rows]
        axes.errorbar(field, speed, error, marker="o", markersize=3, label=name)
    axes.axvspan(3, 4, color="0.9", zorder=0)
    axes.set(xlabel="field (kV/cm)", ylabel=r"drift velocity ($10^7$ cm/s)")
    axes.set(ylim=(0, None), title="Gallium arsenide, 300 K, no contacts")
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bulk_transport")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--impurities", type=float, default=1e14, help="cm^-3")
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    part = 10 if arguments.quick else 1
    result = {
        "relaxation": relaxation(1_000_000 // part),
        "gallium_arsenide": gallium_arsenide(10_000 // part, arguments.impurities),
        "impurities": arguments.impurities,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "bulk_transport.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    draw(result["gallium_arsenide"], path.with_suffix(".png"))
    print(f"Written: {path}, {path.with_suffix('.png')}")


if __name__ == "__main__":
    main()

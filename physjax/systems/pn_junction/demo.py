"""The tour: a device's file, its currents, the charge of its particles, a network."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import io
from ..._constants import ELEMENTARY_CHARGE
from ...simulators import particles as P
from ...training.small import train_small
from .config import Config
from .device import read_device
from .devices import (
    SOLVERS,
    drift_diffusion_current,
    make_solver,
    silicon,
    start_density,
)
from .picture import plot_curves, plot_maps
from .predict import predict_file
from .sweep import run_sweep

SILICON = """\
# 0.4 um of silicon, as in the published geometry. Lengths in um, densities in cm^-3.
[device]
length_um = 0.4
height_um = 0.08
nodes = [41, 9]
n_i_cm3 = 1e10

[[region]]
x_um = [0.0, 0.2]
acceptor_cm3 = 1e17
eps_r = 11.7
mu_n_cm2_Vs = 800
mu_p_cm2_Vs = 300

[[region]]
x_um = [0.2, 0.4]
donor_cm3 = 1e17
eps_r = 11.7
mu_n_cm2_Vs = 800
mu_p_cm2_Vs = 300

[[contact]]
name = "p"
side = "left"

[[contact]]
name = "n"
side = "right"

[bias]
contact = "p"
volts = [0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1]
"""
_BIASES = (0.8, 0.9, 1.0)
_PER_CELL, _STEPS = 8, 1200


def demo(
    config: Config,
    model: Any,
    folder: str | Path,
    *,
    input: str | Path | None = None,
    steps: int | None = None,
) -> Path:
    """Write a tour of the PN junction to `folder`, and return the path of its report.

    Args:
        config: Settings of the model.
        model: The shipped network, or another one.
        folder: Where to write; made if it is not there.
        input: DEVICE.toml in place of the silicon device.
        steps: Steps of the small training; the preset's by default.
    """
    folder = Path(folder)
    if input is not None:
        read_device(input)  # refuses bad files before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    device = folder / "silicon.toml" if input is None else Path(input)
    if input is None:
        with io.atomic_output(device) as part:
            part.write_text(SILICON)
    print(f"1/4 {device}: its current by drift-diffusion, or by particles", flush=True)
    summary = predict_file(
        config, model, device, folder / "iv.csv", plot=folder / "iv.png", progress=False
    )
    print("2/4 silicon by particles, each Poisson solver in turn", flush=True)
    table = _sweeps(model, folder)
    print("3/4 the potential of some particles, and what the network makes of it")
    errors = _snapshot(model, folder)
    from .system import SYSTEM

    small = train_small(
        SYSTEM, folder, steps, say="4/4 a small network of your own, {} steps"
    )
    errors |= {"a small one of your own": _potential_error(small.model)}
    report = folder / "report.md"
    with io.atomic_output(report) as part:
        part.write_text(_report(device, summary, table, errors, small))
    print("\n".join(["", *table, "", f"-> {report}", "", "next:"]))
    for command in _next(device):
        print(f"  {command}")
    return report


def _sweeps(model: Any, folder: Path) -> list[str]:
    setup = silicon(_PER_CELL)
    rows = ["| bias (V) | Poisson solver | J (A/cm^2) | s |", "|---|---|---|---|"]
    curves = {}
    for name in SOLVERS:
        sweep = run_sweep(setup, make_solver(name, setup, model), _BIASES, steps=_STEPS)
        curves[name] = (sweep.bias, sweep.current, sweep.error)
        rows += [
            f"| {v:.1f} | {name} | {j:.4g} +- {e:.2g} | {sweep.seconds:.1f} |"
            for v, j, e in zip(sweep.bias, sweep.current, sweep.error, strict=True)
        ]
    fine = np.linspace(_BIASES[0], _BIASES[-1], 21)
    lines = {"drift-diffusion": (fine, drift_diffusion_current(setup, fine))}
    plot_curves(
        folder / "particles.png", curves, lines=lines, title="silicon by particles"
    )
    return rows


def _charge() -> tuple[Any, jax.Array, jax.Array]:
    """Charge of the silicon device at 0.8 V, C/cm^3, as particles have it."""
    setup = silicon(_PER_CELL)
    density = jnp.asarray(start_density(setup, np.array([0.8]))[0], jnp.float32)
    state = P.begin(
        jax.random.key(0), setup.device, setup.transport, density, slots=8192
    )
    volts = setup.device.contact_potentials(jnp.float32(0.8))
    flat = lambda charge, volts: jnp.zeros_like(charge)
    n, p = P.fields(setup.device, flat, state, volts).density
    return (
        setup,
        ELEMENTARY_CHARGE * (p - n + setup.device.doping.astype(n.dtype)),
        volts,
    )


def _snapshot(model: Any, folder: Path) -> dict[str, float]:
    setup, charge, volts = _charge()
    exact = make_solver("exact", setup, model)(charge, volts)
    learned = make_solver("learned", setup, model)(charge, volts)
    error = 1e3 * np.asarray(learned - exact)
    maps = {
        "charge density (1e17 q cm$^{-3}$)": np.asarray(
            charge / ELEMENTARY_CHARGE / 1e17
        ),
        "potential (V)": np.asarray(exact),
        "error of the network (mV)": error,
    }
    size = (1e4 * setup.device.length, 1e4 * setup.device.height)
    plot_maps(folder / "potential.png", maps, size, title="silicon at 0.8 V")
    return {"the package's": float(np.sqrt(np.mean(error**2)))}


def _potential_error(model: Any) -> float:
    setup, charge, volts = _charge()
    pair = [make_solver(n, setup, model)(charge, volts) for n in ("learned", "exact")]
    return 1e3 * float(jnp.sqrt(jnp.mean((pair[0] - pair[1]) ** 2)))


def _next(device: Path) -> tuple[str, ...]:
    return (
        f"physjax predict pn_junction {device} --out iv.csv --solver learned",
        "physjax evaluate pn_junction            # 12 biases, about five minutes",
        "physjax train pn_junction --out runs/pn",
    )


def _report(device, summary, table, errors, run) -> str:
    return "\n".join(
        [
            "# The PN junction: a tour",
            "",
            f"`{device}` by {summary['method']}, in [iv.csv](iv.csv):",
            "",
            "![current over bias](iv.png)",
            "",
            "## Particles",
            "",
            f"Silicon, {_PER_CELL} particles per cell, {_STEPS} steps; the Poisson "
            "solver is exact, a network, or the network refined. Seconds include "
            "compilation.",
            "",
            *table,
            "",
            "![currents by particles](particles.png)",
            "",
            "## The network",
            "",
            "![charge, potential and error](potential.png)",
            "",
            "| network | root-mean-square error of this potential (mV) |",
            "|---|---|",
            *[f"| {name} | {value:.2g} |" for name, value in errors.items()],
            "",
            "Yours:",
            "",
            *run.report(),
            "## Next",
            "",
            "```",
            *_next(device),
            "```",
            "",
        ]
    )

"""From a user's DEVICE.toml to its current-voltage curve."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ... import io
from ..._errors import DataError
from ...io.progress import progress as show_progress
from ...solvers import solve_drift_diffusion
from .device import DeviceFile, read_device
from .devices import make_solver
from .layers import layered_device
from .sweep import run_sweep
from .user_device import first_contact_volts, forward, particle_setup

_PICTURES = (".pdf", ".png", ".svg")
_LEAST_STEPS = 60


def predict_file(
    config: Any,
    model: Any,
    input: str | Path,
    output: str | Path,
    *,
    solver: str = "auto",
    plot: str | Path | None = None,
    per_cell: float = 32.0,
    steps: int = 6000,
    replicas: int = 1,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Currents of a device at the biases of its file.

    Args:
        config: Settings of the model; not needed here.
        model: The network, for `learned` and `refined`.
        input: DEVICE.toml, see `device`.
        output: `.csv` with columns V, J_A_per_cm2 (positive forward), standard_error
            (zero for drift-diffusion). It appears complete or not at all.
        solver: `drift_diffusion`, or `exact`, `learned`, `refined` for particles.
        plot: Picture of the curve (`.png`, `.pdf`, `.svg`).
        per_cell: Particles per cell at the highest doping.
        steps: Steps per run, at least 60.
        replicas: Runs per bias.
        seed: Of the random numbers.
        progress: Show how far it is.

    Returns:
        Summary: `biases`, `method`, `seconds`.

    Raises:
        DataError: Anything is wrong with the file, or with the numbers above.
        NumericsError: A bias could not be reached.
    """
    start = time.monotonic()
    file = read_device(input).lying
    output = io.check_output(output, {".csv"}, [input])
    if plot is not None:
        plot = io.check_output(plot, _PICTURES, [input])
    for name, value, least in (
        ("per_cell", per_cell, 1),
        ("steps", steps, _LEAST_STEPS),
        ("replicas", replicas, 1),
    ):
        if not least <= value < np.inf:
            raise DataError(f"{name} is {value}, but must be at least {least}.")
    if solver == "auto":
        solver = "drift_diffusion" if file.is_layered else "exact"
    if solver == "drift_diffusion":
        method = "drift-diffusion"
        current, error = _by_drift_diffusion(file)
    else:
        method = f"particles, {solver} Poisson solver"
        current, error = _by_particles(
            file, model, solver, per_cell, steps, replicas, seed, progress
        )
    volts = np.array(file.bias.volts, float)
    rows = [
        f"{v:.10g},{j:.9e},{e:.3e}"
        for v, j, e in zip(volts, current, error, strict=True)
    ]
    with io.atomic_output(output) as part:
        part.write_text("\n".join(["V,J_A_per_cm2,standard_error", *rows]) + "\n")
    if plot is not None:
        from .picture import plot_curves

        plot_curves(plot, {method: (volts, current, error)}, title=Path(input).name)
    return {
        "biases": len(volts),
        "method": method,
        "seconds": time.monotonic() - start,
    }


def _by_drift_diffusion(file: DeviceFile) -> tuple[np.ndarray, np.ndarray]:
    device = layered_device(file)
    with jax.enable_x64(True):
        solution = solve_drift_diffusion(device, first_contact_volts(file), throw=True)
        current = np.asarray(solution.value.current_density)
    return forward(file) * current, np.zeros_like(current)


def _by_particles(
    file, model, solver, per_cell, steps, replicas, seed, progress
) -> tuple[np.ndarray, np.ndarray]:
    setup = particle_setup(file, per_cell)
    volts = first_contact_volts(file)
    total = len(volts) * replicas * steps
    with show_progress(total, "steps", show=progress) as advance:
        sweep = run_sweep(
            setup,
            make_solver(solver, setup, model),
            volts,
            steps=steps,
            replicas=replicas,
            seed=seed,
            advance=advance,
        )
    return forward(file) * sweep.current, sweep.error

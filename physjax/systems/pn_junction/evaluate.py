"""Current-voltage sweeps with every Poisson solver, from the same random numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ... import io
from ..._errors import DataError
from ...io.progress import progress as show_progress
from .config import Config
from .devices import (
    SOLVERS,
    SolverName,
    drift_diffusion_current,
    gallium_arsenide,
    make_solver,
    silicon,
)
from .sweep import Sweep, run_sweep

Figures = dict[str, float]


def sweep_biases(config: Config, full: bool) -> np.ndarray:
    """57 biases, 0 to 1.12 V for silicon and to 2.8 V for gallium arsenide, or some.

    Without `full` they are those where there is a current to speak of.
    """
    if config.model.kind == "paper":
        return (
            np.round(np.linspace(0, 2.8, 57), 2)
            if full
            else np.round(np.linspace(1.15, 2.8, config.sweep.biases), 2)
        )
    if full:
        return np.round(np.linspace(0, 1.12, 57), 2)
    return np.round(np.linspace(0.55, 1.1, config.sweep.biases), 2)


def evaluate(
    config: Config,
    model: Any,
    *,
    solver: Sequence[SolverName] = SOLVERS,
    full: bool = False,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    reference: str | Path | None = None,
    plot: str | Path | None = None,
) -> dict[str, dict[str, Figures]]:
    """Currents of a device, by bias and solver.

    Args:
        config: Settings: which device goes with which network, and how long.
        model: The network.
        solver: Poisson solvers; `exact` is always among them.
        full: All 57 biases.
        steps: Steps per run, as in the settings by default.
        replicas: Runs per bias, likewise.
        seed: Of the random numbers.
        reference: `.csv` of a curve to draw, V and A/cm^2.
        plot: Picture.

    Returns:
        `{bias: {method: figures}}`; methods are `drift_diffusion` (silicon only) and
        the solvers. Figures: `current`, its `standard_error`, A/cm^2; `over_exact`, the
        current over that of the exact solver, and the `standard_error_of_ratio`, from
        the differences of replicas with the same random numbers where there are
        several, else from both errors.

    Raises:
        DataError: The reference cannot be read.
    """
    lines = {} if reference is None else {"reference": _read_curve(reference)}
    if plot is not None:
        plot = io.check_output(plot, {".pdf", ".png", ".svg"}, [])
    paper = config.model.kind == "paper"
    setup = gallium_arsenide() if paper else silicon(config.sweep.per_cell)
    volts = sweep_biases(config, full)
    names: list[SolverName] = [n for n in SOLVERS if n == "exact" or n in solver]
    steps = config.sweep.steps if steps is None else steps
    replicas = config.sweep.replicas if replicas is None else replicas
    sweeps: dict[str, Sweep] = {}
    total = len(names) * len(volts) * steps * replicas
    with show_progress(total, "steps") as advance:
        for name in names:
            sweeps[name] = run_sweep(
                setup,
                make_solver(name, setup, model),
                volts,
                steps=steps,
                replicas=replicas,
                seed=seed,
                advance=advance,
            )
    exact = sweeps["exact"]
    known = None if paper else drift_diffusion_current(setup, volts)
    if plot is not None:
        from .picture import plot_curves

        if known is not None:
            lines["drift-diffusion"] = (volts, known)
        curves = {n: (volts, s.current, s.error) for n, s in sweeps.items()}
        what = "GaAs, ensemble Monte Carlo" if paper else "silicon, overdamped carriers"
        plot_curves(
            plot, curves, lines=lines, title=f"PN junction by particles: {what}"
        )
    figures: dict[str, dict[str, Figures]] = {}
    for i, v in enumerate(volts):
        rows = {name: _figures(sweep, exact, i) for name, sweep in sweeps.items()}
        if known is not None:
            ratio = known[i] / exact.current[i]
            error = abs(ratio) * exact.error[i] / abs(exact.current[i])
            rows = {
                "drift_diffusion": _row(known[i], 0.0, ratio, error),
                **rows,
            }
        figures[f"{v:.2f} V"] = rows
    return figures


def _row(current, error, ratio, ratio_error) -> Figures:
    return {
        "current": float(current),
        "standard_error": float(error),
        "over_exact": float(ratio),
        "standard_error_of_ratio": float(ratio_error),
    }


def _figures(sweep: Sweep, exact: Sweep, i: int) -> Figures:
    ratio = sweep.current[i] / exact.current[i]
    if sweep is exact:
        return _row(sweep.current[i], sweep.error[i], 1.0, 0.0)
    difference = sweep.replicas[i] - exact.replicas[i]
    if len(difference) > 1:
        error = difference.std(ddof=1) / len(difference) ** 0.5
    else:
        error = np.hypot(sweep.error[i], exact.error[i])
    return _row(sweep.current[i], sweep.error[i], ratio, error / abs(exact.current[i]))


def _read_curve(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        table = np.genfromtxt(path, delimiter=",", comments="#", usecols=(0, 1))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the curve {path}: {error}.") from error
    table = table[np.isfinite(table).all(-1)] if table.ndim == 2 else table[:0]
    if len(table) == 0:
        raise DataError(f"{path} holds no two columns of numbers, V and A/cm^2.")
    return table[:, 0], table[:, 1]

"""Figures of merit against known Raman spectra, beside answers without a network."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from ... import io
from ...solvers import asymmetric_least_squares, kramers_kronig_retrieval
from .config import Config
from .predict import predict_spectra

Figures = dict[str, float]


def figures_of_merit(
    answer: Float[np.ndarray, "rows n"], truth: Float[np.ndarray, "rows n"]
) -> Figures:
    r"""Errors of a set of spectra.

    MAE and MSE are means over all points. PSNR is $10 \log_{10}$ of the squared maximum
    of the true spectrum over its MSE, R2 is $1 - \mathrm{MSE} / \mathrm{var}$, both
    means over spectra, as is the Pearson correlation, with its median beside it. A
    figure that no spectrum defines (the correlation of a constant) is NaN.

    Args:
        answer: Recovered Raman spectra.
        truth: True ones, of the same shape.

    Returns:
        `mae`, `mse`, `psnr`, `r2`, `pearson`, `pearson_median`.

    Example:
        >>> truth = np.array([[0.0, 1.0, 0.0, 0.0]])
        >>> figures = figures_of_merit(truth + 0.1, truth)
        >>> round(figures["mae"], 3), round(figures["psnr"], 1)
        (0.1, 20.0)
    """
    answer, truth = answer.astype(np.float64), truth.astype(np.float64)
    error = answer - truth
    mse = np.mean(error**2, -1)
    peak = np.max(np.abs(truth), -1)
    variance = np.var(truth, -1)
    a = answer - answer.mean(-1, keepdims=True)
    t = truth - truth.mean(-1, keepdims=True)
    norms = np.sqrt(np.sum(a**2, -1) * np.sum(t**2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        psnr = 10 * np.log10(peak**2 / mse)
        r2 = np.where(variance > 0, 1 - mse / variance, np.nan)
        pearson = np.where(norms > 0, np.sum(a * t, -1) / norms, np.nan)
    over = lambda reduce, x: (
        float(reduce(x[~np.isnan(x)])) if not np.isnan(x).all() else float("nan")
    )
    return {
        "mae": float(np.mean(np.abs(error))),
        "mse": float(np.mean(mse)),
        "psnr": over(np.mean, psnr),
        "r2": over(np.mean, r2),
        "pearson": over(np.mean, pearson),
        "pearson_median": over(np.median, pearson),
    }


def kramers_kronig_answer(
    intensity: Float[np.ndarray, "rows n"],
) -> Float[np.ndarray, "rows n"]:
    """Raman by Kramers-Kronig retrieval against a baseline, without any network.

    The reference is the asymmetric-least-squares baseline of the intensity itself, kept
    above a thousandth of its maximum.
    """
    intensity = np.asarray(intensity, np.float32)
    top = intensity.max(-1, keepdims=True)
    baseline = asymmetric_least_squares(intensity / top).value
    reference = np.maximum(np.asarray(baseline), 1e-3) * top
    chi = kramers_kronig_retrieval(np.maximum(intensity, 0), reference)
    return np.asarray(chi.imag)


def evaluate(
    config: Config, model: Any, *, data: str | Path | None = None
) -> dict[str, dict[str, Figures]]:
    """Figures of the model, of the zero answer and of Kramers-Kronig retrieval.

    Args:
        config: Settings; with `data=None` they say what is simulated.
        model: `intensity (n,) -> Retrieval`.
        data: `.npz` of pairs `{set}_cars`, `{set}_raman` (or `cars`, `raman`) with an
            axis `wavenumber` or `axis`; None simulates 64 spectra of each VECTOR set.

    Returns:
        `{set: {method: {figure: value}}}`.

    Raises:
        DataError: As `io.read_pairs`.
    """
    if data is None:
        axis, pairs = _simulated_pairs(config)
    else:
        axis, pairs = io.read_pairs(data)
    rising = axis[-1] > axis[0]
    figures = {}
    for name, (cars, raman) in pairs.items():
        classical = kramers_kronig_answer(cars if rising else cars[:, ::-1])
        figures[name] = {
            "model": figures_of_merit(predict_spectra(model, cars, axis)[0], raman),
            "zero": figures_of_merit(np.zeros_like(raman), raman),
            "kramers_kronig": figures_of_merit(
                classical if rising else classical[:, ::-1], raman
            ),
        }
    return figures


def _simulated_pairs(config: Config, rows: int = 64):
    """Held-out spectra of the VECTOR sets, from a key that no training step uses."""
    import jax

    from ...simulators import cars

    n = config.data.num_points
    make = jax.jit(
        jax.vmap(lambda key, which: cars.vector(key, which, num_points=n)),
    )
    pairs = {}
    for place, name in enumerate(cars.VECTOR_SETS):
        key = jax.random.fold_in(jax.random.key(2**31 - 1), place)
        batch = make(jax.random.split(key, rows), np.full(rows, place))
        pairs[name] = (np.asarray(batch.intensity), np.asarray(batch.raman))
    return np.linspace(0.1, 2000, n, endpoint=False), pairs

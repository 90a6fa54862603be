"""A retrieval as a picture: measurement, Raman spectrum with its lines, background."""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Num

from ...io import atomic_output

_LABELS = 12
_PROMINENCE = 0.03


def plot_retrieval(
    path: str | Path,
    wavenumber: Num[np.ndarray, " n"],
    intensity: Num[np.ndarray, " n"],
    raman: Num[np.ndarray, " n"],
    background: Num[np.ndarray, " n"],
    *,
    title: str = "",
    reference: Float[np.ndarray, " n"] | None = None,
) -> None:
    """Write a picture of three panels (`.png`, `.pdf` or `.svg`).

    Args:
        path: File to write, complete or not at all.
        wavenumber: Axis (n,) in cm^-1, ascending or descending.
        intensity: Measured CARS intensity (n,), any unit.
        raman: Im chi_R (n,), in units of sqrt(2 I).
        background: chi_NRB (n,), in the same units.
        title: Above the panels.
        reference: True Raman spectrum (n,), where known, drawn below the answer.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    top, middle, bottom = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": (2, 3, 2)}
    )
    amplitude = np.sqrt(2 * np.maximum(intensity, 0))
    top.plot(wavenumber, intensity, color="#33415c", lw=0.9)
    top.set_ylabel("CARS intensity $I$")
    if reference is not None:
        middle.plot(wavenumber, reference, color="#adb5bd", lw=2.4, label="truth")
    middle.plot(wavenumber, raman, color="#c1121f", lw=1.1, label="recovered")
    middle.fill_between(wavenumber, 0, raman, color="#c1121f", alpha=0.12, lw=0)
    middle.set_ylabel(r"Raman $\mathrm{Im}\,\chi_R$")
    _label_lines(middle, wavenumber, raman)
    bottom.plot(wavenumber, amplitude, color="#adb5bd", lw=0.9, label=r"$\sqrt{2I}$")
    bottom.plot(wavenumber, background, color="#1d6996", lw=1.5, label="background")
    bottom.set_ylabel(r"background $\chi_{NRB}$")
    bottom.set_ylim(bottom=min(0.0, float(np.min(background))))
    bottom.set_xlabel("Raman shift (cm$^{-1}$)")
    bottom.set_xlim(np.min(wavenumber), np.max(wavenumber))
    bottom.legend(frameon=False, loc="best")
    if reference is not None:
        middle.legend(frameon=False, loc="best")
    for axes in (top, middle, bottom):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, lw=0.5)
        axes.margins(x=0)
    figure.align_ylabels()
    figure.suptitle(title, fontsize=11)
    with atomic_output(path) as part:
        figure.savefig(part, format=Path(path).suffix[1:].lower())


def _label_lines(axes, wavenumber: np.ndarray, raman: np.ndarray) -> None:
    """Write the place of the most prominent lines above them, clear of each other."""
    from scipy.signal import find_peaks

    scale = float(np.max(raman))
    span = float(np.ptp(wavenumber))
    axes.set_ylim(min(0.0, float(np.min(raman))), 1.25 * scale if scale > 0 else 1.0)
    if scale <= 0:
        return
    peaks, facts = find_peaks(raman, prominence=_PROMINENCE * scale)
    taken: list[float] = []
    for peak in peaks[np.argsort(-facts["prominences"])]:
        x = float(wavenumber[peak])
        if len(taken) == _LABELS or any(abs(x - t) < 0.018 * span for t in taken):
            continue
        taken.append(x)
        axes.annotate(
            f"{x:.0f}" if span > 20 else f"{x:.3f}",
            (x, float(raman[peak])),
            xytext=(0, 4),
            textcoords="offset points",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=8,
            color="#33415c",
        )

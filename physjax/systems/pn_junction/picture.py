"""Curves and maps as pictures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...io import atomic_output

_COLOURS = ("#c1121f", "#1d6996", "#38a169", "#b7791f", "#6b46c1")
Curve = tuple[np.ndarray, np.ndarray, np.ndarray]


def plot_curves(
    path: str | Path,
    curves: Mapping[str, Curve],
    *,
    title: str = "",
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> None:
    """Current over voltage on a logarithmic axis, with error bars.

    Currents are drawn by their size; hollow markers are negative ones, and those below
    two standard errors, of which only an upper limit is known, point down.

    Args:
        path: File to write, `.png`, `.pdf` or `.svg`.
        curves: By name: voltages, currents, standard errors.
        title: Above.
        lines: Curves without errors, drawn as lines below.
    """
    figure, axes = _figure((8.0, 5.5), 1)
    for name, (volts, current) in (lines or {}).items():
        order = np.argsort(volts)
        size = np.abs(current[order])
        shown = size > 0
        axes.plot(volts[order][shown], size[shown], color="#6c757d", lw=1.4, label=name)
    span = max((np.ptp(curve[0]) for curve in curves.values()), default=0.0)
    middle = (len(curves) - 1) / 2
    drawn: set[str] = set()
    for k, (name, (volts, current, error)) in enumerate(curves.items()):
        # Side by side, or curves that agree would hide each other.
        beside = volts + (k - middle) * 0.012 * span
        drawn |= _draw_points(axes, name, k, beside, current, error)
    for what, style in _OTHERS.items():
        if what in drawn:
            axes.plot([], [], color="#6c757d", ls="none", ms=5, label=what, **style)
    axes.set_yscale("log")
    axes.set_xlabel("bias (V)")
    axes.set_ylabel("current density (A cm$^{-2}$)")
    axes.legend(frameon=False)
    _finish(figure, [axes], path, title)


_OTHERS = {
    "negative": {"marker": "o", "mfc": "none"},
    "upper limit (two standard errors)": {"marker": "v", "alpha": 0.4},
}
"""Markers that are not those of a curve."""


def _draw_points(axes, name, k, volts, current, error) -> set[str]:
    """Draws a curve, and says which of `_OTHERS` it needed."""
    colour, marker = _COLOURS[k % len(_COLOURS)], "osD^v"[k % 5]
    size = np.abs(current)
    known = (size > 2 * error) & (size > 0)
    forward = known & (current > 0)
    exact = not np.any(error)
    style = {"color": colour, "ls": "-" if exact else "none", "ms": 5, "lw": 1}
    axes.errorbar(
        volts[forward],
        size[forward],
        None if exact else error[forward],
        marker=marker,
        capsize=2,
        label=name,
        **style,
    )
    back = known & (current < 0)
    axes.plot(volts[back], size[back], marker=marker, mfc="none", **style)
    limit = ~known & (error > 0)
    axes.plot(volts[limit], (size + 2 * error)[limit], marker="v", alpha=0.4, **style)
    needed = zip(_OTHERS, (back.any(), limit.any()), strict=True)
    return {what for what, is_there in needed if is_there}


def plot_maps(
    path: str | Path,
    maps: Mapping[str, Float[np.ndarray, "nx ny"]],
    size_um: tuple[float, float],
    *,
    title: str = "",
) -> None:
    """Quantities on the nodes as maps, x to the right, one below the other.

    Args:
        path: File to write.
        maps: By name with unit.
        size_um: Length and height of the device.
        title: Above.
    """
    figure, axes = _figure((8.0, 1.9 * len(maps) + 0.6), len(maps))
    for panel, (name, values) in zip(np.atleast_1d(axes), maps.items(), strict=True):
        low, high = float(values.min()), float(values.max())
        top = max(-low, high) or 1.0
        signed = low < -0.1 * top and high > 0.1 * top
        image = panel.imshow(
            values.T,
            origin="lower",
            extent=(0, size_um[0], 0, size_um[1]),
            cmap="RdBu_r" if signed else "viridis",
            vmin=-top if signed else low,
            vmax=top if signed else high,
            aspect="auto",
        )
        figure.colorbar(image, ax=panel, pad=0.01)
        panel.set_title(name, fontsize=9, loc="left")
        panel.set_ylabel("y (um)")
    np.atleast_1d(axes)[-1].set_xlabel("x (um)")
    _finish(figure, [], path, title)


def _figure(size: tuple[float, float], rows: int):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, 1, sharex=True)


def _finish(figure, framed, path, title: str) -> None:
    for axes in framed:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, lw=0.5)
    figure.suptitle(title, fontsize=11)
    with atomic_output(path) as part:
        figure.savefig(part, format=Path(path).suffix[1:].lower())

"""Maps and spectra as pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import io

_LONGEST = 800


def draw_maps(
    path: Path,
    maps: np.ndarray,
    names: Sequence[str],
    limits: tuple[float, float] | None,
    colours: str,
) -> None:
    """Panels of the maps (rows, columns, n), thinned where they are large."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    step = max(1, -(-max(maps.shape[:2]) // _LONGEST))
    few = np.asarray(maps[::step, ::step])
    wide = min(len(names), 4)
    high = -(-len(names) // wide)
    ratio = min(max(few.shape[0] / few.shape[1], 0.3), 3.0)
    size = (3.2 * wide + 0.6, high * (3.2 * ratio + 0.5))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(high, wide, squeeze=False).ravel()
    image = None
    for panel, name, values in zip(
        panels, names, np.moveaxis(few, -1, 0), strict=False
    ):
        low, top = limits or (0.0, _high(values))
        image = panel.imshow(values, vmin=low, vmax=top, cmap=colours)
        panel.set_title(name[:40], fontsize=9)
        if limits is None:
            figure.colorbar(image, ax=panel, shrink=0.8)
    for panel in panels:
        panel.set_axis_off()
    if limits is not None and image is not None:
        figure.colorbar(image, ax=panels.tolist(), shrink=0.8, label="abundance")
    with io.atomic_output(path) as part:
        figure.savefig(part, format="png")


def draw_spectra(path: Path, library: io.SpectralLibrary) -> None:
    """Spectra over wavelength, broken where bands are left out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    axis = library.wavelength
    label = "wavelength (nm)"
    if axis is None:
        axis, label = np.arange(1.0, library.spectra.shape[1] + 1), "band"
    order = np.argsort(axis, kind="stable")
    axis = axis[order]
    steps = np.diff(axis)
    breaks = np.flatnonzero(steps > 5 * np.median(steps)) + 1 if steps.size else []
    for name, spectrum in zip(library.names, library.spectra, strict=True):
        values = np.insert(spectrum[order], breaks, np.nan)
        panel.plot(np.insert(axis, breaks, np.nan), values, lw=1.2, label=name[:40])
    panel.set_xlabel(label)
    panel.set_ylabel("reflectance, or as in the file")
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(alpha=0.25, lw=0.5)
    panel.margins(x=0)
    if len(library.names) <= 16:
        panel.legend(frameon=False, fontsize=8)
    with io.atomic_output(path) as part:
        figure.savefig(part, format="png")


def _high(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    return max(float(np.percentile(there, 99)), 1e-6) if there.size else 1.0

"""A prediction as a picture: measured, hidden, predicted, abundances, endmembers."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ...io import atomic_output
from .predict import Prediction

_COLOURS = (650.0, 560.0, 470.0)
_MAPS = 8


def plot_prediction(
    path: str | Path,
    reflectance: Float[np.ndarray, "rows columns bands"],
    wavelength: Float[np.ndarray, " bands"],
    answer: Prediction,
) -> None:
    """Write the picture (`.png`, `.pdf` or `.svg`), complete or not at all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bands = [int(np.argmin(np.abs(wavelength - c))) for c in _COLOURS]
    shown = np.nan_to_num(reflectance[..., bands])
    low, high = np.percentile(shown, [1, 99])
    stretch = lambda x: np.clip((x - low) / max(high - low, 1e-6), 0, 1)
    seen = np.where(answer.hidden[..., None], 0.15, stretch(shown))
    pictures = [
        ("measured", stretch(shown)),
        ("what the model sees", seen),
        ("reconstruction", stretch(answer.reconstruction[..., bands])),
    ]
    maps = []
    if answer.abundances is not None:
        order = np.argsort(-answer.abundances.mean((0, 1)))[:_MAPS]
        maps = [(f"endmember {i + 1}", answer.abundances[..., i], i) for i in order]
    lines = 1 if not maps else 1 + -(-len(maps) // 4)
    figure = Figure(figsize=(11, 2.9 * lines), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, 4, squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    for place, (title, picture) in zip(axes[0], pictures, strict=False):
        place.imshow(picture, interpolation="nearest")
        place.set_title(title, fontsize=9)
    colour = lambda i: f"C{i % 10}"
    for place, (title, picture, i) in zip(axes[1:].flat, maps, strict=False):
        place.imshow(picture, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        place.set_title(title, fontsize=9, color=colour(i))
    last = axes[0, 3]
    last.set_axis_on()
    order = np.argsort(wavelength)
    if answer.endmembers is not None:
        for _, _, i in maps:
            last.plot(
                wavelength[order], answer.endmembers[i][order], color=colour(i), lw=0.9
            )
    else:
        mean = np.nanmean(reflectance, (0, 1))
        last.plot(wavelength[order], mean[order], color="#33415c", lw=0.9)
    last.set_xlabel("wavelength (nm)", fontsize=8)
    last.set_title("endmembers, norm 1" if maps else "mean", fontsize=9)
    last.tick_params(labelsize=7)
    with atomic_output(path) as part:
        figure.savefig(part, format=Path(path).suffix[1:].lower())

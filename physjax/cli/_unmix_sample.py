"""Pixels that stand for a whole image, and the bands that can be used."""

import numpy as np
from jaxtyping import Bool, Float

from .. import io
from .._errors import DataError


def draw_sample(
    image: io.Cube, count: int, seed: int
) -> tuple[Float[np.ndarray, "pixels bands"], Bool[np.ndarray, " all"]]:
    """At most `count` pixels, spread evenly with jitter, and the bands in use.

    A band is in use if the file does not call it bad and most of the pixels with any
    data have a number in it, one of twenty other than zero. Pixels come with these
    bands alone, all of them finite.

    Raises:
        DataError: There is no such band, or hardly a pixel.
    """
    rows, columns, _ = image.shape
    random = np.random.default_rng(seed)
    wide = min(columns, max(1, round(np.sqrt(count * columns / rows))))
    high = min(rows, max(1, count // wide))
    wide = min(columns, max(1, count // high))
    picked = [
        image.reflectance(slice(row, row + 1))[0][_spread(random, columns, wide)]
        for row in _spread(random, rows, high)
    ]
    pixels = np.concatenate(picked)
    finite = np.isfinite(pixels)
    some = (finite & (pixels != 0)).any(axis=1)
    pixels, finite = pixels[some], finite[some]
    use = image.good & (finite.mean(axis=0) > 0.5 if len(pixels) else False)
    # Bands in the absorption of water are often set to zero without a word.
    use &= (pixels != 0).mean(axis=0) > 0.05 if len(pixels) else False
    pixels = pixels[finite[:, use].all(axis=1)][:, use]
    pixels = pixels[(pixels != 0).any(axis=1)]
    if use.sum() < 2 or len(pixels) < 8:
        raise DataError(
            f"{image.source} has {len(pixels)} pixels with data among {high * wide} "
            f"looked at, in {use.sum()} bands; check its no-data value and bad bands."
        )
    return pixels, use


def _spread(random: np.random.Generator, size: int, count: int) -> np.ndarray:
    """`count` different places of `size`, one in each of as many equal parts."""
    if count >= size:
        return np.arange(size)
    places = (np.arange(count) + random.random(count)) * (size / count)
    return np.unique(np.minimum(places.astype(int), size - 1))

"""Operations along the bands: continuum, indices by wavelength, sensor response."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.scipy.special import ndtr
from jaxtyping import Array, Float

from .._numerics import safe_divide

INDICES = {
    "ndvi": (865.0, 665.0),
    "ndwi": (560.0, 842.0),
    "ndmi": (865.0, 1610.0),
    "nbr": (865.0, 2190.0),
    "ndsi": (560.0, 1610.0),
    "pri": (531.0, 570.0),
    "ndre": (790.0, 720.0),
}
"""Normalised differences by name: the wavelengths in nm of the first and second band.
Vegetation, water, moisture, burns, snow, photochemistry, red edge."""

FWHM = 2 * float(np.sqrt(2 * np.log(2)))
"""Full width of a Gaussian at half its maximum, in standard deviations."""


def normalized_difference(
    spectra: Float[Array, "*pixels bands"],
    wavelength: Float[Array, " bands"],
    first: float,
    second: float,
) -> Float[Array, "*pixels"]:
    r"""Index $(y_1 - y_2) / (y_1 + y_2)$ of the bands nearest to two wavelengths.

    Args:
        spectra: Any batch axes and unit.
        wavelength: Centres of the bands in nm, in any order.
        first: Wavelength of $y_1$ in nm.
        second: Wavelength of $y_2$ in nm.

    Returns:
        The index, without the axis of bands; zero, with gradient zero, where both bands
        cancel.

    Raises:
        ValueError: If a wavelength lies more than 50 nm from every band. Under a
            transformation of the wavelengths this is not known, and not checked.

    Example:
        >>> spectra = jnp.array([0.05, 0.04, 0.45])
        >>> wavelength = jnp.array([560.0, 660.0, 860.0])
        >>> round(float(normalized_difference(spectra, wavelength, 865.0, 665.0)), 4)
        0.8367

    References:
        Tucker, Remote Sens. Environ. 8, 127 (1979).
    """
    y1, y2 = (
        jnp.take(spectra, _nearest(wavelength, target, name), axis=-1)
        for target, name in ((first, "first"), (second, "second"))
    )
    return safe_divide(y1 - y2, y1 + y2)


def band_index(
    spectra: Float[Array, "*pixels bands"],
    wavelength: Float[Array, " bands"],
    name: str,
) -> Float[Array, "*pixels"]:
    """Normalised difference of `INDICES`, by its name.

    Args:
        spectra: Any batch axes and unit.
        wavelength: Centres of the bands in nm, in any order.
        name: One of `INDICES`.

    Returns:
        The index, without the axis of bands.

    Raises:
        ValueError: If there is no such index, or as `normalized_difference`.

    Example:
        >>> spectra = jnp.array([0.05, 0.04, 0.45])
        >>> wavelength = jnp.array([560.0, 660.0, 860.0])
        >>> round(float(band_index(spectra, wavelength, "ndvi")), 4)
        0.8367
    """
    if name not in INDICES:
        raise ValueError(f"`name` must be one of {sorted(INDICES)}; got {name!r}.")
    return normalized_difference(spectra, wavelength, *INDICES[name])


def _nearest(wavelength: Array, target: float, name: str) -> Array:
    if not isinstance(wavelength, Tracer):
        apart = float(np.min(np.abs(np.asarray(wavelength) - target)))
        if not apart <= 50:
            raise ValueError(
                f"`{name}` is {target} nm, but the nearest band is {apart:.0f} nm away:"
                " are the wavelengths in nm?"
            )
    return jnp.argmin(jnp.abs(wavelength - target))


def continuum_removal(
    spectra: Float[Array, "*pixels bands"], wavelength: Float[Array, " bands"]
) -> Float[Array, "*pixels bands"]:
    r"""Spectra divided by their upper convex hull: at most 1, absorptions below.

    The hull is walked from left to right, to the point of steepest ascent each time.

    Args:
        spectra: Positive spectra, any batch axes and unit.
        wavelength: Ascending centres of the bands, any unit.

    Returns:
        Ratio to the hull, of the shape and dtype of the spectra. Differentiable, the
        bands that carry the hull held; 0 where the hull is zero.

    Example:
        >>> ratio = continuum_removal(
        ...     jnp.array([1.0, 1.0, 3.0]), jnp.array([0.0, 1.0, 2.0])
        ... )
        >>> ratio.tolist()
        [1.0, 0.5, 1.0]

    References:
        Clark and Roush, J. Geophys. Res. 89, 6329 (1984).
    """
    bands = spectra.shape[-1]
    pixels = spectra.reshape(-1, bands)
    number = jnp.arange(bands)
    vertices = _hull_vertices(*lax.stop_gradient((pixels, wavelength)))
    left = lax.cummax(jnp.where(vertices, number[None], 0), axis=1)
    right = lax.cummin(
        jnp.where(vertices, number[None], bands - 1), axis=1, reverse=True
    )
    at = lambda index: jnp.take_along_axis(pixels, index, axis=1)
    share = safe_divide(
        wavelength[None] - wavelength[left], _span(wavelength, left, right)
    )
    hull = at(left) + share * (at(right) - at(left))
    return safe_divide(pixels, hull).reshape(spectra.shape)


def _span(wavelength: Array, left: Array, right: Array) -> Array:
    return wavelength[right] - wavelength[left]


def _hull_vertices(pixels: Array, wavelength: Array) -> Array:
    """Which bands carry the upper hull."""
    count, bands = pixels.shape
    number = jnp.arange(bands)

    def unfinished(state):
        here, _ = state
        return jnp.any(here < bands - 1)

    def walk(state):
        here, vertices = state
        height = jnp.take_along_axis(pixels, here[:, None], axis=1)
        ahead = number[None] > here[:, None]
        run = jnp.where(ahead, wavelength[None] - wavelength[here][:, None], 1)
        slope = jnp.where(ahead, (pixels - height) / run, -jnp.inf)
        slope = jnp.where(ahead & jnp.isnan(slope), jnp.inf, slope)
        # Of equally steep points the last: fewer steps.
        steepest = bands - 1 - jnp.argmax(slope[:, ::-1], axis=1)
        here = jnp.where(here < bands - 1, steepest, here)
        return here, vertices | (number[None] == here[:, None])

    start = jnp.zeros(count, number.dtype)
    first = jnp.broadcast_to(number[None] == 0, pixels.shape)
    return lax.while_loop(unfinished, walk, (start, first))[1]


def gaussian_response(
    source_wavelength: Float[Array, " old"],
    wavelength: Float[Array, " new"],
    fwhm: Float[Array, " new"],
) -> Float[Array, "new old"]:
    r"""Matrix that resamples spectra to a sensor with Gaussian bands.

    Each row integrates the Gaussian over the straight lines between the points of the
    source, in closed form: constants, and lines away from the ends, are kept exactly,
    for sources finer and coarser than the bands and of any spacing. Beyond its ends the
    source counts as constant.

    Args:
        source_wavelength: Ascending centres of the source's bands, in nm; two or more.
        wavelength: Centres of the sensor's bands, in nm.
        fwhm: Their full widths at half maximum, in nm, positive.

    Returns:
        Weights, none negative, whose rows sum to 1.

    Raises:
        ValueError: If a band lies outside the source by more than half its width. Under
            a transformation this is not known, and not checked.

    Example:
        >>> source = jnp.linspace(400.0, 1000.0, 61)
        >>> response = gaussian_response(source, jnp.array([655.0]), jnp.array([30.0]))
        >>> round(float((response @ source)[0]), 2)
        655.0

    References:
        Green et al., Remote Sens. Environ. 65, 227 (1998), for the model of a band.
    """
    known = (source_wavelength, wavelength, fwhm)
    if not any(isinstance(x, Tracer) for x in known):
        old, new, width = (np.asarray(x) for x in known)
        outside = (new + width / 2 < old[0]) | (new - width / 2 > old[-1])
        outside = np.flatnonzero(outside)
        if outside.size:
            raise ValueError(
                f"`wavelength` must lie inside the source's {old[0]:g} to {old[-1]:g} "
                f"nm; {outside.size} of {new.size} centres do not, the first is "
                f"{new[outside[0]]:g}."
            )
    sigma = fwhm[:, None] / FWHM
    x = source_wavelength[None] - wavelength[:, None]
    # The second antiderivative of the Gaussian is max(x, 0) and a part that decays.
    t = jnp.abs(x) / sigma
    density = jnp.exp(-(t**2) / 2) / float(np.sqrt(2 * np.pi))
    decaying = sigma * (density - t * ndtr(-t))
    ramp = jnp.maximum(x, 0)
    rise = (jnp.diff(decaying) + jnp.diff(ramp)) / jnp.diff(x)
    ends = jnp.zeros_like(rise[:, :1])
    weights = jnp.diff(jnp.concatenate([ends, rise, ends + 1], axis=1))
    weights = jnp.maximum(weights, 0)  # against rounding
    return weights / jnp.sum(weights, 1, keepdims=True)


def resample(
    spectra: Float[Array, "*pixels old"], response: Float[Array, "new old"]
) -> Float[Array, "*pixels new"]:
    """Spectra as another sensor sees them.

    Args:
        spectra: Any batch axes and unit.
        response: From `gaussian_response`, or measured; rows that sum to 1.

    Returns:
        Spectra in the same unit.

    Example:
        >>> resample(jnp.array([1.0, 3.0]), jnp.array([[0.5, 0.5]])).tolist()
        [2.0]
    """
    return jnp.matmul(spectra, response.T, precision="highest")

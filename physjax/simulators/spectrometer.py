"""What a broadband CARS spectrometer records of a pure liquid."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .cars import CarsSpectrum, Lines, susceptibility

TOLUENE = np.array(
    # line (cm^-1), height relative to the ring-breathing mode, half width (cm^-1)
    [
        [521.7, 0.16, 2.6],
        [786.5, 0.35, 2.6],
        [1003.6, 1.00, 1.8],
        [1030.6, 0.26, 2.2],
        [1211.4, 0.18, 3.0],
        [1379.6, 0.10, 4.0],
        [1605.1, 0.15, 4.5],
        [2921.0, 0.40, 7.0],
        [3056.0, 0.70, 8.0],
    ]
)
"""Lines of liquid toluene: literature positions, heights and widths rounded."""


def pixel_axis(
    num_pixels: int = 1340,
    *,
    pump_nm: float = 1030.0,
    low: float = 400.0,
    high: float = 3200.0,
) -> Float[np.ndarray, " n"]:
    """Raman shifts in cm^-1, ascending, of pixels that are uniform in wavelength.

    The anti-Stokes wavelength of the shift s is 1e7 / (1e7 / pump + s) nm; equal steps
    of it are unequal steps of s.

    Example:
        >>> steps = np.diff(pixel_axis())
        >>> print(steps.min().round(2), steps.max().round(2))
        1.64 2.67
    """
    wavelength = lambda shift: 1e7 / (1e7 / pump_nm + shift)
    pixels = np.linspace(wavelength(low), wavelength(high), num_pixels)
    return 1e7 / pixels - 1e7 / pump_nm


def record(
    key: PRNGKeyArray,
    wavenumber: Float[Array, " n"],
    *,
    lines: Float[np.ndarray, "lines 3"] = TOLUENE,
    resonance: float = 0.35,
    counts: float = 6e4,
    dark: float = 500.0,
    read_noise: float = 8.0,
) -> CarsSpectrum:
    """What a broadband spectrometer records of a pure liquid, in counts; ours.

    A flat background under a Stokes envelope that falls by a factor of 60 over the
    axis, `resonance` times as strong at the strongest line, plus a dark offset, shot
    noise and read noise.

    Args:
        key: Random key of the noise.
        wavenumber: Ascending axis in cm^-1.
        lines: Position, height and half width of each line.
        resonance: Largest Im chi_R over the background.
        counts: Largest count above the dark offset.
        dark: Offset in counts.
        read_noise: Standard deviation of the detector in counts.

    Returns:
        Intensity in counts, `raman` and `background` in units of sqrt(2 counts).
    """
    nu = wavenumber
    dtype = nu.dtype
    center, height, width = (jnp.asarray(column, dtype) for column in lines.T)
    real, imag = susceptibility(nu, Lines(height * width, center, width))
    scale = resonance / imag.max()
    x = (nu - nu[0]) / (nu[-1] - nu[0])
    root = jnp.exp(-0.5 * math.log(60.0) * x**1.5)
    real, imag, background = real * scale * root, imag * scale * root, root
    clean = 0.5 * ((real + background) ** 2 + imag**2)
    gain = counts / clean.max()
    clean, up = gain * clean, jnp.sqrt(gain)
    shot, read = jax.random.normal(key, (2, *nu.shape), dtype)
    intensity = clean + dark + jnp.sqrt(clean + dark) * shot + read_noise * read
    return CarsSpectrum(intensity, up * imag, up * background)

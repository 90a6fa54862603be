"""Lines of a recovered Raman spectrum."""

import numpy as np
from jaxtyping import Float

PROMINENCE = 0.015
"""Smallest prominence of a line, as a fraction of the largest value: that of Vernuccio
et al., Opt. Express 32, 18301 (2024)."""


def find_lines(
    wavenumber: Float[np.ndarray, " n"],
    raman: Float[np.ndarray, " n"],
    *,
    prominence: float = PROMINENCE,
) -> Float[np.ndarray, " lines"]:
    """Positions of the maxima of a spectrum with enough prominence, in its axis.

    Args:
        wavenumber: Axis (n,).
        raman: Spectrum (n,).
        prominence: Fraction of the spectrum's largest value.

    Example:
        >>> nu = np.linspace(0.0, 100.0, 101)
        >>> find_lines(nu, 1 / (1 + (nu - 40) ** 2)).tolist()
        [40.0]
    """
    from scipy.signal import find_peaks

    return wavenumber[find_peaks(raman, prominence=prominence * raman.max())[0]]


def match_lines(
    found: Float[np.ndarray, " found"], known: Float[np.ndarray, " known"]
) -> Float[np.ndarray, " known"]:
    """Distance from each known line to the nearest found one; NaN if none was found."""
    if found.size == 0:
        return np.full(known.shape, np.nan)
    nearest = found[np.argmin(np.abs(found[None, :] - known[:, None]), axis=1)]
    return nearest - known

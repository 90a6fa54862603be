"""From the bands of any sensor to those of a model, and back. NumPy only."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..._errors import DataError

GAP = 60.0
"""Bands of a model farther than this from a band on either side, in nm, are hidden."""


class Sensor(NamedTuple):
    """Linear interpolation between two sets of bands.

    Attributes:
        to_model: From a sensor's bands to the model's; zero for those not covered.
        coverage: 1 for the model's bands that the sensor sees, else 0.
        from_model: From the model's bands to the sensor's; the nearest outside.
    """

    to_model: Float[np.ndarray, "bands grid"]
    coverage: Float[np.ndarray, " grid"]
    from_model: Float[np.ndarray, "grid bands"]


def make_sensor(
    wavelength: Float[np.ndarray, " bands"],
    grid: Float[np.ndarray, " grid"],
    good: Bool[np.ndarray, " bands"] | None = None,
) -> Sensor:
    """The way between a sensor's bands and a model's.

    Args:
        wavelength: Centres of the sensor's bands in nm, in any order.
        grid: Centres of the model's bands in nm, in any order.
        good: Which of the sensor's bands can be used; all by default.

    Raises:
        DataError: No band of the model is within the range of the sensor.

    Example:
        >>> sensor = make_sensor(np.array([500.0, 520.0]), np.array([510.0, 900.0]))
        >>> sensor.to_model[:, 0].tolist(), sensor.coverage.tolist()
        ([0.5, 0.5], [1.0, 0.0])
    """
    use = np.ones(wavelength.shape, bool) if good is None else good
    places = np.flatnonzero(use)
    to_model = np.zeros((wavelength.size, grid.size), np.float32)
    weights, near = _interpolation(wavelength[places], grid)
    to_model[places] = weights
    coverage = (near <= GAP).astype(np.float32)
    if not coverage.any():
        raise DataError(
            f"the bands lie from {wavelength.min():g} to {wavelength.max():g} nm, "
            f"those of the model from {grid.min():g} to {grid.max():g}; is the unit nm?"
        )
    from_model, _ = _interpolation(grid, wavelength, nearest=True)
    return Sensor(to_model * coverage, coverage, from_model)


def _interpolation(known, wanted, nearest=False):
    """Weights (known, wanted), and how far the farther neighbour is."""
    order = np.argsort(known, kind="stable")
    x = known[order].astype(float)
    right = np.clip(np.searchsorted(x, wanted), 1, max(len(x) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(x) - 1)
    width = x[right] - x[left]
    share = (wanted - x[left]) / np.where(width > 0, width, 1)
    exact = (np.abs(x[left] - wanted) < 1e-3) | (np.abs(x[right] - wanted) < 1e-3)
    inside = (share >= 0) & (share <= 1)
    far = np.maximum(np.abs(wanted - x[left]), np.abs(x[right] - wanted))
    far = np.where(exact, 0.0, np.where(inside, far, np.inf))
    share = np.clip(share, 0, 1)
    weights = np.zeros((len(x), len(wanted)), np.float32)
    column = np.arange(len(wanted))
    np.add.at(weights, (order[left], column), 1 - share)
    np.add.at(weights, (order[right], column), share)
    if not nearest:
        weights[:, ~np.isfinite(far)] = 0
    return weights, far

"""Wavelengths of any unit in nanometres. Imports no jax."""

import numpy as np
from jaxtyping import Float

from .._errors import DataError

_SPEED = 299792458.0
_LENGTHS = {
    "nanometers": 1.0,
    "nanometer": 1.0,
    "nanometres": 1.0,
    "nm": 1.0,
    "micrometers": 1e3,
    "micrometer": 1e3,
    "micrometres": 1e3,
    "microns": 1e3,
    "um": 1e3,
    "µm": 1e3,
    "μm": 1e3,
    "millimeters": 1e6,
    "mm": 1e6,
    "centimeters": 1e7,
    "cm": 1e7,
    "meters": 1e9,
    "m": 1e9,
    "angstroms": 0.1,
}
# Reciprocal units: wavelength in nm is the constant over the value.
_RECIPROCALS = {
    "wavenumber": 1e7,
    "cm-1": 1e7,
    "cm^-1": 1e7,
    "1/cm": 1e7,
    "ghz": _SPEED,
    "mhz": 1e3 * _SPEED,
}
_UNKNOWN = ("", "unknown", "none")


def to_nanometres(
    values: Float[np.ndarray, " n"],
    unit: str,
    name: str,
    fwhm: Float[np.ndarray, " n"] | None = None,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"] | None]:
    """Centres and widths of bands in nm.

    Args:
        values: Centres.
        unit: Name of the unit; where it is unknown, values below 100 are micrometres
            and others nm.
        name: How messages call the centres.
        fwhm: Widths in the same unit.

    Raises:
        DataError: A value is not positive and finite, or the unit has no wavelength.

    >>> to_nanometres(np.array([0.5, 2.0]), "Micrometers", "wavelength")[0]
    array([ 500., 2000.])
    >>> to_nanometres(np.array([1e4]), "Wavenumber", "wavelength", np.array([10.0]))
    (array([1000.]), array([1.]))
    """
    if fwhm is not None and not fwhm.any():
        fwhm = None  # unknown widths are often written as zeros
    for label, array in ((name, values), (f"fwhm beside {name}", fwhm)):
        if array is None:
            continue
        wrong = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
        if wrong.size:
            raise DataError(
                f"{label} is {array[wrong[0]]:g} at band {wrong[0] + 1}, but must be "
                f"positive; mend it or remove the field."
            )
    kind = unit.strip().lower()
    if kind in _UNKNOWN:
        kind = "um" if values.size and values.max() < 100 else "nm"
    if kind in _LENGTHS:
        factor = _LENGTHS[kind]
        return values * factor, None if fwhm is None else fwhm * factor
    if kind in _RECIPROCALS:
        length = _RECIPROCALS[kind] / values
        return length, None if fwhm is None else length * fwhm / values
    raise DataError(
        f"{name} has the unit {unit.strip()!r}, which is unknown; use nanometers or "
        f"micrometers."
    )

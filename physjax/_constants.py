"""Physical constants: exact SI values, and the measured permittivity of CODATA 2018."""

from typing import Any

ELEMENTARY_CHARGE = 1.602176634e-19
"""C, exact. A value rounded to 1.6e-19 moves the current of a junction by percents."""
BOLTZMANN = 1.380649e-23
"""J/K, exact."""
VACUUM_PERMITTIVITY = 8.8541878128e-12
"""F/m."""
VACUUM_PERMITTIVITY_CM = 8.8541878128e-14
"""F/cm, the unit of device physics."""
ELECTRON_MASS = 9.1093837015e-31
"""kg."""
PLANCK_REDUCED = 1.054571817e-34
"""J s."""


def thermal_voltage(temperature: Any) -> Any:
    """kT/q in V, for a temperature in K.

    >>> round(thermal_voltage(300.0), 9)
    0.025852
    """
    return BOLTZMANN / ELEMENTARY_CHARGE * temperature

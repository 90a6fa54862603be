"""Devices that are simulated often: p-n junctions of silicon and gallium arsenide."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..._constants import VACUUM_PERMITTIVITY_CM
from . import gaas_rates as rates
from .state import ParticleDevice

GAAS_PERMITTIVITY = rates.PERMITTIVITY * VACUUM_PERMITTIVITY_CM
"""F/cm."""
GAAS_INTRINSIC = 1.8e6
"""Intrinsic density of gallium arsenide at 300 K, cm^-3."""
PUBLISHED_STEP = 1e-14
"""Length of a step of the published simulation, s."""
PUBLISHED_BIASES = tuple(k / 20 for k in range(57))
"""Biases of the published sweep, V: 0 to 2.8."""


def pn_device(
    *,
    length: float = 4e-5,
    height: float = 8e-6,
    shape: tuple[int, int] = (41, 9),
    acceptors: float = 1e17,
    donors: float = 1e17,
    intrinsic: float = 1e10,
    per_cell: float | int = 32,
    thermal_voltage: float = 0.025852,
) -> ParticleDevice:
    """Abrupt junction at half the length, acceptors on the side of the first contact.

    The defaults are silicon in the published geometry, 0.4 um x 0.08 um.

    Args:
        length: Distance of the contacts, cm.
        height: Distance of the walls, cm.
        shape: Nodes along each axis; odd along x, so that one lies on the junction.
        acceptors: Doping of the first half, cm^-3.
        donors: Doping of the second half, cm^-3.
        intrinsic: Intrinsic density, cm^-3.
        per_cell: Particles per cell at the larger of the two dopings.
        thermal_voltage: kT/q, V.

    Example:
        >>> round(pn_device(per_cell=8).weight, 6)
        12500.0
    """
    nx, ny = shape
    spacing = (length / (nx - 1), height / (ny - 1))
    x = np.arange(nx) - (nx - 1) / 2
    profile = np.where(x < 0, -acceptors, donors)
    profile = np.where(x == 0, (donors - acceptors) / 2, profile)
    return ParticleDevice(
        shape,
        spacing,
        jnp.asarray(profile, jnp.result_type(float)),
        weight=max(acceptors, donors) * spacing[0] * spacing[1] / per_cell,
        intrinsic=intrinsic,
        thermal_voltage=thermal_voltage,
    )


def gaas_device(
    *,
    shape: tuple[int, int] = (41, 9),
    doping: float = 1e17,
    per_cell: float | int = 8,
) -> ParticleDevice:
    """The published junction: gallium arsenide, 0.4 um x 0.08 um, 300 K.

    The built-in potential is 1.279 V. It goes with `GalliumArsenide(doping)`,
    `exact_solver(device, GAAS_PERMITTIVITY)`, steps of `PUBLISHED_STEP` and the biases
    `PUBLISHED_BIASES`.

    Args:
        shape: Nodes along each axis; odd along x.
        doping: Acceptors of the first half and donors of the second, cm^-3.
        per_cell: Particles per cell at that doping.

    Example:
        >>> device = gaas_device()
        >>> volts = device.contact_potentials(0.0)
        >>> round(float(volts[1] - volts[0]), 3), round(device.weight)
        (1.279, 12500)
    """
    return pn_device(
        shape=shape,
        acceptors=doping,
        donors=doping,
        intrinsic=GAAS_INTRINSIC,
        per_cell=per_cell,
    )


def gaas_slots(bias: Any, per_cell: float | int = 8) -> np.ndarray:
    """Slots per species for runs of `gaas_device` between `GhostSlab` contacts.

    What the stationary state holds in steps of `PUBLISHED_STEP`, a twentieth more, and
    the reservoirs. Runs of up to 1.2 V start fuller than they end.

    Args:
        bias: V, any shape.
        per_cell: Of the device.

    Example:
        >>> gaas_slots([0.0, 1.4, 2.8]).tolist()
        [1536, 3072, 4864]
    """
    volts, slots = [1.2, 1.4, 1.6, 2.0, 2.8], [1536, 3072, 3392, 4352, 4864]
    need = np.interp(np.asarray(bias, float), volts, slots) * (per_cell / 8)
    return (-(-need // 64) * 64).astype(int)

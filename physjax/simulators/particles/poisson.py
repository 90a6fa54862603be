"""The exact Poisson solver of a rectangular device."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from ..._boundaries import Neumann
from ...solvers.green import GreenFunction
from .state import ParticleDevice


def exact_solver(
    device: ParticleDevice, permittivity: float | ArrayLike, dtype: Any = jnp.float32
) -> GreenFunction:
    """Green's function with the two contacts, and walls on which the field is normal.

    Args:
        device: The device; its nodes lie on the walls.
        permittivity: F/cm; broadcasts to the nodes.
        dtype: Type of the run.

    Returns:
        A callable `solver(charge, potentials) -> potential` for `simulate`.

    Example:
        >>> from physjax.simulators.particles import pn_device
        >>> solver = exact_solver(pn_device(), 1e-12)
        >>> solver(jnp.zeros((41, 9)), jnp.array([0.0, 1.0]))[20, 4].round(5).item()
        0.5
    """
    wall = Neumann(wall="node")
    contacts = np.zeros(device.shape, int)
    contacts[0], contacts[-1] = 1, 2
    return GreenFunction(
        device.shape,
        device.spacing,
        [(wall, wall), (wall, wall)],
        permittivity=np.broadcast_to(np.asarray(permittivity, float), device.shape),
        electrodes=contacts,
        dtype=dtype,
    )

"""The rectangle between two contacts, and its exact Poisson solver."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Int

from ..._boundaries import Neumann
from ...solvers.green import GreenFunction
from .state import ParticleDevice

WALLS = [(Neumann(wall="node"), Neumann(wall="node"))] * 2
"""No field through any side; the contacts are electrodes on top of two of them."""


def contact_labels(shape: tuple[int, ...]) -> Int[np.ndarray, "nx ny"]:
    """Electrodes of the solvers: 1 on the first row of nodes, 2 on the last, else 0."""
    labels = np.zeros(shape, int)
    labels[0], labels[-1] = 1, 2
    return labels


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
    return GreenFunction(
        device.shape,
        device.spacing,
        WALLS,
        permittivity=np.broadcast_to(np.asarray(permittivity, float), device.shape),
        electrodes=contact_labels(device.shape),
        dtype=dtype,
    )

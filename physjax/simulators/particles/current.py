r"""Currents, and how far to trust them.

Three estimates of one mean, A/cm^2, positive from the first contact to the second:

* Ramo-Shockley, $J = \frac{q w}{L h\,\Delta t}\sum_k s_k\,\Delta x_k$ over all moves of
  charge within the device, those of injection and deletion included. The displacement
  current of the mean field is zero at a constant bias.
* the net charge that passes either contact per area and time.

Between plates at constant voltage the weighting field is $1/L$ whatever is inside.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..._constants import ELEMENTARY_CHARGE as Q
from .contacts import Settled
from .state import SIGNS, ParticleDevice


class Current(NamedTuple):
    """Currents of one step, or of many along the first axis.

    Attributes:
        ramo: Ramo-Shockley current, A/cm^2.
        left: Charge through the first contact, A/cm^2.
        right: Charge through the second contact, A/cm^2.
        entered: Particles that came minus those that went, per species and contact.
        count: Particles after the step, per species.
    """

    ramo: Float[Array, "*steps"]
    left: Float[Array, "*steps"]
    right: Float[Array, "*steps"]
    entered: Int[Array, "*steps 2 2"]
    count: Int[Array, "*steps 2"]


def current_of_step(
    device: ParticleDevice, settled: Settled, dt: float | Float[Array, ""]
) -> Current:
    """The three currents of one step, and its ledger."""
    dtype = settled.moved.dtype
    signs = jnp.array(SIGNS, dtype)
    weight, dt = jnp.asarray(device.weight, dtype), jnp.asarray(dt, dtype)
    scale = Q * weight / device.height / dt
    ramo = scale / device.length * jnp.sum(signs * settled.moved)
    charge = jnp.sum(signs[:, None] * settled.entered.astype(dtype), axis=0)
    count = jnp.sum(settled.alive, axis=-1, dtype=jnp.int32)
    return Current(ramo, scale * charge[0], -scale * charge[1], settled.entered, count)


def block_average(
    series: Float[Array | np.ndarray, "steps ..."], blocks: int = 20
) -> tuple[Float[Array | np.ndarray, "..."], Float[Array | np.ndarray, "..."]]:
    """Mean of a correlated series and its standard error, by averages over blocks.

    The error is right when a block is long against the correlation time. Steps beyond
    the last full block are left out.

    Args:
        series: Values over time.
        blocks: Number of blocks, at least two.

    Returns:
        `(mean, standard_error)`, of NumPy or JAX as the series is.

    Raises:
        ValueError: If `blocks` is below two or above the number of steps.

    Example:
        >>> mean, error = block_average(jnp.array([1.0, 3.0, 2.0, 2.0, 0.0, 4.0]), 3)
        >>> float(mean), float(error)
        (2.0, 0.0)
    """
    steps = series.shape[0]
    if not 2 <= blocks <= steps:
        raise ValueError(f"`blocks` is {blocks}; expected 2 to {steps}, the steps.")
    size = steps // blocks
    means = series[: size * blocks].reshape(blocks, size, *series.shape[1:]).mean(1)
    return means.mean(0), means.std(0, ddof=1) / blocks**0.5

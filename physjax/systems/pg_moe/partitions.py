"""Which expert answers for which configurations: weights that sum to 1."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .config import Partition


def shares(
    partition: Partition,
    experts: int,
    walls: Float[Array, "states n"],
    spins: Float[np.ndarray, "states n"],
) -> Float[Array, "states experts"]:
    """Weights of the experts, by the partition of the basis.

    Numbers that grow with the chain (domain walls, spins up) go over into their
    density, so that experts mean the same on chains of any length; between the
    densities of two experts both answer, in proportion.

    Args:
        partition: What decides.
        experts: Number of experts.
        walls: 1 on unsatisfied bonds.
        spins: The configurations.
    """
    count, n = spins.shape
    dtype = walls.dtype
    if partition == "none" or experts == 1:
        even = np.zeros((count, experts))
        even[:, 0] = 1
        return jnp.asarray(even, dtype)
    if partition == "walls":
        return _hats(jnp.mean(walls, 1), experts)
    if partition == "schmidt":
        return _hats(jnp.mean(walls[:, : n // 2], 1), experts)
    if partition == "magnetisation":
        return _hats(jnp.asarray(np.abs(spins.mean(1)), dtype), experts)
    place = np.arange(count) * experts // count
    if partition == "random":
        place = np.random.default_rng(count).permutation(place)
    return jnp.asarray(place[:, None] == np.arange(experts), dtype)


def _hats(density: Float[Array, " states"], experts: int):
    place = density * (experts - 1)
    nodes = jnp.arange(experts, dtype=density.dtype)
    return jnp.maximum(0, 1 - jnp.abs(place[:, None] - nodes[None]))


def blocks(
    partition: Partition, experts: int, spins: Float[np.ndarray, "states n"]
) -> np.ndarray:
    """Number of the expert of every configuration: the partition without overlap.

    With walls and magnetisation one expert per value, as far as they go.
    """
    count, n = spins.shape
    if partition == "none" or experts == 1:
        return np.zeros(count, int)
    if partition == "walls":
        value = (spins != np.roll(spins, -1, 1)).sum(1) // 2
    elif partition == "magnetisation":
        value = (n - np.abs(spins.sum(1)).astype(int)) // 2
    elif partition == "schmidt":
        half = spins[:, : n // 2]
        value = (half[:, 1:] != half[:, :-1]).sum(1)
    else:
        value = np.arange(count) * experts // count
        if partition == "random":
            value = np.random.default_rng(count).permutation(value)
    return np.minimum(value, experts - 1)

"""Batches of charge, made on the device inside the training step."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .config import Config

PAPER_GRID = (41, 9)


class Charge(NamedTuple):
    """Sources and permittivities on two grids, dimensionless.

    Attributes:
        source: Per grid, (batch, nx, ny).
        permittivity: Per grid, (batch, nx, ny).
    """

    source: tuple[Float[Array, "batch nx ny"], ...]
    permittivity: tuple[Float[Array, "batch nx ny"], ...]


def sample_batch(config: Config, key: PRNGKeyArray):
    """`train.batch_size` samples for the network of `config.model.kind`.

    Returns:
        `Charge` for `multilevel`; `frames.Frame` for `paper`.
    """
    if config.model.kind == "paper":
        from .frames import sample_frames

        return sample_frames(config, key)
    pairs = []
    for i, grid in enumerate(dict.fromkeys((PAPER_GRID, config.data.grid))):
        keys = jax.random.split(jax.random.fold_in(key, i), config.train.batch_size)
        one = lambda k, grid=grid: sample_charge(k, grid, config.data.contrast)
        pairs.append(jax.vmap(one)(keys))
    return Charge(*zip(*pairs, strict=True))


def sample_charge(
    key: PRNGKeyArray, grid: tuple[int, int], contrast: float
) -> tuple[Float[Array, "nx ny"], Float[Array, "nx ny"]]:
    """Source and permittivity on the nodes of a grid.

    The source adds, with random weights, what single particles, wide clouds, a junction
    and voltages of the contacts give (the last as charge on the nodes beside them), or
    is a point charge. The permittivity is 1, or a map of patches of 1 and `contrast`,
    an eighth or a quarter of the grid wide.
    """
    nx, ny = grid
    grains, shapes = jax.random.split(key)
    grain = jax.random.normal(grains, grid)
    # Few calls with many numbers: each call costs a second to compile.
    words = jax.random.normal(shapes, (64 + 15 + 4 + 4,))
    patches, clouds = words[:64].reshape(8, 8), words[64:79].reshape(5, 3)
    weights, choices = words[79:83], jax.scipy.stats.norm.cdf(words[83:])

    x = np.linspace(-0.5, 0.5, nx)[:, None]
    edge = np.zeros((nx, 1))
    edge[1], edge[-2] = -1.0, 1.0
    alike = np.ones((1, ny))
    profiles = [
        grain,
        jnp.asarray(_hats(nx, 5), grain.dtype)
        @ clouds
        @ jnp.asarray(_hats(ny, 3).T, grain.dtype),
        jnp.asarray(np.tanh(30 * x) * np.exp(-((x / 0.15) ** 2)) * alike, grain.dtype),
        jnp.asarray(edge * alike, grain.dtype),
    ]
    total = jnp.zeros(grid)
    for weight, part in zip(weights, profiles, strict=True):
        total = total + weight * part / jnp.sqrt(jnp.mean(part**2))
    place = (1 + choices[0] * (nx - 2), choices[1] * ny)
    rows, columns = jnp.arange(nx)[:, None], jnp.arange(ny)[None]
    at = (rows == place[0].astype(int)) & (columns == place[1].astype(int))
    point = at.astype(total.dtype) * math.sqrt(nx * ny)
    source = jnp.where(choices[2] < 0.2, point, total)

    eighths = patches[_nearest(nx, 8)][:, _nearest(ny, 8)]
    quarters = patches[_nearest(nx, 4)][:, _nearest(ny, 4)]
    coarse = jnp.where(choices[3] < 0.7, eighths, quarters)
    maps = jnp.where(coarse > 0, contrast, 1.0)
    return source, jnp.where(choices[3] < 0.4, jnp.ones(grid), maps)


def _hats(n: int, m: int) -> Float[np.ndarray, "n m"]:
    """Linear interpolation from m points to n, as a matrix."""
    distance = np.linspace(0, m - 1, n)[:, None] - np.arange(m)
    return np.maximum(1 - np.abs(distance), 0)


def _nearest(n: int, m: int) -> np.ndarray:
    return np.arange(n) * m // n

"""Batches of simulated spectra, made on the device inside the training step."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ...simulators import cars
from .config import Config


def sample_batch(config: Config, key: PRNGKeyArray) -> cars.CarsSpectrum:
    """`train.batch_size` spectra, split among the generators as `config.data` says.

    Returns:
        `CarsSpectrum` of arrays (batch, num_points).
    """
    n, size = config.data.num_points, config.train.batch_size
    num_vector = round(size * config.data.vector)
    num_specnet = min(round(size * config.data.specnet), size - num_vector)
    pick, *keys = jax.random.split(key, 4)
    parts = []
    if num_vector:
        which = jax.random.randint(pick, (num_vector,), 0, len(cars.VECTOR_SETS))
        make = jax.vmap(lambda k, w: cars.vector(k, w, num_points=n))
        parts.append(make(jax.random.split(keys[0], num_vector), which))
    if num_specnet:
        make = jax.vmap(lambda k: cars.specnet(k, num_points=n))
        parts.append(make(jax.random.split(keys[1], num_specnet)))
    if num_broad := size - num_vector - num_specnet:
        make = jax.vmap(lambda k: cars.broad(k, num_points=n))
        parts.append(make(jax.random.split(keys[2], num_broad)))
    return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)

"""Chains and exact states to learn from, made inside the training step."""

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .chains import Basis, Chain, configurations, orbits, ring
from .config import Config
from .ground_states import exact_states


class Samples(eqx.Module):
    """What one step sees of one length.

    Attributes:
        chains: Where the energy is evaluated.
        labelled: Chains of which the state is known; None without labels.
        states: Those states, normalised, in the basis of `basis_of`.
    """

    chains: Chain
    labelled: Chain | None
    states: Float[Array, "batch size"] | None


def basis_of(config: Config, num_sites: int) -> Basis:
    """The basis in which chains of this length are trained."""
    d = config.data
    flip = d.longitudinal == 0
    if d.ensemble == "ring" and d.symmetric_basis:
        return orbits(num_sites, flip=flip)
    return configurations(num_sites, flip=flip and config.model.symmetric)


def sample_batch(config: Config, key: PRNGKeyArray) -> dict[str, Samples]:
    """`train.batch_size` chains of every length, under the name of the length."""
    return {
        str(n): _samples(config, n, jax.random.fold_in(key, n))
        for n in config.data.sites
    }


def _samples(config: Config, n: int, key: PRNGKeyArray) -> Samples:
    k1, k2 = jax.random.split(key)
    chains = sample_chains(config, n, k1)
    if not config.loss.labels:
        return Samples(chains, None, None)
    fields, states = labels(config, n)
    which = jax.random.randint(k2, (config.train.batch_size,), 0, len(fields))
    known = jnp.asarray(fields, float)[which]
    return Samples(
        chains,
        ring(n, known, config.data.longitudinal),
        jnp.asarray(states, float)[which],
    )


def sample_chains(config: Config, n: int, key: PRNGKeyArray) -> Chain:
    """`train.batch_size` chains of n spins from the ensemble."""
    d, batch = config.data, config.train.batch_size
    low, high = d.fields
    keys = jax.random.split(key, 9)
    if d.ensemble == "ring":
        # One field in each of as many equal parts of the range.
        shift = jax.random.uniform(keys[0], ())
        part = (jnp.arange(batch, dtype=float) + shift) / batch
        return ring(n, low + (high - low) * part, d.longitudinal)
    uniform = jax.random.uniform
    if d.ensemble == "disordered":
        field = uniform(keys[0], (batch, n), minval=low, maxval=high)
        bonds = jnp.ones((batch, n)).at[:, -1].set(0)
        return Chain(bonds, field, jnp.zeros((batch, n)))
    # Every chain its own mean and its own spread, from uniform to strongly disordered.
    mixed = uniform(keys[1], (batch, 1)) < 0.7
    spread = jnp.where(mixed, uniform(keys[0], (batch, 1)), 0)
    alone = lambda key: 1 + spread * uniform(key, (batch, n), minval=-1.0, maxval=1.0)
    logs = uniform(keys[2], (batch, 1), minval=np.log(low), maxval=np.log(high))
    field = jnp.exp(logs) * alone(keys[3])
    sign = jnp.where(uniform(keys[4], (batch, 1)) < 0.5, 1.0, -1.0)
    closed = uniform(keys[5], (batch,)) < 0.5
    bonds = sign * alone(keys[6])
    bonds = bonds.at[:, -1].set(jnp.where(closed, bonds[:, -1], 0))
    # Weak fields along Z more often than strong ones, and none in every other chain.
    strength = d.longitudinal * uniform(keys[7], (batch, 1), minval=-1.0) ** 3
    strength = strength * (jnp.arange(batch)[:, None] % 2).astype(float)
    return Chain(bonds, jnp.abs(field) + 1e-3, strength * alone(keys[8]))


@lru_cache(maxsize=16)
def labels(config: Config, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Fields and exact ground states of rings, on a uniform grid of the labelled range.

    The states are those of the symmetric sector, normalised and positive.
    """
    d = config.data
    fields = np.linspace(*d.label_fields, d.labels)
    basis = orbits(n, flip=d.longitudinal == 0)
    assert basis.reduced is not None
    with jax.ensure_compile_time_eval():
        chains = ring(n, jnp.asarray(fields, float), d.longitudinal)
        _, states = exact_states(chains, basis)
        if basis_of(config, n).reduced is None:
            states = basis.reduced.sector.embed(jnp.asarray(states, float))
        return fields.astype(np.float32), np.asarray(states, np.float32)

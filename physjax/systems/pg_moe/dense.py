"""The paper's mixture of experts, and what it is compared with: dense networks.

Each takes h / J of a uniform chain and writes down all amplitudes of one basis.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..._errors import ConfigError
from .chains import Basis, Chain
from .config import Config
from .data import basis_of
from .partitions import blocks


class Dense(eqx.Module):
    """Layers of tanh, a linear one at the end."""

    weights: list[Float[Array, "before after"]]
    biases: list[Float[Array, " after"]]

    def __init__(self, widths: tuple[int, ...], *, key: PRNGKeyArray):
        keys = jax.random.split(key, len(widths) - 1)
        pairs = list(itertools.pairwise(widths))
        self.weights = [
            jax.random.normal(k, pair) / np.sqrt(pair[0])
            for k, pair in zip(keys, pairs, strict=True)
        ]
        self.biases = [jnp.zeros(after) for _, after in pairs]

    def __call__(self, x: Float[Array, " k"]) -> Float[Array, " m"]:
        last = len(self.weights) - 1
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = jnp.matmul(x, weight, precision="highest") + bias
            x = jnp.tanh(x) if k < last else x
        return x


def _inputs(chain: Chain) -> Float[Array, " 1"]:
    return jnp.asarray(chain.field / chain.coupling)[:1] - 1


class Monolithic(eqx.Module):
    """One network for the whole eigenvector."""

    network: Dense

    def __call__(self, chain: Chain, basis: Basis) -> Float[Array, " size"]:
        return self.network(_inputs(chain))


class Mixture(eqx.Module):
    """Whole eigenvectors under a soft gate: a mixture that knows no physics."""

    experts: list[Dense]
    gate: Dense

    def __call__(self, chain: Chain, basis: Basis) -> Float[Array, " size"]:
        x = _inputs(chain)
        weights = jax.nn.softmax(self.gate(x))
        answers = jnp.stack([expert(x) for expert in self.experts])
        return jnp.matmul(weights, answers, precision="highest")


class PaperMixture(eqx.Module):
    """One small network per part of the eigenvector; a gate says how large each is.

    The abstract tells of the decomposition, of simple experts and of the variational
    energy; the form of the experts and of the gate is ours.
    """

    experts: list[Dense]
    gate: Dense
    places: np.ndarray
    """Where the amplitudes of all experts, one after the other, belong."""

    def __call__(self, chain: Chain, basis: Basis) -> Float[Array, " size"]:
        x = _inputs(chain)
        weights = jnp.sqrt(jax.nn.softmax(self.gate(x)))
        parts = []
        for k, expert in enumerate(self.experts):
            part = expert(x)
            length = jnp.sqrt(jnp.sum(part**2) + jnp.finfo(part.dtype).tiny)
            parts.append(weights[k] * part / length)
        return jnp.concatenate(parts)[jnp.asarray(self.places)]


def make_dense(
    config: Config, key: PRNGKeyArray
) -> Monolithic | Mixture | PaperMixture:
    """The dense network of `config.model.kind` with fresh weights.

    Raises:
        ConfigError: It is asked to serve several lengths, or fields of their own.
    """
    m, d = config.model, config.data
    n, *more = d.sites
    if more or d.ensemble != "ring":
        raise ConfigError(
            f"model.kind {m.kind!r} writes down one basis: it takes rings and one "
            f"number in data.sites, not {d.sites} of {d.ensemble!r}."
        )
    basis = basis_of(config, n)
    k1, k2 = jax.random.split(key)
    whole = (1, *m.hidden, basis.size)
    if m.kind == "monolithic":
        return Monolithic(Dense(whole, key=k1))
    keys = jax.random.split(k1, m.experts)
    if m.kind == "mixture":
        experts = [Dense(whole, key=k) for k in keys]
        return Mixture(experts, Dense((1, 8, m.experts), key=k2))
    spins = basis.spins
    if basis.size > len(spins):
        spins = np.concatenate([spins, -spins[::-1]])
    place = blocks(m.partition, m.experts, spins)
    used = np.unique(place)
    experts = [
        Dense((1, *m.hidden, int(np.sum(place == e))), key=keys[e]) for e in used
    ]
    order = np.concatenate([np.flatnonzero(place == e) for e in used])
    return PaperMixture(
        experts, Dense((1, 8, len(used)), key=k2), np.argsort(order).astype(np.int32)
    )

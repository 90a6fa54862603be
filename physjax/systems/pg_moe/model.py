r"""Networks that turn the couplings of a chain into its ground state.

All have the signature `(chain, basis) -> state`, not normalised. Ours is local: the
logarithm of an amplitude is a sum over bonds, so that one set of parameters serves
chains of any length, and the state is positive as it must be (Perron, Frobenius).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from . import features
from .chains import Basis, Chain
from .config import Config, ModelConfig
from .dense import make_dense
from .partitions import shares


class Layer(eqx.Module):
    """Convolution along the ring, the same read from either side.

    $z_i = \\sum_r W_r (y_{i-r} + y_{i+r}) + T c_i + b$, then silu, times 1 + a second
    half of the channels where gated; added to the input where the widths agree.
    """

    weights: Float[Array, "reach_before after"]
    conditions: Float[Array, "features after"]
    bias: Float[Array, " after"]
    reach: int = eqx.field(static=True)
    gated: bool = eqx.field(static=True)

    def __init__(self, before: int, after: int, conditions: int, m: ModelConfig, key):
        k1, k2 = jax.random.split(key)
        width = after * (1 + m.gated)
        fan = (2 * m.reach + 1) * before
        draw = jax.random.normal
        self.weights = draw(k1, ((m.reach + 1) * before, width)) / np.sqrt(fan)
        self.conditions = draw(k2, (conditions, width)) / np.sqrt(conditions)
        self.bias = jnp.zeros(width)
        self.reach, self.gated = m.reach, m.gated

    def __call__(
        self, y: Float[Array, "states n before"], conditions: Float[Array, "n features"]
    ) -> Float[Array, "states n after"]:
        # One product of wide matrices: several of narrow ones take twice the time.
        z = _dot(_pairs(y, self.reach), self.weights)
        z = z + (_dot(conditions, self.conditions) + self.bias[None])[None]
        if self.gated:
            z, gate = jnp.split(z, 2, -1)
            z = jax.nn.silu(z) * (1 + gate)
        else:
            z = jax.nn.silu(z)
        return y + z if y.shape == z.shape else z


class Context(eqx.Module):
    """What the couplings around a bond make of it, before any configuration is seen."""

    first: Float[Array, "around width"]
    second: Float[Array, "reach_width width"]
    biases: Float[Array, "two width"]
    reach: int = eqx.field(static=True)

    def __init__(self, around: int, m: ModelConfig, key: PRNGKeyArray):
        k1, k2 = jax.random.split(key)
        draw, width = jax.random.normal, m.context
        self.first = draw(k1, (around, width)) / np.sqrt(around)
        fan = (2 * m.reach + 1) * width
        self.second = draw(k2, ((m.reach + 1) * width, width)) / np.sqrt(fan)
        self.biases = jnp.zeros((2, width))
        self.reach = m.reach

    def __call__(self, around: Float[Array, "n around"]) -> Float[Array, "n width"]:
        c = jax.nn.silu(_dot(around, self.first) + self.biases[:1])
        z = _dot(_pairs(c, self.reach), self.second)
        return c + jax.nn.silu(z + self.biases[1:])


class LocalExperts(eqx.Module):
    r"""Ours: a sum over bonds, weighted by experts for few and for many domain walls.

    $$\ln\psi(b) = \ln\psi_0(b) + \sum_e w_e(b) \sum_i
      \frac{y_i(b) \cdot V_e\,(1, c_i)}{(1 + h_i/J_i)^p}$$

    $\psi_0$ is what perturbation theory says of weak and of strong fields
    (`features.leading`), $w_e$ the share of expert e in the configuration b
    (`partitions.shares`), $c_i$ the features of the couplings at bond i, and $y_i$ the
    last of a few convolutions over the domain walls.
    """

    context: Context | None
    layers: list[list[Layer]]
    heads: Float[Array, "experts channels conditions"]
    config: ModelConfig = eqx.field(static=True)

    def __init__(self, m: ModelConfig, *, key: PRNGKeyArray):
        k1, k2, k3 = jax.random.split(key, 3)
        own = 2 + 2 * m.longitudinal + m.size
        around = (m.reach + 1) * (2 + 2 * m.longitudinal) + own
        self.context = Context(around, m, k1) if m.context else None
        conditions = m.context or own
        trunks = 1 if m.shared else m.experts
        self.layers = []
        for key in jax.random.split(k2, trunks):
            widths = (1 + (m.longitudinal and m.symmetric), *m.channels)
            keys = jax.random.split(key, len(m.channels))
            self.layers.append(
                [
                    Layer(before, after, conditions, m, k)
                    for before, after, k in zip(widths, m.channels, keys, strict=False)
                ]
            )
        shape = (m.experts, m.channels[-1], 1 + conditions)
        scale = 0.1 / np.sqrt(m.channels[-1])
        self.heads = scale * jax.random.normal(k3, shape)
        self.config = m

    def __call__(self, chain: Chain, basis: Basis) -> Float[Array, " size"]:
        return basis.state(self.log_amplitude(chain, basis.spins))

    def log_amplitude(
        self, chain: Chain, spins: Float[np.ndarray, "states n"]
    ) -> Float[Array, " states"]:
        """Logarithm of the amplitudes of configurations."""
        m = self.config
        bond = features.bonds(
            chain, reach=m.reach, longitudinal=m.longitudinal, size=m.size
        )
        c = bond.own if self.context is None else self.context(bond.around)
        walls = features.unsatisfied(chain, spins)
        if m.symmetric:
            seen = [walls]
            if m.longitudinal:
                seen.append(features.aligned(chain, spins))
        else:
            seen = [jnp.asarray(spins, walls.dtype)]
        ones = jnp.ones((c.shape[0], 1), c.dtype)
        fading = (1 + bond.ratio[:, None]) ** -m.decay
        conditions = jnp.concatenate([ones, c], 1) * fading
        sums = []
        for layers in self.layers:
            y = jnp.stack(seen, -1)
            for layer in layers:
                y = layer(y, c)
            sums.append(jnp.einsum("snc,nk->sck", y, conditions, precision="highest"))
        weights = shares(m.partition, m.experts, walls, spins)
        total = features.leading(chain, bond, spins)
        for e in range(m.experts):
            part = sums[e % len(sums)]
            answer = jnp.tensordot(part, self.heads[e], 2, precision="highest")
            total = total + weights[:, e] * answer
        return total


def make_model(config: Config, key: PRNGKeyArray) -> Any:
    """The network of `config.model.kind` with fresh weights."""
    if config.model.kind == "local":
        return LocalExperts(config.model, key=key)
    return make_dense(config, key)


def _pairs(y: Float[Array, "... n before"], reach: int) -> Array:
    """y of a bond, and sums over the two bonds at every distance within reach."""
    pair = lambda r: jnp.roll(y, r, -2) + jnp.roll(y, -r, -2)
    return jnp.concatenate([y, *(pair(r) for r in range(1, reach + 1))], -1)


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")

"""From the tokens of a decoder to reflectance: by bands, or by mixing."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...nn import Dense
from ...operators.mixing import linear_mixing
from ...solvers.unmixing import nonnegative_in_steps
from .config import Config
from .kriging import Kriging, distance_table


class BandHead(eqx.Module):
    """A linear map from each token to all pixels and bands of its patch."""

    dense: Dense

    def __init__(
        self, config: Config, mean: Array, deviation: Array, key: PRNGKeyArray
    ):
        size = config.model.patch**2
        dense = Dense(config.model.decoder_width, size * mean.size, key=key)
        weight = dense.weight * jnp.tile(deviation, size)[None]
        at = lambda d: (d.weight, d.bias)
        self.dense = eqx.tree_at(at, dense, (weight, jnp.tile(mean, size)))

    def __call__(
        self, y: Float[Array, "patches width"], pixels: int
    ) -> Float[Array, "patches pixels bands"]:
        return self.dense(y).reshape(len(y), pixels, -1)


class AbundanceHead(eqx.Module):
    """The paper's: softmax abundances per token, over endmembers that are free."""

    first: Dense
    second: Dense
    endmembers: Float[Array, "members bands"]

    def __init__(self, config: Config, start: Array, keys: tuple):
        wide = config.model.decoder_width
        self.first = Dense(wide, wide // 2, key=keys[0])
        self.second = Dense(wide // 2, config.model.members, key=keys[1])
        self.endmembers = start

    def __call__(
        self, y: Float[Array, "patches width"]
    ) -> Float[Array, "patches members"]:
        return jax.nn.softmax(self.second(jax.nn.gelu(self.first(y))))


class MixingHead(eqx.Module):
    """Ours: contributions of non-negative endmembers to every pixel.

    Those of visible pixels by least squares, those of hidden ones by kriging and a
    correction from the tokens.
    """

    endmember_values: Float[Array, "members bands"]
    kriging: Kriging
    to_tokens: Dense
    to_correction: Dense

    def __init__(self, config: Config, start: Array, keys: tuple):
        m = config.model
        size, wide = m.patch**2, m.decoder_width
        self.kriging = Kriging()
        self.to_tokens = Dense(size * m.members, wide, key=keys[0])
        scale = 0.01 * wide**-0.5
        self.to_correction = Dense(wide, size * m.members, scale=scale, key=keys[1])
        self.endmember_values = start

    @property
    def endmembers(self) -> Float[Array, "members bands"]:
        """Never negative."""
        return jnp.abs(self.endmember_values)

    def unmix(
        self,
        seen: Float[Array, "visible pixels bands"],
        coverage: Float[Array, " bands"],
    ) -> Float[Array, "visible pixels members"]:
        """Contributions to the pixels of visible patches."""
        return nonnegative_in_steps(seen, self.endmembers, coverage)

    def interpolate(
        self,
        parts: Float[Array, "visible pixels members"],
        visible: Int[Array, " visible"],
        size: int,
    ) -> Float[Array, "patches pixels members"]:
        """Contributions to the pixels of all patches of a square image, by kriging."""
        patch = round(parts.shape[1] ** 0.5)
        return self.kriging(parts, visible, distance_table(size, patch))

    def correct(
        self,
        y: Float[Array, "patches width"],
        known: Float[Array, "patches pixels members"],
    ) -> Float[Array, "patches pixels members"]:
        """Interpolated contributions with what the tokens add to them."""
        return _not_negative(known + self.to_correction(y).reshape(known.shape))


@jax.custom_vjp
def mix(
    parts: Float[Array, "*axes members"], endmembers: Float[Array, "members bands"]
) -> Float[Array, "*axes bands"]:
    """`operators.mixing.linear_mixing`, with a gradient that is cheap in a batch.

    Transposed by rule, the product for the endmembers reads the spectra of all pixels
    band by band, which takes longer than all else.
    """
    return linear_mixing(parts, endmembers)


def _mix(parts, endmembers):
    return mix(parts, endmembers), (parts, endmembers)


def _mix_transposed(kept, slope):
    parts, endmembers = kept
    flat = lambda x: x.reshape(-1, x.shape[-1])
    return slope @ endmembers.T, flat(parts).T @ flat(slope)


mix.defvjp(_mix, _mix_transposed)


def _not_negative(x: Array) -> Array:
    """max(x, 0), with the gradient of x: what is zero can come back."""
    return x + jax.lax.stop_gradient(jnp.maximum(x, 0) - x)

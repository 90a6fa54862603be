"""From pixels and bands of visible patches to the tokens of an encoder."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ...nn import Dense
from .config import Config


class PatchEmbedding(eqx.Module):
    """All pixels and bands of a patch through one linear map."""

    dense: Dense

    def __init__(
        self, config: Config, mean: Array, deviation: Array, key: PRNGKeyArray
    ):
        m = config.model
        size = m.patch**2
        dense = Dense(size * mean.size, m.width, key=key)
        # Reflectance less its mean over its deviation, as part of the first weights.
        weight = dense.weight / jnp.tile(deviation, size)[:, None]
        at = lambda d: (d.weight, d.bias)
        bias = -jnp.tile(mean, size) @ weight
        self.dense = eqx.tree_at(at, dense, (weight, bias))

    def __call__(self, x: Float[Array, "patches pixels bands"]) -> Array:
        return self.dense(x.reshape(len(x), -1))


class PixelEmbedding(eqx.Module):
    """Each spectrum through a linear map, begun as whitening, then patches of them."""

    mean: Float[Array, " bands"]
    spectral: Float[Array, "bands features"]
    dense: Dense

    def __init__(self, config: Config, pixels: Array, key: PRNGKeyArray):
        m = config.model
        self.mean = jnp.mean(pixels, 0)
        self.spectral = _whitening(pixels, m.features)
        self.dense = Dense(m.patch**2 * m.features, m.width, key=key)

    def features(self, spectra: Float[Array, "*axes bands"]) -> Array:
        """Learned features of spectra."""
        mean = self.mean.reshape((1,) * (spectra.ndim - 1) + (-1,))
        return (spectra - mean) @ self.spectral

    def __call__(self, spectra: Float[Array, "patches pixels bands"]) -> Array:
        y = jax.nn.gelu(self.features(spectra))
        return self.dense(y.reshape(len(y), -1))


def _whitening(pixels: Float[Array, "n bands"], features: int) -> Array:
    """Principal directions over their deviation; small ones count as noise."""
    x = pixels - jnp.mean(pixels, 0, keepdims=True)
    values, vectors = jnp.linalg.eigh(x.T @ x / len(x))
    top, directions = values[::-1][:features], vectors[:, ::-1][:, :features]
    return directions / jnp.sqrt(jnp.maximum(top, 0) + 1e-4 * top[0])[None]

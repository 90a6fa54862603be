r"""KARMA: a masked autoencoder that knows how spectra mix.

Ours unmixes the pixels it sees into non-negative contributions $c$ of learned
endmembers, $r = c A$; interpolates these to the hidden pixels; lets a vision
transformer correct them; and mixes again. Abundances are $x = c / \sum c$, the
brightness is $s = \sum c$. The vanilla autoencoder and the paper's decoder stand
beside it.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...nn import Dense, Transformer, from_patches, patches, sine_positions
from .config import Config
from .data import sample_pixels, wavelengths
from .endmembers import contributions, extremes
from .kriging import Kriging, distance_table


class Reconstruction(NamedTuple):
    """What a model makes of an image.

    Attributes:
        image: Reflectance of all pixels and bands; visible pixels as the decoder has
            them.
        mixed: What linear mixing alone makes of it: `image` itself for ours.
        contributions: Brightness times abundances of each pixel; None without mixing.
        tokens: The encoder's output, one row per visible patch.
    """

    image: Float[Array, "rows columns bands"]
    mixed: Float[Array, "rows columns bands"] | None
    contributions: Float[Array, "rows columns members"] | None
    tokens: Float[Array, "visible width"]


class PatchEmbedding(eqx.Module):
    """All pixels and bands of a patch through one linear map."""

    dense: Dense

    def __init__(self, config: Config, mean: Array, deviation: Array, key):
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

    def __init__(self, config: Config, pixels: Array, key):
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


class Karma(eqx.Module):
    """The masked autoencoder; `config.model` says which."""

    embedding: PatchEmbedding | PixelEmbedding
    encoder: Transformer
    to_decoder: Dense
    mask_token: Float[Array, " width"]
    decoder: Transformer
    to_bands: Dense | None
    to_abundances: tuple[Dense, Dense] | None
    endmember_values: Float[Array, "members bands"] | None
    kriging: Kriging | None
    from_contributions: Dense | None
    to_correction: Dense | None
    wavelength: np.ndarray
    patch: int = eqx.field(static=True)
    heads: int = eqx.field(static=True)

    def __init__(self, config: Config, *, key: PRNGKeyArray):
        m = config.model
        keys = jax.random.split(key, 10)
        pixels = sample_pixels(config, keys[9])
        mean, deviation = jnp.mean(pixels, 0), jnp.std(pixels, 0) + 1e-3
        size, bands = m.patch**2, pixels.shape[-1]
        if m.embedding == "patch":
            self.embedding = PatchEmbedding(config, mean, deviation, keys[0])
        else:
            self.embedding = PixelEmbedding(config, pixels, keys[0])
        self.encoder = Transformer(m.width, m.heads, m.encoder, key=keys[1])
        wide = m.decoder_width
        self.to_decoder = Dense(m.width, wide, key=keys[2])
        self.mask_token = 0.02 * jax.random.normal(keys[3], (wide,), jnp.float32)
        self.decoder = Transformer(wide, m.heads, m.decoder_blocks, key=keys[4])
        self.wavelength = wavelengths(config)
        self.patch, self.heads = m.patch, m.heads
        self.to_bands = self.to_abundances = self.endmember_values = None
        self.kriging = self.from_contributions = self.to_correction = None
        if m.decoder != "mixing":
            dense = Dense(wide, size * bands, key=keys[5])
            weight = dense.weight * jnp.tile(deviation, size)[None]
            at = lambda d: (d.weight, d.bias)
            self.to_bands = eqx.tree_at(at, dense, (weight, jnp.tile(mean, size)))
        if m.decoder == "paper":
            self.to_abundances = (
                Dense(wide, wide // 2, key=keys[6]),
                Dense(wide // 2, m.members, key=keys[7]),
            )
        if m.decoder == "mixing":
            self.kriging = Kriging()
            self.from_contributions = Dense(size * m.members, wide, key=keys[6])
            scale = 0.01 * wide**-0.5
            self.to_correction = Dense(wide, size * m.members, scale=scale, key=keys[7])
        if m.decoder != "bands":
            if m.start == "extremes":
                self.endmember_values = extremes(pixels, m.members)
            else:
                shape = (m.members, bands)
                self.endmember_values = jax.random.uniform(keys[8], shape, jnp.float32)

    @property
    def endmembers(self) -> Float[Array, "members bands"] | None:
        """Endmembers, ours not negative; None for a model without."""
        if self.kriging is None:
            return self.endmember_values
        return jnp.abs(self.endmember_values)

    def __call__(
        self,
        image: Float[Array, "rows columns bands"],
        visible: Int[Array, " visible"],
        coverage: Float[Array, " bands"],
    ) -> Reconstruction:
        """Reconstruct a square image from its visible patches and covered bands.

        Args:
            image: Reflectance; what is hidden of it is not looked at.
            visible: Places of the visible patches, row by row.
            coverage: 1 for bands that are seen, 0 for the others.
        """
        rows, columns, _ = image.shape
        grid = (rows // self.patch, columns // self.patch)
        tokens, parts = self.encode(image, visible, coverage)
        wide = self.mask_token.size
        hidden = jnp.tile(self.mask_token[None], (grid[0] * grid[1], 1))
        y = hidden.at[visible].set(self.to_decoder(tokens))
        y = y + jnp.asarray(sine_positions(*grid, wide))
        if parts is not None:
            return self._mix(y, parts, visible, rows, tokens)
        y = self.decoder(y)
        bands = self.to_bands(y).reshape(len(y), self.patch**2, -1)
        answer = from_patches(bands, rows, columns)
        if self.to_abundances is None:
            return Reconstruction(answer, None, None, tokens)
        first, second = self.to_abundances
        share = jax.nn.softmax(second(jax.nn.gelu(first(y))))
        share = jnp.repeat(share[:, None], self.patch**2, 1)
        share = from_patches(share, rows, columns)
        return Reconstruction(answer, share @ self.endmembers, share, tokens)

    def encode(
        self,
        image: Float[Array, "rows columns bands"],
        visible: Int[Array, " visible"],
        coverage: Float[Array, " bands"],
    ) -> tuple[
        Float[Array, "visible width"], Float[Array, "visible pixels members"] | None
    ]:
        """The encoder's output for visible patches, and contributions of their pixels.

        The contributions are None for models that do not mix.
        """
        grid = (image.shape[0] // self.patch, image.shape[1] // self.patch)
        seen = patches(image, self.patch)[visible] * coverage[None, None]
        parts = None
        if self.kriging is not None:
            parts = contributions(seen, self.endmembers, coverage)
        if isinstance(self.embedding, PatchEmbedding):
            x = self.embedding(seen)
        else:
            x = self.embedding(self._complete(seen, parts, coverage))
        places = jnp.asarray(sine_positions(*grid, x.shape[-1]))[visible]
        return self.encoder(x + places), parts

    def _complete(self, seen, parts, coverage):
        """Bands that are not seen, as mixing has them, or the mean."""
        mean = self.embedding.mean[None, None]
        guess = mean if parts is None else parts @ self.endmembers
        return seen + (1 - coverage)[None, None] * jax.lax.stop_gradient(guess)

    def _mix(self, y, parts, visible, size, tokens):
        known = self.kriging(parts, visible, distance_table(size, self.patch))
        y = self.decoder(y + self.from_contributions(known.reshape(len(known), -1)))
        change = self.to_correction(y).reshape(known.shape)
        found = _not_negative(known + change).at[visible].set(parts)
        found = from_patches(found, size, size)
        answer = found @ self.endmembers
        return Reconstruction(answer, answer, found, tokens)


def _not_negative(x: Array) -> Array:
    """max(x, 0), with the gradient of x: what is zero can come back."""
    return x + jax.lax.stop_gradient(jnp.maximum(x, 0) - x)


def make_model(config: Config, key: PRNGKeyArray) -> Karma:
    """The network of `config.model` with fresh weights."""
    return Karma(config, key=key)

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
from .decoders import AbundanceHead, BandHead, MixingHead, mix
from .embeddings import PatchEmbedding, PixelEmbedding
from .start import first_endmembers


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


class Karma(eqx.Module):
    """The masked autoencoder; `config.model` says which."""

    embedding: PatchEmbedding | PixelEmbedding
    encoder: Transformer
    to_decoder: Dense
    mask_token: Float[Array, " width"]
    decoder: Transformer
    head: BandHead | MixingHead
    abundances: AbundanceHead | None
    wavelength: np.ndarray
    patch: int = eqx.field(static=True)

    def __init__(self, config: Config, *, key: PRNGKeyArray):
        m = config.model
        keys = jax.random.split(key, 10)
        pixels = sample_pixels(config, keys[9])
        mean, deviation = jnp.mean(pixels, 0), jnp.std(pixels, 0) + 1e-3
        if m.embedding == "patch":
            self.embedding = PatchEmbedding(config, mean, deviation, keys[0])
        else:
            self.embedding = PixelEmbedding(config, pixels, keys[0])
        self.encoder = Transformer(m.width, m.heads, m.encoder, key=keys[1])
        wide = m.decoder_width
        self.to_decoder = Dense(m.width, wide, key=keys[2])
        self.mask_token = 0.02 * jax.random.normal(keys[3], (wide,), jnp.float32)
        self.decoder = Transformer(wide, m.heads, m.decoder_blocks, key=keys[4])
        self.abundances = None
        if m.decoder == "mixing":
            start = first_endmembers(config, pixels, wavelengths(config), keys[8])
            self.head = MixingHead(config, start, (keys[6], keys[7]))
        else:
            self.head = BandHead(config, mean, deviation, keys[5])
        if m.decoder == "paper":
            start = first_endmembers(config, pixels, wavelengths(config), keys[8])
            self.abundances = AbundanceHead(config, start, (keys[6], keys[7]))
        self.wavelength, self.patch = wavelengths(config), m.patch

    @property
    def endmembers(self) -> Float[Array, "members bands"] | None:
        """Endmembers, ours not negative; None for a model without."""
        if isinstance(self.head, MixingHead):
            return self.head.endmembers
        return None if self.abundances is None else self.abundances.endmembers

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
        y = jnp.tile(self.mask_token[None], (grid[0] * grid[1], 1))
        y = y.at[visible].set(self.to_decoder(tokens))
        y = y + jnp.asarray(sine_positions(*grid, self.mask_token.size))
        if isinstance(self.head, MixingHead):
            assert parts is not None
            known = self.head.interpolate(parts, visible, rows)
            told = self.head.to_tokens(known.reshape(len(known), -1))
            found = self.head.correct(self.decoder(y + told), known)
            found = from_patches(found.at[visible].set(parts), rows, columns)
            answer = mix(found, self.head.endmembers)
            return Reconstruction(answer, answer, found, tokens)
        y = self.decoder(y)
        answer = from_patches(self.head(y, self.patch**2), rows, columns)
        if self.abundances is None:
            return Reconstruction(answer, None, None, tokens)
        share = jnp.repeat(self.abundances(y)[:, None], self.patch**2, 1)
        share = from_patches(share, rows, columns)
        mixed = mix(share, self.abundances.endmembers)
        return Reconstruction(answer, mixed, share, tokens)

    def complete(
        self,
        image: Float[Array, "rows columns bands"],
        visible: Int[Array, " visible"],
        coverage: Float[Array, " bands"],
    ) -> Reconstruction:
        """The answer, and what mixing leaves of the visible pixels, interpolated.

        Materials that no training has seen are not among the endmembers; so they are
        kept. Without mixing, the plain answer.
        """
        answer = self(image, visible, coverage)
        if not isinstance(self.head, MixingHead):
            return answer
        left = patches((image - answer.image) * coverage[None, None], self.patch)
        rest = self.head.interpolate(left[visible], visible, image.shape[0])
        rest = from_patches(rest, *image.shape[:2])
        return answer._replace(image=answer.image + rest)

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
        parts = guess = None
        if isinstance(self.head, MixingHead):
            parts = self.head.unmix(seen, coverage)
            guess = mix(parts, self.head.endmembers)
        if isinstance(self.embedding, PixelEmbedding):
            # Bands that are not seen: as mixing has them, or the mean.
            guess = self.embedding.mean[None, None] if guess is None else guess
            seen = seen + (1 - coverage)[None, None] * jax.lax.stop_gradient(guess)
        x = self.embedding(seen)
        places = jnp.asarray(sine_positions(*grid, x.shape[-1]))[visible]
        return self.encoder(x + places), parts


def make_model(config: Config, key: PRNGKeyArray) -> Karma:
    """The network of `config.model` with fresh weights."""
    return Karma(config, key=key)

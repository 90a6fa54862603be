"""The encoder's output for every pixel, for heads that are trained on it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...nn import patches
from .decoders import MixingHead
from .embeddings import PixelEmbedding
from .model import Karma


def pixel_features(
    model: Karma,
    image: Float[Array, "rows columns bands"],
    coverage: Float[Array, " bands"] | None = None,
    *,
    context: bool = False,
) -> Float[Array, "rows columns features"]:
    """What the encoder says of each pixel, every patch seen.

    With `embedding="pixels"`, what the encoder has per pixel: the output of its first
    layer and, of models that mix, contributions of the endmembers; with `context` the
    tokens as well. Else the tokens: the image is shifted so that each pixel comes to
    lie at the centre of a patch, and the token of that patch is the pixel's.

    Args:
        model: Its encoder alone is used.
        image: Reflectance at the model's bands; mirrored at its edges.
        coverage: 1 for bands that are seen, all by default.
        context: Tokens beside the features of a pixel alone.

    Returns:
        Features in the dtype of the weights.
    """
    if coverage is None:
        coverage = jnp.ones(image.shape[-1], jnp.float32)
    if not isinstance(model.embedding, PixelEmbedding):
        return _tokens(model, image, coverage)
    parts = [model.embedding.features(image)]
    if isinstance(model.head, MixingHead):
        parts.append(model.head.unmix(image, coverage))
    if context:
        parts.append(_tokens(model, image, coverage))
    return jnp.concatenate(parts, -1)


@eqx.filter_jit
def _tokens(model, image, coverage):
    size, (rows, columns, _) = model.patch, image.shape
    high, wide = -(-rows // size), -(-columns // size)
    before = size // 2
    after = lambda n, whole: before + size + whole * size - n
    padded = jnp.pad(
        image,
        ((before, after(rows, high)), (before, after(columns, wide)), (0, 0)),
        mode="reflect",
    )
    every = jnp.arange(high * wide)

    def shifted(place):
        row, column = place // size, place % size
        cut = jax.lax.dynamic_slice(
            padded, (row, column, 0), (high * size, wide * size, image.shape[-1])
        )
        return model.encode(cut, every, coverage)[0]

    tokens = jax.lax.map(shifted, jnp.arange(size**2))
    tokens = tokens.reshape(size, size, high, wide, -1).transpose(2, 0, 3, 1, 4)
    return tokens.reshape(high * size, wide * size, -1)[:rows, :columns]


def token_features(
    model: Karma, image: Float[Array, "rows columns bands"]
) -> Float[Array, "tokens width"]:
    """The encoder's output for each patch, every patch and band seen."""
    every = jnp.arange(patches(image, model.patch).shape[0])
    return model.encode(image, every, jnp.ones(image.shape[-1], jnp.float32))[0]


def standardised(
    train: Float[np.ndarray, "n features"], *others: Any
) -> tuple[Float[np.ndarray, "_ features"], ...]:
    """Features less the mean and over the deviation of the training ones alone."""
    mean, deviation = train.mean(0), train.std(0) + 1e-9
    return tuple((x - mean) / deviation for x in (train, *others))

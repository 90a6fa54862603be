r"""Loss of KARMA: Huber, spectral angle and linear mixing, over what was hidden.

Reflectance counts in units of 0.1, so that a typical error is of order one.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ...losses import huber_error, spectral_angle, squared_error
from ...nn import from_patches
from .config import Config
from .data import Batch

UNIT = 0.1


def loss(
    config: Config, model, batch: Batch, key: PRNGKeyArray | None = None
) -> tuple[Array, dict[str, Array]]:
    """Weighted sum of the terms of `config.loss`, and its parts.

    Args:
        config: All settings.
        model: `(image, visible, coverage) -> Reconstruction`.
        batch: Images, and what is seen of them.
        key: Not used.

    Returns:
        The loss and its metrics: `rmse`, of reflectance over all that was hidden, and
        each term with a weight.
    """
    w = config.loss
    answer = jax.vmap(model)(*batch)
    hidden = jax.vmap(lambda visible: hidden_pixels(config, visible))(batch.visible)
    # One pass over the bands for each kind of error; the rest is done by pixel.
    by_pixel = lambda error: jnp.mean(error, -1) / UNIT**2
    mean = lambda x, weight: jnp.sum(x * weight) / jnp.sum(weight)
    squared = by_pixel(squared_error(answer.image, batch.image))
    terms = {}
    if w.squared:
        terms["squared"] = mean(squared, hidden)
    if w.huber:
        error = huber_error(answer.image, batch.image, delta=w.delta)
        terms["huber"] = 2 * mean(by_pixel(error), hidden)
    if w.angle:
        angle = spectral_angle(answer.image, batch.image, method="cosine")
        terms["angle"] = mean(angle, hidden)
    if w.mixing and answer.mixed is answer.image:
        terms["mixing"] = mean(squared, 1 - hidden)
    elif w.mixing and answer.mixed is not None:
        left = by_pixel(squared_error(answer.mixed, batch.image))
        terms["mixing"] = mean(left, hidden)
    if w.volume and model.endmembers is not None:
        spread = model.endmembers - jnp.mean(model.endmembers, 0, keepdims=True)
        terms["volume"] = jnp.mean(spread**2) / UNIT**2
    total = jnp.sum(jnp.stack([getattr(w, k) * term for k, term in terms.items()]))
    rmse = UNIT * jnp.sqrt(mean(squared, hidden))
    return total, {"rmse": rmse, **terms}


def hidden_pixels(config: Config, visible: Array) -> Float[Array, "rows columns"]:
    """1 for pixels of patches that are not seen, 0 for the others."""
    size, patch = config.data.size, config.model.patch
    tokens = (size // patch) ** 2
    hidden = jnp.ones(tokens, jnp.float32).at[visible].set(0)
    return from_patches(jnp.repeat(hidden[:, None, None], patch**2, 1), size, size)[
        ..., 0
    ]

"""How near a reconstruction comes to an image of reflectance."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...losses import spectral_angle

Figures = dict[str, float]


def similarity(
    x: Float[Array, "rows columns bands"],
    y: Float[Array, "rows columns bands"],
    *,
    window: int = 7,
) -> Float[Array, ""]:
    """Structural similarity of reflectances (range 1), mean over places and bands.

    Uniform windows that lie wholly inside, variances over one less than their pixels.

    References:
        Wang et al., IEEE Trans. Image Process. 13, 600 (2004).

    Example:
        >>> x = jnp.ones((8, 8, 2))
        >>> float(similarity(x, x))
        1.0
    """
    n = window**2
    zero = jnp.zeros((), x.dtype)
    box = lambda z: (
        jax.lax.reduce_window(
            z, zero, jax.lax.add, (window, window, 1), (1, 1, 1), "VALID"
        )
        / n
    )
    mean_x, mean_y = box(x), box(y)
    vary = lambda a, b, mean_a, mean_b: (box(a * b) - mean_a * mean_b) * n / (n - 1)
    xx, yy = vary(x, x, mean_x, mean_x), vary(y, y, mean_y, mean_y)
    xy = vary(x, y, mean_x, mean_y)
    c1, c2 = 0.01**2, 0.03**2
    up = (2 * mean_x * mean_y + c1) * (2 * xy + c2)
    return jnp.mean(up / ((mean_x**2 + mean_y**2 + c1) * (xx + yy + c2)))


def figures_of_merit(
    answer: Float[Array, "images rows columns bands"],
    truth: Float[Array, "images rows columns bands"],
    hidden: Float[Array, "images rows columns"],
) -> Figures:
    r"""Errors of hidden pixels; range of reflectance 1.

    Args:
        answer: Reconstructions.
        truth: What was measured or simulated.
        hidden: 1 for pixels that were hidden, 0 for the others.

    Returns:
        `psnr`, $-10 \log_{10}$ of the squared error over all hidden pixels and bands;
        `ssim` with the visible patches pasted in, mean over images; `angle`, the mean
        spectral angle of hidden pixels in rad; `rmse` of reflectance.
    """
    weight = hidden[..., None]
    pasted = truth + weight * (answer - truth)
    share = jnp.sum(hidden)
    squared = jnp.sum(jnp.mean((answer - truth) ** 2, -1) * hidden) / share
    angle = jnp.sum(spectral_angle(answer, truth) * hidden) / share
    return {
        "psnr": float(-10 * jnp.log10(squared)),
        "ssim": float(jnp.mean(jax.vmap(similarity)(pasted, truth))),
        "angle": float(angle),
        "rmse": float(jnp.sqrt(squared)),
    }

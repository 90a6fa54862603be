"""How near a reconstruction comes to an image of reflectance."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...metrics import psnr, ssim
from ...operators.mixing import spectral_angle

Figures = dict[str, float]


def figures_of_merit(
    answer: Float[np.ndarray, "images rows columns bands"],
    truth: Float[np.ndarray, "images rows columns bands"],
    hidden: Float[np.ndarray, "images rows columns"],
) -> Figures:
    """Errors of hidden pixels; range of reflectance 1.

    Args:
        answer: Reconstructions.
        truth: What was measured or simulated.
        hidden: 1 for pixels that were hidden, 0 for the others.

    Returns:
        `psnr`, over all hidden pixels and bands; `ssim` with the visible patches pasted
        in, windows of 7 pixels, mean over images; `angle`, the mean spectral angle of
        hidden pixels in rad; `rmse` of reflectance.
    """
    dark = hidden > 0
    pasted = np.where(dark[..., None], answer, truth)
    found, known = answer[dark].astype(np.float64), truth[dark].astype(np.float64)
    similar = [ssim(x, y, data_range=1.0) for x, y in zip(pasted, truth, strict=True)]
    return {
        "psnr": psnr(answer, truth, data_range=1.0, mask=dark),
        "ssim": float(np.mean(similar)),
        "angle": float(
            jnp.mean(
                spectral_angle(jnp.asarray(answer[dark]), jnp.asarray(truth[dark]))
            )
        ),
        "rmse": float(np.sqrt(np.mean((found - known) ** 2))),
    }

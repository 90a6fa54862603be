r"""Loss of RamPINN: data, the Kramers-Kronig intensity model, a smooth background.

All terms are means over points in units of $s = \sqrt{2\max I}$, the scale of the
input, so that loud and faint spectra weigh the same.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ...losses import absolute_error, intensity_residual, smoothness
from ...simulators.cars import CarsSpectrum
from .config import Config


def loss(
    config: Config, model, batch: CarsSpectrum, key: PRNGKeyArray | None = None
) -> tuple[Array, dict[str, Array]]:
    r"""Weighted sum of the terms of `config.loss`, and its parts.

    With errors $e = \text{raman} - \text{truth}$ in units of $s$ and $m$ the largest
    true Raman value, the data term is the mean of $|e| (m + 0.02)^{-p}$, p being
    `config.loss.relative`: weak resonances are not drowned by strong ones.

    Args:
        config: All settings.
        model: `intensity (n,) -> Retrieval`.
        batch: Spectra with truth, (batch, n).
        key: Not used.

    Returns:
        The loss and its metrics: `raman_mae` in the generator's units and each
        term with a weight.
    """
    w = config.loss
    answer = jax.vmap(model)(batch.intensity)
    top = jnp.max(batch.intensity, -1, keepdims=True)
    scale = jnp.sqrt(2 * jnp.maximum(top, jnp.finfo(top.dtype).tiny))
    error = absolute_error(answer.raman, batch.raman)
    strength = jnp.max(batch.raman, -1, keepdims=True) / scale + 0.02
    terms = {"raman": jnp.mean(error / scale * strength**-w.relative)}
    if w.background:
        error_background = absolute_error(answer.background, batch.background)
        terms["background"] = jnp.mean(error_background / scale)
    if w.kramers_kronig:
        residual = intensity_residual(batch.intensity, answer.raman, answer.background)
        terms["kramers_kronig"] = jnp.mean((residual / scale**2) ** 2)
    if w.smoothness:
        terms["smoothness"] = jnp.mean(smoothness(answer.background / scale) ** 2)
    total = jnp.sum(jnp.stack([getattr(w, k) * term for k, term in terms.items()]))
    return total, {"raman_mae": jnp.mean(error), **terms}

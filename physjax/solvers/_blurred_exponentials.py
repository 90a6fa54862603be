r"""Mixtures of exponential densities seen through noise, and their slopes.

An exponential of rate $r$ with Gaussian noise of deviation $\sigma$ added has, with
$u = w/\sigma$ and $b = r\sigma$, the density

$$f(w) = r\, e^{b^2/2 - b u}\, \Phi(u - b),$$

whose slopes need no other function: $\partial_u f = -b f + r\varphi(u)$ and
$\partial_b \log f = b - u - r\varphi(u)/f$.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

MEANS = np.array([0.02, 0.08, 0.3, 1.0, 3.0])
"""Means of the exponentials, in units of the mean of a component; ascending."""

# erfcx(s / sqrt 2) = k P(k), k = 1 / (1 + 0.325 s), s >= 0: relative error 7e-7. Our
# fit, least squares weighted until all extremes are alike.
_MILLS = (0.06767399, -0.22715931, 0.17075428, 0.0520164, 0.18705362, 0.23100511)
_MILLS += (0.25934430, 0.25931230)


def mixture_likelihood(
    w: Float[Array, "members pixels"],
    sigma: Float[Array, " members"],
    weights: Float[Array, "members means"],
) -> tuple[Array, Array, Array, Array]:
    """Mean log density of each member over the pixels, and its slopes.

    Args:
        w: Amounts of each member in each pixel, in units of their mean.
        sigma: Standard deviation of the noise of each amount.
        weights: Weights of the exponentials of `MEANS`; they sum to 1.

    Returns:
        The mean log density (members,), and its slopes along w (members, pixels; not
        divided by the pixels), sigma (members,) and log weights (members, means).
    """
    means, deviation = jnp.asarray(MEANS, w.dtype)[:, None], sigma[None]
    # Far below the noise a smaller mean makes no difference, but cancels digits.
    rate = 1 / jnp.sqrt(means**2 + (0.25 * deviation) ** 2)
    b = (rate * deviation)[:, :, None]
    scaled = weights.T * rate  # (means, members)
    u = (w / sigma[:, None])[None]

    # All is divided by exp(shift), the order of magnitude of the density.
    right = jnp.maximum(u, 0)
    shift = jnp.where(u < 0, -0.5 * u**2, -b[-1:] * u)
    bell = jnp.exp(jnp.where(u < 0, 0, (b[-1:] - 0.5 * u) * u))
    k = 1 / (1 + 0.325 * jnp.abs(u - b))
    tail = jnp.zeros_like(k)
    for coefficient in _MILLS:
        tail = (tail + coefficient) * k
    tail = 0.5 * bell * tail
    full = jnp.exp((b[-1:] - b) * right + 0.5 * b**2)
    part = scaled[..., None] * jnp.where(u < b, tail, full - tail)

    total = jnp.sum(part, axis=0, keepdims=True)
    total = jnp.maximum(total, jnp.finfo(w.dtype).tiny)
    share = part / total
    peak = jnp.sum(scaled, 0)[:, None] * (bell / total)[0] / math.sqrt(2 * math.pi)
    slope_u = peak - jnp.sum(b * share, 0)

    value = jnp.mean((jnp.log(total) + shift)[0], axis=1)
    shares = jnp.mean(share, axis=2)
    slope_b = b[..., 0] * shares - jnp.mean(u * share, axis=2)
    part = scaled / jnp.sum(scaled, 0, keepdims=True)
    slope_b = slope_b - part * jnp.mean(peak, axis=1)[None]
    # d log r / d sigma = -(r / 4)^2 sigma, and b = r sigma.
    bend = -((0.25 * rate) ** 2) * deviation
    slope_b = slope_b * rate * (1 + deviation * bend)
    slope_sigma = jnp.sum(shares * bend + slope_b, axis=0)
    slope_sigma = slope_sigma - jnp.mean(u[0] * slope_u, axis=1) / sigma
    return value, slope_u / sigma[:, None], slope_sigma, shares.T

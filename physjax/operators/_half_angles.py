"""Angles from the tangent of their half."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._numerics import safe_divide

COEFFICIENTS = (
    -0.333332629,
    0.1999762,
    -0.142554622,
    0.109102746,
    -0.0828974867,
    0.0561271633,
    -0.0294463359,
    0.0100255396,
    -0.00160241203,
)
"""Of (arctan(q) - q) / q^3 in powers of q^2: least largest error on [0, 1], 1.1e-9."""


def folded_angle(
    near: Float[Array, "*shape"],
    far: Float[Array, "*shape"],
    is_obtuse: Bool[Array, "*shape"],
) -> Float[Array, "*shape"]:
    r"""$2 \arctan \sqrt{n / f}$, $n \le f$; $\pi$ less that where it is obtuse.

    Of unit vectors n is the square of the distance to the nearer of y and -y, and f of
    that to the other. The gradient is zero where n is zero.

    Example:
        >>> near, far = jnp.float32(2 - 2 * 0.5), jnp.float32(2 + 2 * 0.5)
        >>> round(float(folded_angle(near, far, jnp.array(False))), 6)
        1.047198
    """
    angle = _twice_arctan_of_root(near / far)
    return jnp.where(is_obtuse, float(jnp.pi) - angle, angle)


@jax.custom_jvp
def _twice_arctan_of_root(square: Array) -> Array:
    """By a polynomial up to float32: CPUs call a library for each single arctangent."""
    ratio = jnp.sqrt(square)
    if jnp.finfo(square.dtype).bits > 32:
        return 2 * jnp.arctan(ratio)
    series = jnp.zeros_like(ratio)
    for coefficient in reversed(COEFFICIENTS):
        series = series * square + coefficient
    return 2 * (ratio + ratio * square * series)


@_twice_arctan_of_root.defjvp
def _slope(primals, tangents):
    (square,), (change,) = primals, tangents
    slope = safe_divide(jnp.ones_like(square), jnp.sqrt(square) * (1 + square))
    return _twice_arctan_of_root(square), slope * change


def safe_arccos(cosine: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Inverse cosine, clipped to [-1, 1]; gradient zero from 1 on outwards."""
    is_obtuse = cosine < 0
    size = jnp.minimum(jnp.where(is_obtuse, -cosine, cosine), 1)
    return folded_angle(1 - size, 1 + size, is_obtuse)

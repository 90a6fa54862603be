"""Angles from the squares of the sum and the difference of two unit vectors."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

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


@jax.custom_jvp
def twice_half_angle(
    opposite: Float[Array, "*shape"], adjacent: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    r"""$2 \arctan \sqrt{o / a}$ for squares o and a that are not both zero.

    The gradient is zero where one of them is zero. CPUs call a library for every single
    arctangent; up to float32 this is a polynomial, on vectors.

    Example:
        >>> round(float(twice_half_angle(jnp.float32(1.0), jnp.float32(1.0))), 6)
        1.570796
    """
    if jnp.finfo(opposite.dtype).bits > 32:
        return 2 * jnp.arctan2(jnp.sqrt(opposite), jnp.sqrt(adjacent))
    square = jnp.minimum(opposite, adjacent) / jnp.maximum(opposite, adjacent)
    ratio = jnp.sqrt(square)
    series = jnp.zeros_like(ratio)
    for coefficient in reversed(COEFFICIENTS):
        series = series * square + coefficient
    angle = 2 * (ratio + ratio * square * series)
    return jnp.where(opposite > adjacent, float(jnp.pi) - angle, angle)


@twice_half_angle.defjvp
def _slope(primals, tangents):
    (o, a), (do, da) = primals, tangents
    turn = safe_divide(a * do - o * da, jnp.sqrt(o * a) * (o + a))
    return twice_half_angle(o, a), jnp.where(o * a > 0, turn, 0)

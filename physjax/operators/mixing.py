"""Mixtures of spectra, and distances between them.

Spectra have bands on their last axis, endmembers are (members, bands), abundances have
members on their last axis. Any unit will do; reflectance is a fraction, 1 is white.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._numerics import check_axis, safe_norm, safe_sqrt


def linear_mixing(
    abundances: Float[Array, "*pixels members"],
    endmembers: Float[Array, "members bands"],
    brightness: Float[Array, "*pixels"] | None = None,
) -> Float[Array, "*pixels bands"]:
    r"""Linear mixture $y = s \sum_i a_i m_i$.

    Args:
        abundances: The shares a of the members.
        endmembers: One spectrum m per member, any unit.
        brightness: The factor s of every pixel (slope and shade); 1 by default.

    Returns:
        Spectra in the unit of the endmembers.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4, 0.6], [1.0, 0.5, 0.0]])
        >>> linear_mixing(jnp.array([0.5, 0.5]), endmembers).round(3)
        Array([0.6 , 0.45, 0.3 ], dtype=float32)

    References:
        Keshava and Mustard, IEEE Signal Process. Mag. 19, 44 (2002).
    """
    if brightness is not None:
        abundances = abundances * brightness[..., None]
    return jnp.matmul(abundances, endmembers, precision="highest")


def spectral_angle(
    x: Float[Array, "*shape"], y: Float[Array, "*shape"], *, axis: int = -1
) -> Float[Array, "..."]:
    r"""Angle between spectra in radian, $\arccos (x \cdot y / |x| |y|)$.

    Computed as $2 \arctan(|\hat x - \hat y| / |\hat x + \hat y|)$, which keeps its
    digits at small angles; the gradient is zero at angle zero, where it has a corner.
    A spectrum of zeros is at pi/2 to every spectrum, with gradient zero.

    Args:
        x: Spectra, any batch axes and unit.
        y: The same shape and dtype.
        axis: The axis of the spectra.

    Returns:
        Angle in [0, pi], without the axis.

    Raises:
        ValueError: If there is no such axis.

    Example:
        >>> angle = spectral_angle(jnp.array([1.0, 0.0]), jnp.array([3.0, 3.0]))
        >>> round(float(angle), 6)
        0.785398

    References:
        Kahan, How Futile are Mindless Assessments of Roundoff (2006), section 12.
    """
    axis = check_axis(x, axis, "x")
    (x, some_x), (y, some_y) = _direction(x, axis), _direction(y, axis)
    opposite = safe_sqrt(jnp.sum((x - y) ** 2, axis))
    adjacent = safe_sqrt(jnp.sum((x + y) ** 2, axis))
    both = some_x & some_y
    opposite, adjacent = jnp.where(both, opposite, 1), jnp.where(both, adjacent, 1)
    return 2 * jnp.arctan2(opposite, adjacent)


def _direction(x: Array, axis: int) -> tuple[Array, Array]:
    """Unit vectors, and where there is one."""
    norm = safe_norm(x, axis)
    some = norm > 0
    return x / jnp.expand_dims(jnp.where(some, norm, 1), axis), some

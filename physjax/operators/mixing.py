"""Mixtures of spectra, and distances between them.

Spectra have bands on their last axis, endmembers are (members, bands), abundances have
members on their last axis. Any unit will do; reflectance is a fraction, 1 is white.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from .._numerics import check_axis, safe_divide, safe_log, safe_norm, safe_sqrt
from ._bands import INDICES as INDICES
from ._bands import band_index as band_index
from ._bands import continuum_removal as continuum_removal
from ._bands import gaussian_response as gaussian_response
from ._bands import normalized_difference as normalized_difference
from ._bands import resample as resample
from ._orthonormal import coordinates, orthonormal


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
        >>> spectrum = linear_mixing(jnp.array([0.5, 0.5]), endmembers)
        >>> bool(jnp.allclose(spectrum, jnp.array([0.6, 0.45, 0.3])))
        True

    References:
        Keshava and Mustard, IEEE Signal Process. Mag. 19, 44 (2002).
    """
    if brightness is not None:
        abundances = abundances * brightness[..., None]
    return jnp.matmul(abundances, endmembers, precision="highest")


def fan_mixing(
    abundances: Float[Array, "*pixels members"],
    endmembers: Float[Array, "members bands"],
    brightness: Float[Array, "*pixels"] | None = None,
    *,
    strength: float | Float[Array, ""] = 1.0,
) -> Float[Array, "*pixels bands"]:
    r"""Bilinear mixture $y = \sum_i a_i m_i + \gamma \sum_{i<j} a_i a_j m_i m_j$.

    Light that meets two members on its way adds their product, band by band. The pairs
    cost no loop: they are $(x^2 - \sum_i a_i^2 m_i^2) / 2$, x being the first sum.

    Args:
        abundances: The shares a of the members.
        endmembers: One spectrum m per member, reflectance as a fraction.
        brightness: A factor of the whole mixture, one per pixel; 1 by default.
        strength: $\gamma$, 1 in Fan's model, 0 in the linear one.

    Returns:
        Reflectance.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4], [1.0, 0.5]])
        >>> spectrum = fan_mixing(jnp.array([0.5, 0.5]), endmembers)
        >>> bool(jnp.allclose(spectrum, jnp.array([0.65, 0.5])))
        True

    References:
        Fan et al., Int. J. Remote Sens. 30, 2951 (2009).
    """
    linear = linear_mixing(abundances, endmembers)
    pairs = (linear**2 - linear_mixing(abundances**2, endmembers**2)) / 2
    return _brightened(linear + jnp.asarray(strength, linear.dtype) * pairs, brightness)


def post_nonlinear_mixing(
    abundances: Float[Array, "*pixels members"],
    endmembers: Float[Array, "members bands"],
    nonlinearity: Float[Array, "*pixels"],
    brightness: Float[Array, "*pixels"] | None = None,
) -> Float[Array, "*pixels bands"]:
    r"""Polynomial post-nonlinear mixture $y = x + b x^2$ of $x = \sum_i a_i m_i$.

    Args:
        abundances: The shares a of the members.
        endmembers: One spectrum m per member, reflectance as a fraction.
        nonlinearity: b of every pixel, about -0.3 to 0.3.
        brightness: A factor of the whole mixture, one per pixel; 1 by default.

    Returns:
        Reflectance.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4], [1.0, 0.6]])
        >>> half = jnp.array([0.5, 0.5])
        >>> spectrum = post_nonlinear_mixing(half, endmembers, jnp.array(0.2))
        >>> bool(jnp.allclose(spectrum, jnp.array([0.672, 0.55])))
        True

    References:
        Altmann et al., IEEE Trans. Image Process. 21, 3017 (2012).
    """
    linear = linear_mixing(abundances, endmembers)
    return _brightened(linear + nonlinearity[..., None] * linear**2, brightness)


def _brightened(spectra: Array, brightness: Array | None) -> Array:
    return spectra if brightness is None else spectra * brightness[..., None]


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
    across, along = x - y, x + y
    adjacent = jnp.sum(along**2, axis)
    # Rounding leaves the two a little unlike in length. Their difference has that along
    # their sum, where there should be nothing: without it, x is at angle 0 to 2 x.
    unlike = lax.stop_gradient(jnp.sum(across * along, axis))
    opposite = jnp.sum(across**2, axis) - unlike * safe_divide(unlike, adjacent)
    opposite, adjacent = safe_sqrt(opposite), safe_sqrt(adjacent)
    both = some_x & some_y
    opposite, adjacent = jnp.where(both, opposite, 1), jnp.where(both, adjacent, 1)
    return 2 * jnp.arctan2(opposite, adjacent)


def _direction(x: Array, axis: int) -> tuple[Array, Array]:
    """Unit vectors, and where there is one."""
    norm = safe_norm(x, axis)
    some = norm > 0
    return x / jnp.expand_dims(jnp.where(some, norm, 1), axis), some


def spectral_angles(
    spectra: Float[Array, "*pixels bands"], endmembers: Float[Array, "members bands"]
) -> Float[Array, "*pixels members"]:
    r"""Angles of every spectrum to every endmember, as `spectral_angle` defines them.

    Both are seen in an orthonormal basis of the endmembers, the rest of the spectrum
    being one number more. That costs two thin products whatever the number of members,
    and keeps the digits of small angles, which cosines do not.

    Args:
        spectra: Any batch axes and unit.
        endmembers: One spectrum per row, any unit.

    Returns:
        Angle in radian, [0, pi].

    Example:
        >>> angles = spectral_angles(jnp.array([3.0, 3.0]), jnp.eye(2))
        >>> bool(jnp.allclose(angles, jnp.pi / 4))
        True
    """
    norm = safe_norm(endmembers)
    unit = endmembers / jnp.where(norm > 0, norm, 1)[:, None]
    basis, _, _ = orthonormal(unit)
    inside = coordinates(spectra, basis)
    rest = spectra - jnp.matmul(inside, basis, precision="highest")
    rest = safe_sqrt(jnp.sum(rest**2, -1))
    length = safe_sqrt(jnp.sum(inside**2, -1) + rest**2)
    some = length > 0
    scale = 1 / jnp.where(some, length, 1)
    inside, rest = inside * scale[..., None], rest * scale
    angles = []
    for i in range(len(endmembers)):
        member = coordinates(unit[i], basis).reshape((1,) * (inside.ndim - 1) + (-1,))
        opposite = jnp.sum((inside - member) ** 2, -1) + rest**2
        adjacent = jnp.sum((inside + member) ** 2, -1) + rest**2
        both = some & (norm[i] > 0)
        opposite = jnp.where(both, opposite, 1)
        adjacent = jnp.where(both, adjacent, 1)
        angles.append(2 * jnp.arctan2(safe_sqrt(opposite), safe_sqrt(adjacent)))
    return jnp.stack(angles, -1)


def spectral_information_divergence(
    x: Float[Array, "*shape"], y: Float[Array, "*shape"], *, axis: int = -1
) -> Float[Array, "..."]:
    r"""Symmetric relative entropy $\sum_k (p_k - q_k) \ln(p_k / q_k)$ of shapes.

    p and q are the spectra divided by their sums. Values at or below zero count as the
    smallest normal number of the dtype, with gradient zero.

    Args:
        x: Spectra that are positive where they matter, any batch axes and unit.
        y: The same shape and dtype.
        axis: The axis of the spectra.

    Returns:
        Divergence in nats, at least zero, without the axis.

    Raises:
        ValueError: If there is no such axis.

    Example:
        >>> x, y = jnp.array([1.0, 3.0]), jnp.array([2.0, 2.0])
        >>> round(float(spectral_information_divergence(x, y)), 4)
        0.2747

    References:
        Chang, IEEE Trans. Inf. Theory 46, 1927 (2000).
    """
    axis = check_axis(x, axis, "x")
    p, q = (_shares(spectrum, axis) for spectrum in (x, y))
    return jnp.sum((p - q) * (safe_log(p) - safe_log(q)), axis)


def _shares(x: Array, axis: int) -> Array:
    x = jnp.maximum(x, 0)
    return safe_divide(x, jnp.broadcast_to(jnp.sum(x, axis, keepdims=True), x.shape))


def project_simplex(
    x: Float[Array, "*pixels members"],
) -> Float[Array, "*pixels members"]:
    r"""Nearest point with $a \ge 0$ and $\sum a = 1$, along the last axis.

    $a_i = \max(x_i - \tau, 0)$, with the threshold found by sorting.

    Args:
        x: Any numbers.

    Returns:
        Shares, of the same shape and dtype. The derivative is that of the members that
        are not zero.

    Example:
        >>> project_simplex(jnp.array([0.75, 0.5, -1.0])).tolist()
        [0.625, 0.375, 0.0]

    References:
        Held, Wolfe and Crowder, Math. Program. 6, 62 (1974).
    """
    descending = -jnp.sort(-x, axis=-1)
    count = jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    count = count.reshape((1,) * (x.ndim - 1) + (-1,))
    thresholds = (jnp.cumsum(descending, -1) - 1) / count
    # Thresholds rise as long as the next one is below its number.
    threshold = jnp.max(thresholds, -1, keepdims=True)
    return jnp.maximum(x - threshold, 0)

"""Mixtures of spectra, and distances between them.

Spectra have bands on their last axis, endmembers are (members, bands), abundances have
members on their last axis. Any unit will do; reflectance is a fraction, 1 is white.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._numerics import check_axis, safe_divide, safe_log
from ._angles import spectral_angle as spectral_angle
from ._angles import spectral_angles as spectral_angles
from ._bands import INDICES as INDICES
from ._bands import band_index as band_index
from ._bands import continuum_removal as continuum_removal
from ._bands import gaussian_response as gaussian_response
from ._bands import normalized_difference as normalized_difference
from ._bands import resample as resample


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

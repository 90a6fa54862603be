r"""Detection of targets and of anomalies, and classification by angle.

With the mean $\mu$ and covariance $\Sigma$ of the background, $\tilde x = x - \mu$ and
$\tilde t = t - \mu$.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .._numerics import as_real, working_dtype
from ._endmembers import dot, plain_inverse, unit_rows


def rx(
    spectra: Float[Array, "pixels bands"], *, ridge: float = 1e-6
) -> Float[Array, " pixels"]:
    r"""Reed and Xiaoli's anomaly detector $\tilde x^T \Sigma^{-1} \tilde x$.

    Args:
        spectra: Pixels, which are the background too; any unit.
        ridge: Added to the variances, as a fraction of their mean.

    Returns:
        Square of the Mahalanobis distance of each pixel; its mean is the number of
        bands.

    Example:
        >>> y = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> rx(y).round(3).tolist()
        [2.0, 2.0, 2.0, 2.0]

    References:
        Reed and Yu, IEEE TASSP 38, 1760 (1990).
    """
    y, _, precision = _background(spectra, ridge)
    return jnp.sum(y * dot(y, precision), axis=1)


def matched_filter(
    spectra: Float[Array, "pixels bands"],
    target: Float[Array, " bands"],
    *,
    ridge: float = 1e-6,
) -> Float[Array, " pixels"]:
    r"""Matched filter $\tilde t^T\Sigma^{-1}\tilde x / \tilde t^T\Sigma^{-1}\tilde t$.

    Args:
        spectra: Pixels, which are the background too; any unit.
        target: Spectrum looked for.
        ridge: Added to the variances, as a fraction of their mean.

    Returns:
        1 for the target, 0 in the mean over the background.

    Example:
        >>> y = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> matched_filter(y, jnp.array([2.0, 0.0])).round(3).tolist()
        [0.5, -0.5, 0.0, 0.0]

    References:
        Manolakis and Shaw, IEEE Signal Processing Magazine 19, 29 (2002).
    """
    y, mean, precision = _background(spectra, ridge)
    target = _target(target, y) - mean
    weights = dot(precision, target)
    return _ratio(dot(y, weights), dot(target, weights))


def ace(
    spectra: Float[Array, "pixels bands"],
    target: Float[Array, " bands"],
    *,
    ridge: float = 1e-6,
) -> Float[Array, " pixels"]:
    r"""Adaptive coherence estimator: cosine squared in the whitened space.

    $$(\tilde t^T\Sigma^{-1}\tilde x)^2 / (\tilde t^T\Sigma^{-1}\tilde t \;
    \tilde x^T\Sigma^{-1}\tilde x)$$

    Args:
        spectra: Pixels, which are the background too; any unit.
        target: Spectrum looked for.
        ridge: Added to the variances, as a fraction of their mean.

    Returns:
        Between 0 and 1.

    Example:
        >>> y = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> ace(y, jnp.array([2.0, 0.0])).round(3).tolist()
        [1.0, 1.0, 0.0, 0.0]

    References:
        Kraut, Scharf and McWhorter, IEEE TSP 49, 1 (2001).
    """
    y, mean, precision = _background(spectra, ridge)
    target = _target(target, y) - mean
    weights = dot(precision, target)
    distance = jnp.sum(y * dot(y, precision), axis=1)
    return _ratio(dot(y, weights) ** 2, dot(target, weights) * distance)


def osp(
    spectra: Float[Array, "pixels bands"],
    target: Float[Array, " bands"],
    background: Float[Array, "members bands"],
) -> Float[Array, " pixels"]:
    r"""Orthogonal subspace projection $t^T P x / t^T P t$, $P = 1 - U U^+$.

    Args:
        spectra: Pixels, any unit.
        target: Spectrum looked for.
        background: Spectra U of what shall not be seen.

    Returns:
        Amount of the target in each pixel, as least squares finds it with the
        background beside it; 0 if the target is one of the background.

    Example:
        >>> osp(jnp.array([[3.0, 5.0]]), jnp.array([1.0, 0.0]), jnp.array([[0.0, 1.0]]))
        Array([3.], dtype=float...)

    References:
        Harsanyi and Chang, IEEE TGRS 32, 779 (1994).
    """
    y = _matrix(spectra)
    background = unit_rows(jnp.asarray(background).astype(y.dtype))
    inverse = plain_inverse(dot(background, background.T))
    target = _target(target, y)
    seen = target
    for _ in range(2):  # the second time removes what rounding has left
        seen = seen - dot(dot(inverse, dot(background, seen)), background)
    left = dot(seen, seen)
    enough = left > 100 * jnp.finfo(y.dtype).eps ** 2 * dot(target, target)
    return jnp.where(enough, _ratio(dot(y, seen), left), 0)


def classify_by_angle(
    spectra: Float[Array, "... bands"],
    references: Float[Array, "classes bands"],
    *,
    max_angle: float | None = None,
) -> Int[Array, "..."]:
    """Spectral angle mapper: the class of the reference at the smallest angle.

    Args:
        spectra: Spectra, any unit and batch axes.
        references: One spectrum per class.
        max_angle: Angle, rad, beyond which a spectrum is of no class.

    Returns:
        Class, or -1 for none; spectra of zeros are of none.

    Example:
        >>> classify_by_angle(jnp.array([[1.0, 0.2], [0.0, 0.0]]), jnp.eye(2)).tolist()
        [0, -1]

    References:
        Kruse et al., Remote Sensing of Environment 44, 145 (1993).
    """
    y = as_real(spectra, "spectra")
    cosine = dot(unit_rows(y), unit_rows(jnp.asarray(references).astype(y.dtype)).T)
    known = jnp.any(y != 0, axis=-1)
    if max_angle is not None:
        known = known & (jnp.max(cosine, axis=-1) >= jnp.cos(max_angle).astype(y.dtype))
    return jnp.where(known, jnp.argmax(cosine, axis=-1), -1).astype(jnp.int32)


def _background(spectra, ridge):
    """Centred pixels, their mean, and the inverse of their covariance."""
    y = _matrix(spectra)
    mean = jnp.mean(y, axis=0)
    y = y - mean[None, :]
    covariance = dot(y.T, y) / y.shape[0]
    bands = y.shape[1]
    level = ridge * jnp.trace(covariance) / bands
    covariance = covariance + level * jnp.eye(bands, dtype=y.dtype)
    inverse = plain_inverse(covariance)
    return y, mean, 0.5 * (inverse + inverse.T)


def _matrix(spectra):
    y = as_real(spectra, "spectra")
    if y.ndim != 2:
        raise ValueError(
            f"`spectra` has shape {y.shape}; expected (pixels, bands): flatten the "
            "rows and columns of a cube."
        )
    return y.astype(working_dtype(y.dtype))


def _target(target, y):
    target = as_real(target, "target").astype(y.dtype)
    if target.shape != y.shape[1:]:
        raise ValueError(
            f"`target` has shape {target.shape}; expected {y.shape[1:]}, the bands of "
            "`spectra`."
        )
    return target


def _ratio(a, b):
    return jnp.where(b != 0, a / jnp.where(b != 0, b, 1), 0)

"""Angles between spectra."""

import functools as ft
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from .._blocks import by_blocks
from .._numerics import (
    check_axis,
    safe_divide,
    safe_norm,
    safe_sqrt,
)
from ._half_angles import folded_angle, safe_arccos
from ._orthonormal import coordinates, orthonormal

Method = Literal["accurate", "cosine"]
_ROWS_IN_CACHE = 5000


def spectral_angle(
    x: Float[Array, "*shape"],
    y: Float[Array, "*shape"],
    *,
    axis: int = -1,
    method: Method = "accurate",
) -> Float[Array, "..."]:
    r"""Angle between spectra in radian, $\arccos (x \cdot y / |x| |y|)$.

    Computed as $\arctan(|r| |y| / x \cdot y)$ with $r = x - y\,(x \cdot y) / |y|^2$,
    which keeps its digits at small angles; the gradient is zero at angle zero, where it
    has a corner. A spectrum of zeros is at pi/2 to every spectrum, with gradient zero.

    Args:
        x: Spectra, any batch axes and unit.
        y: The same shape and dtype.
        axis: The axis of the spectra.
        method: `cosine` takes the inverse cosine, in one pass over the data instead of
            two: its error is the precision over the angle (in float32 1e-6 at 0.1 rad,
            3e-4 at zero), and squares must not overflow.

    Returns:
        Angle in [0, pi], without the axis.

    Raises:
        ValueError: If there is no such axis or method.

    Example:
        >>> angle = spectral_angle(jnp.array([1.0, 0.0]), jnp.array([3.0, 3.0]))
        >>> round(float(angle), 6)
        0.785398

    References:
        Kahan, How Futile are Mindless Assessments of Roundoff (2006), section 12, on
        what is wrong with the inverse cosine.
    """
    axis = check_axis(x, axis, "x")
    _check(method)
    if method == "cosine":
        squares = jnp.sum(x**2, axis) * jnp.sum(y**2, axis)
        return safe_arccos(safe_divide(jnp.sum(x * y, axis), safe_sqrt(squares)))
    return _polar(x, y, axis)[0]


def _check(method: str) -> None:
    if method not in get_args(Method):
        raise ValueError(f"`method` is {method!r}; {get_args(Method)} are known.")


@ft.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _polar(x: Array, y: Array, axis: int) -> tuple[Array, Array, Array]:
    """The angle and both lengths."""
    _, long, length = found = _two_passes(x, y, axis)
    # Squares that over- or underflow, and zeros, which look like the latter.
    limits = jnp.finfo(x.dtype)
    low, high = float(limits.tiny / limits.eps**2) ** 0.5, float(limits.max) ** 0.5 / 4
    fits = (long > low) & (long < high) & (length > low) & (length < high)
    return lax.cond(jnp.all(fits), lambda: found, lambda: _scaled(x, y, axis))


def _two_passes(x: Array, y: Array, axis: int) -> tuple[Array, Array, Array]:
    product, square = jnp.sum(x * y, axis), jnp.sum(y**2, axis)
    share = safe_divide(product, square)
    rest = x - jnp.expand_dims(share, axis) * y
    # What rounding of the share leaves along y should not be there.
    along = jnp.sum(rest * y, axis)
    rest = jnp.maximum(jnp.sum(rest**2, axis) - along * safe_divide(along, square), 0)
    length = jnp.sqrt(square)
    across = jnp.sqrt(rest) * length
    angle = jnp.arctan2(across, product)
    right = (across == 0) & (product == 0)
    angle = jnp.where(right, jnp.asarray(jnp.pi / 2, x.dtype), angle)
    return angle, jnp.sqrt(rest + share * product), length


def _scaled(x: Array, y: Array, axis: int) -> tuple[Array, Array, Array]:
    scales = [jnp.max(jnp.abs(z), axis, keepdims=True) for z in (x, y)]
    unit_x, unit_y = (
        z / jnp.where(scale > 0, scale, 1)
        for z, scale in zip((x, y), scales, strict=True)
    )
    angle, long, length = _two_passes(unit_x, unit_y, axis)
    long_scale, length_scale = (jnp.squeeze(scale, axis) for scale in scales)
    return angle, long * long_scale, length * length_scale


@_polar.defjvp
def _polar_slope(axis, primals, tangents):
    # d angle = (x^ cos - y^) . dx / |x| sin + (y^ cos - x^) . dy / |y| sin
    (x, y), (dx, dy) = primals, tangents
    angle, long, length = _polar(x, y, axis)
    one_over = lambda z: safe_divide(jnp.ones_like(z), z)
    wide = lambda z: jnp.expand_dims(z, axis)
    unit_x, unit_y = x * wide(one_over(long)), y * wide(one_over(length))
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    # Below the rounding of the spectra the direction is noise, where it should be zero.
    some = (sin > 8 * float(jnp.finfo(x.dtype).eps)) & (long > 0) & (length > 0)
    steep = jnp.where(some, 1 / jnp.where(some, sin, 1), 0)
    by_x = jnp.sum((unit_x * wide(cos) - unit_y) * dx, axis) * one_over(long)
    by_y = jnp.sum((unit_y * wide(cos) - unit_x) * dy, axis) * one_over(length)
    slopes = (
        steep * (by_x + by_y),
        jnp.sum(unit_x * dx, axis),
        jnp.sum(unit_y * dy, axis),
    )
    return (angle, long, length), slopes


def _split(
    spectra: Float[Array, "*pixels bands"], basis: Float[Array, "rank bands"]
) -> tuple[Float[Array, "*pixels rank"], Float[Array, "*pixels"]]:
    """Coordinates of spectra in a basis, and the square of what is outside."""

    def split(rows):
        inside = coordinates(rows, basis)
        outside = rows - jnp.matmul(inside, basis, precision="highest")
        return inside, jnp.sum(outside**2, -1)

    def in_cache(rows):  # what is outside is a second cube, which CPUs feel
        return by_blocks(split, rows, _ROWS_IN_CACHE)

    rows = spectra.reshape(-1, spectra.shape[-1])
    inside, rest = lax.platform_dependent(rows, cpu=in_cache, default=split)
    shape = spectra.shape[:-1]
    return inside.reshape(*shape, inside.shape[-1]), rest.reshape(shape)


def spectral_angles(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    method: Method = "accurate",
) -> Float[Array, "*pixels members"]:
    r"""Angles of every spectrum to every endmember, as `spectral_angle` defines them.

    Both are seen in an orthonormal basis of the endmembers, the rest of the spectrum
    being one number more. That costs two thin products whatever the number of members,
    and keeps the digits of small angles, which cosines do not.

    Args:
        spectra: Any batch axes and unit.
        endmembers: One spectrum per row, any unit.
        method: `cosine` as in `spectral_angle`: one thin product.

    Returns:
        Angle in radian, [0, pi].

    Raises:
        ValueError: If there is no such method.

    Example:
        >>> angles = spectral_angles(jnp.array([3.0, 3.0]), jnp.eye(2))
        >>> bool(jnp.allclose(angles, jnp.pi / 4))
        True
    """
    _check(method)
    norm = safe_norm(endmembers)
    unit = endmembers / jnp.where(norm > 0, norm, 1)[:, None]
    if method == "cosine":
        cosine = jnp.matmul(spectra, unit.T, precision="highest")
        length = safe_sqrt(jnp.sum(spectra**2, -1))[..., None]
        return safe_arccos(cosine * safe_divide(jnp.ones_like(length), length))
    basis, _, _ = orthonormal(unit)
    inside, rest = _split(spectra, basis)
    length = safe_sqrt(jnp.sum(inside**2, -1) + rest)
    some = length > 0
    scale = 1 / jnp.where(some, length, 1)
    # Members first: sums over them are then a few operations on whole vectors.
    rest = (rest * scale**2)[None]
    inside = jnp.moveaxis(inside * scale[..., None], -1, 0)[:, None]
    member = coordinates(unit, basis).T.reshape(
        (len(basis), len(unit)) + (1,) * some.ndim
    )
    pairs = list(zip(inside, member, strict=True))
    is_obtuse = sum((x * m for x, m in pairs), jnp.zeros_like(rest)) < 0
    sign = jnp.where(is_obtuse, -1, 1).astype(rest.dtype)
    near = sum(((x - sign * m) ** 2 for x, m in pairs), rest)
    both = some[None] & (norm > 0).reshape((-1,) + (1,) * some.ndim)
    near = jnp.where(both, near, 2)
    # |x - m|^2 + |x + m|^2 = 4 for unit vectors.
    return jnp.moveaxis(folded_angle(near, 4 - near, is_obtuse), 0, -1)

"""What the difference operators share: checked arguments, rows at walls, shifts."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Inexact, Num

from .._boundaries import AbstractBoundary, Faces, Periodic, as_number, check_faces
from .._numerics import as_inexact, working_dtype

Spacing: TypeAlias = Sequence[Num[ArrayLike, ""]] | Num[ArrayLike, " axes"]
"""Distance of neighbouring unknowns along each axis of space; numbers or traced."""


class Axis(NamedTuple):
    """One axis of space."""

    index: int
    size: int
    spacing: Any
    """A Python number, or a scalar array of the field's type."""
    low: AbstractBoundary
    high: AbstractBoundary

    @property
    def periodic(self) -> bool:
        return isinstance(self.low, Periodic)

    @property
    def half_cells(self) -> bool:
        return self.low.half_cell or self.high.half_cell

    def shares(self, dtype: Any) -> Array:
        """Part of a cell that each unknown owns: 1, or 1/2 on a wall."""
        share = np.ones(self.size)
        share[0] *= 0.5 if self.low.half_cell else 1.0
        share[-1] *= 0.5 if self.high.half_cell else 1.0
        return jnp.asarray(share, dtype)


def prepare(
    u: Any, spacing: Spacing, bc: Faces, name: str = "u"
) -> tuple[Inexact[Array, "..."], tuple[Axis, ...]]:
    """The field in its working type, and its axes of space, the last ones.

    Raises:
        TypeError: If the field does not hold numbers, or `bc` no conditions.
        ValueError: If `spacing`, `bc` and the field do not fit each other.
    """
    u = as_inexact(u, name)
    u = u.astype(working_dtype(u.dtype))
    return u, make_axes(u.shape, spacing, bc, u.dtype, name)


def make_axes(
    shape: tuple[int, ...], spacing: Spacing, bc: Faces, dtype: Any, name: str
) -> tuple[Axis, ...]:
    """The last axes of a shape, one per spacing."""
    spacings = check_spacing(spacing, dtype)
    count = len(spacings)
    if len(shape) < count:
        raise ValueError(
            f"`{name}` must have an axis per entry of `spacing`; got shape {shape} "
            f"for {count} of them."
        )
    pairs = check_faces(bc, count)
    start = len(shape) - count
    axes = tuple(
        Axis(start + a, shape[start + a], spacings[a], *pairs[a]) for a in range(count)
    )
    for axis in axes:
        least = 2 if axis.half_cells else 1
        if axis.size < least:
            raise ValueError(
                f"`{name}` must have at least {least} points along axis {axis.index}; "
                f"got shape {shape}."
            )
    return axes


def check_spacing(spacing: Spacing, dtype: Any) -> tuple[Any, ...]:
    """Python numbers as they are, arrays as scalars of the type.

    Raises:
        ValueError: If an entry is a number and not positive, or an array of any rank.
    """
    if not hasattr(spacing, "__len__"):
        raise ValueError(f"`spacing` must have one entry per axis; got {spacing!r}.")
    entries = tuple(as_number(h, dtype) for h in spacing)  # pyright: ignore
    for h in entries:
        if isinstance(h, Array):
            if h.ndim:
                raise ValueError(f"`spacing` must hold scalars; got shape {h.shape}.")
        elif not 0 < h < np.inf:
            raise ValueError(f"`spacing` must be positive; got {h}.")
    if not entries:
        raise ValueError("`spacing` must have one entry per axis; got none.")
    return entries


def first(u: Array, axis: int, count: int = 1) -> Array:
    """The first rows along an axis."""
    return lax.slice_in_dim(u, 0, count, axis=axis)


def last(u: Array, axis: int, count: int = 1) -> Array:
    """The last rows along an axis."""
    n = u.shape[axis]
    return lax.slice_in_dim(u, n - count, n, axis=axis)


def padded(u: Array, axis: int, low: int, high: int) -> Array:
    """Zeros added (or rows taken, if negative) at the ends of one axis.

    XLA reads through it: no copy is made where an element-wise loop uses it.
    """
    config = [(0, 0, 0)] * u.ndim
    config[axis] = (low, high, 0)
    return lax.pad(u, jnp.zeros((), u.dtype), config)


def neighbours(u: Array, axis: int, distance: int = 1) -> tuple[Array, Array]:
    """Fields read from the low and the high side, zero beyond the ends."""
    return (
        padded(u, axis, distance, -distance),
        padded(u, axis, -distance, distance),
    )


def wrapped(u: Array, axis: int) -> tuple[Array, Array]:
    """What `neighbours` lack on a periodic axis: zero but for the first or last row.

    Two pads of complementary sign, which XLA vectorises; a slice and a pad it does not.
    """
    n = u.shape[axis]
    return padded(u, axis, 1 - n, n - 1), padded(u, axis, n - 1, 1 - n)


def at_low(rows: Array, axis: Axis) -> Array:
    """A field that is zero but for its first rows."""
    return padded(rows, axis.index, 0, axis.size - rows.shape[axis.index])


def at_high(rows: Array, axis: Axis) -> Array:
    """A field that is zero but for its last rows."""
    return padded(rows, axis.index, axis.size - rows.shape[axis.index], 0)


def along(v: Array, axis: int, ndim: int) -> Array:
    """A vector along one axis of an array."""
    return v.reshape((1,) * axis + v.shape + (1,) * (ndim - axis - 1))


def ghosts(u: Array, axis: Axis) -> tuple[Array, Array]:
    """The rows one spacing beyond both ends."""
    a = axis.index
    low, high = (lax.squeeze(end(u, a), (a,)) for end in (first, last))
    second = (None, None)
    if axis.half_cells:
        second = (
            lax.index_in_dim(u, 1, a, keepdims=False),
            lax.index_in_dim(u, axis.size - 2, a, keepdims=False),
        )
    below = axis.low.ghost(low, high, axis.spacing, second[0])
    above = axis.high.ghost(high, low, axis.spacing, second[1])
    return lax.expand_dims(below, (a,)), lax.expand_dims(above, (a,))


def wall_slopes(u: Array, axis: Axis) -> tuple[Array, Array]:
    """Derivatives along the outward normals at both walls."""
    a = axis.index
    low, high = (lax.squeeze(end(u, a), (a,)) for end in (first, last))
    below = axis.low.outward(low, high, axis.spacing)
    above = axis.high.outward(high, low, axis.spacing)
    return lax.expand_dims(below, (a,)), lax.expand_dims(above, (a,))

"""The Laplacian of sampled fields, of order 2 to 8, and the biharmonic operator."""

from typing import Any, Literal, get_args

from jax import lax
from jaxtyping import Array, ArrayLike, Inexact, Num

from .._boundaries import AbstractBoundary, Dirichlet, Faces, Neumann, is_zero
from .._numerics import as_inexact
from ._stencils import (
    Axis,
    Spacing,
    at_high,
    at_low,
    first,
    ghosts,
    last,
    neighbours,
    padded,
    prepare,
    wrapped,
)

Order = Literal[2, 4, 6, 8]

# Second derivative times h^2: the middle, and the neighbours at distance 1, 2, ...
STENCILS = {
    2: (-2.0, 1.0),
    4: (-5 / 2, 4 / 3, -1 / 12),
    6: (-49 / 18, 3 / 2, -3 / 20, 1 / 90),
    8: (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560),
}


def laplacian(
    u: Num[ArrayLike, "..."], spacing: Spacing, bc: Faces, *, order: Order = 2
) -> Inexact[Array, "..."]:
    r"""Laplacian of a sampled field, with its conditions at the walls built in.

    $$(\Delta u)_i = \sum_a \frac{u_{i+e_a} - 2 u_i + u_{i-e_a}}{h_a^2} + O(h^2),$$

    or central differences of order 4, 6 or 8. Beyond a wall stands the ghost value that
    fulfils the condition. In the inner product weighted with the cell volumes
    (`cell_volumes`) the linear part is symmetric and not positive for all conditions
    but Robin ones of negative alpha / beta; what lies in the cells changes only
    by the flux through the walls. At walls half a cell away the stencil is
    inconsistent in the last cell, and solutions of boundary-value problems are still
    of order 2.

    Orders above 2 are for periodic axes, and for homogeneous Dirichlet and Neumann
    walls, beyond which the field is reflected. They keep the symmetry, and have their
    full order for functions of that symmetry (even derivatives vanish at a Dirichlet
    wall, odd ones at a Neumann wall).

    Rounding: about 4 eps max|u| / h^2 per axis, in float32 5e-7 max|u| / h^2.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        spacing: Distance of neighbours along each axis, in the user's unit of length;
            numbers (checked) or traced scalars.
        bc: A (low, high) pair of conditions per axis of space.
        order: 2, 4, 6 or 8.

    Returns:
        Laplacian in units of u / length^2, with the shape and dtype of `u`.

    Raises:
        TypeError: If `u` does not hold numbers or `bc` no conditions.
        ValueError: If the number of axes differ, walls of an axis do not fit, an axis
            is too short, or the order does not go with the conditions.

    Example:
        >>> import jax.numpy as jnp
        >>> from physjax import Dirichlet
        >>> x = jnp.arange(1, 4) / 4  # between walls at 0 and 1 that are nodes
        >>> wall = Dirichlet(wall="node")
        >>> laplacian(x * (1 - x), (0.25,), [(wall, wall)]).tolist()
        [-2.0, -2.0, -2.0]

    References:
        Fornberg, Math. Comp. 51 (1988) 699, for the coefficients.
    """
    field, axes = prepare(u, spacing, bc)
    _check_order(order, axes)
    inverse = [1 / (axis.spacing * axis.spacing) for axis in axes]
    if order == 2:
        out = _second_order(field, axes, inverse)
    else:
        out = _high_order(field, axes, inverse, STENCILS[order])
    return out.astype(as_inexact(u, "u").dtype)


def biharmonic(
    u: Num[ArrayLike, "..."], spacing: Spacing, bc: Faces, *, order: Order = 2
) -> Inexact[Array, "..."]:
    r"""Biharmonic operator $\Delta^2 u$: the Laplacian twice.

    The Laplacian of u is given the same conditions with the value zero: for Dirichlet
    walls this is the simply supported plate ($u = v$, $\Delta u = 0$). The linear part
    is symmetric and not negative in the inner product of the cell volumes.

    Args:
        u: Field; the last `len(spacing)` axes are space.
        spacing: Distance of neighbours along each axis.
        bc: A (low, high) pair of conditions of `u` per axis.
        order: 2, 4, 6 or 8, as in `laplacian`.

    Returns:
        In units of u / length^4, with the shape and dtype of `u`. Rounding grows as
        h^-4: about 1e-6 max|u| / h^4 in float32.

    Raises:
        TypeError: As `laplacian`.
        ValueError: As `laplacian`.

    Example:
        >>> import jax.numpy as jnp
        >>> from physjax import Periodic
        >>> u = jnp.cos(2 * jnp.pi * jnp.arange(8) / 8)
        >>> w = biharmonic(u, (1.0,), [(Periodic(), Periodic())])
        >>> bool(jnp.allclose(w, (2 - 2**0.5) ** 2 * u, atol=1e-5))
        True
    """
    once = laplacian(u, spacing, bc, order=order)
    homogeneous = [(low.homogeneous(), high.homogeneous()) for low, high in bc]
    return laplacian(once, spacing, homogeneous, order=order)


def _second_order(u: Array, axes: tuple[Axis, ...], inverse: list[Any]) -> Array:
    # Predicated reads in one loop: no padded copy of the field is made.
    out = _middle(inverse, -2.0) * u
    for axis, scale in zip(axes, inverse, strict=True):
        below, above = neighbours(u, axis.index)
        if axis.periodic:
            low, high = wrapped(u, axis.index)
            out = out + scale * (below + above + low + high)
            continue
        out = out + scale * (below + above)
        low, high = ghosts(u, axis)
        if not _vanishes(axis.low):
            out = out + at_low(scale * low, axis)
        if not _vanishes(axis.high):
            out = out + at_high(scale * high, axis)
    return out


def _high_order(
    u: Array, axes: tuple[Axis, ...], inverse: list[Any], stencil: tuple[float, ...]
) -> Array:
    """Zeros beyond the walls, then what the rows beyond them add, row by row."""
    reach = len(stencil) - 1
    out = _middle(inverse, stencil[0]) * u
    # Many predicates block vectorisation: from order 6 on one padded copy is faster.
    copied = u
    if reach > 2:
        for axis in axes:
            copied = padded(copied, axis.index, reach, reach)
    for axis, scale in zip(axes, inverse, strict=True):
        for distance in range(1, reach + 1):
            if reach > 2:
                below, above = _windows(copied, u, axes, axis, reach, distance)
            else:
                below, above = neighbours(u, axis.index, distance)
            out = out + (scale * stencil[distance]) * (below + above)
    for axis, scale in zip(axes, inverse, strict=True):
        a, n = axis.index, axis.size
        low, high = _reflections(u, axis, reach)
        rows = [slice(None)] * u.ndim
        rows[a] = slice(0, reach)
        out = out.at[tuple(rows)].add(scale * _seen_from_inside(low, a, stencil))
        rows[a] = slice(n - reach, n)
        seen = lax.rev(_seen_from_inside(high, a, stencil), (a,))
        out = out.at[tuple(rows)].add(scale * seen)
    return out


def _windows(copied, u, axes, axis, reach, distance):
    """Both neighbours at a distance, read from the padded copy."""
    for sign in (-1, 1):
        start = [0] * u.ndim
        for other in axes:
            start[other.index] = reach
        start[axis.index] += sign * distance
        yield lax.slice(
            copied, start, [s + n for s, n in zip(start, u.shape, strict=True)]
        )


def _reflections(u: Array, axis: Axis, reach: int) -> tuple[Array, Array]:
    """The rows beyond both ends, the nearest to the wall last."""
    a, n = axis.index, axis.size
    if axis.periodic:
        return last(u, a, reach), lax.rev(first(u, a, reach), (a,))
    depth = min(reach + 1, n)
    return (
        _reflection(lax.rev(first(u, a, depth), (a,)), axis.low, a, reach),
        _reflection(last(u, a, depth), axis.high, a, reach),
    )


def _reflection(rows: Array, side: AbstractBoundary, a: int, reach: int) -> Array:
    """Rows beyond a wall from those inside, of which the last is at the wall."""
    if side.half_cell:  # mirrored at the row on the wall
        return first(rows, a, reach)
    if isinstance(side, Neumann):
        return last(rows, a, reach)
    if getattr(side, "wall", "half") == "half":
        return -last(rows, a, reach)
    # The known node on the wall is zero.
    return padded(-last(rows, a, reach - 1), a, 0, 1)


def _seen_from_inside(beyond: Array, a: int, stencil: tuple[float, ...]) -> Array:
    """What rows beyond index 0, the nearest last, add to the rows from index 0 on."""
    reach = len(stencil) - 1
    terms = [
        stencil[m] * padded(last(beyond, a, m), a, 0, reach - m)
        for m in range(1, reach + 1)
    ]
    return sum(terms[1:], terms[0])


def _middle(inverse: list[Any], coefficient: float) -> Any:
    return coefficient * sum(inverse[1:], inverse[0])


def _vanishes(side: AbstractBoundary) -> bool:
    """Whether the ghost value is known to be zero."""
    return isinstance(side, Dirichlet) and side.wall == "node" and is_zero(side.value)


def _check_order(order: int, axes: tuple[Axis, ...]) -> None:
    if order not in get_args(Order):
        raise ValueError(f"`order` must be one of {get_args(Order)}; got {order!r}.")
    if order == 2:
        return
    for a, axis in enumerate(axes):
        for side in (axis.low, axis.high):
            if not axis.periodic and not _reflects(side):
                raise ValueError(
                    f"`order` {order} needs axes that are periodic or have homogeneous "
                    f"Dirichlet or Neumann walls with the Python number 0 as value; "
                    f"got {type(side).__name__} in `bc` {a}: use order 2."
                )
        least = order // 2 + int(axis.half_cells)
        if axis.size < least:
            raise ValueError(
                f"`order` {order} needs at least {least} points along an axis; got "
                f"{axis.size} along axis {axis.index}."
            )


def _reflects(side: AbstractBoundary) -> bool:
    if isinstance(side, Dirichlet):
        return is_zero(side.value)
    return isinstance(side, Neumann) and is_zero(side.slope)

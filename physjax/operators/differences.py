r"""Finite differences on uniform grids, with the conditions at the walls built in.

Fields are sampled at the unknowns, fluxes on the faces between them: `gradient` goes
from points to faces, `divergence` back, and `laplacian` is the one after the other. The
last `len(spacing)` axes of a field are space, the ones before are batch. The inner
product in which things are symmetric weights each unknown with its `cell_volumes`: a
whole cell, or half a cell along each axis at whose end it lies on a wall
(`wall="node"` of `Neumann` and `Robin`).
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, Inexact, Num

from .._boundaries import Faces, Neumann, Periodic, as_value
from .._numerics import as_inexact, real_dtype, working_dtype
from ._fluxes import dirichlet_energy as dirichlet_energy
from ._fluxes import div_sigma_grad as div_sigma_grad
from ._laplacians import biharmonic as biharmonic
from ._laplacians import laplacian as laplacian
from ._stencils import (
    Axis,
    Spacing,
    along,
    at_high,
    at_low,
    check_spacing,
    first,
    ghosts,
    last,
    make_axes,
    neighbours,
    prepare,
    wall_slopes,
    wrapped,
)

Place = Literal["faces", "points"]


def gradient(
    u: Num[ArrayLike, "..."], spacing: Spacing, bc: Faces, *, at: Place = "faces"
) -> tuple[Inexact[Array, "..."], ...]:
    r"""Gradient of a sampled field, one component per axis of space.

    On faces, $(u_{i+e_a} - u_i) / h_a$ of order 2 between the points i and i + e_a, and
    the derivative at the wall on the outermost ones. For a periodic axis the first and
    the last face are the same.

    At points, $(u_{i+e_a} - u_{i-e_a}) / 2 h_a$ of order 2, with the ghost values of
    the conditions beyond the ends; of order 1 in the cell at a Dirichlet or Robin wall
    half a cell away.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        spacing: Distance of neighbours along each axis, numbers or traced scalars.
        bc: A (low, high) pair of conditions per axis of space.
        at: `"faces"`, as `divergence` takes them, or `"points"`, the shape of `u`.

    Returns:
        One array per axis of space, in units of u / length. On faces, component a has
        one entry more than `u` along its axis.

    Raises:
        TypeError: If `u` does not hold numbers or `bc` no conditions.
        ValueError: As `laplacian`, or for another `at`.

    Example:
        >>> from physjax import Dirichlet
        >>> u, walls = jnp.array([1.0, 3.0]), [(Dirichlet(0.0), Dirichlet(4.0))]
        >>> [component.tolist() for component in gradient(u, (1.0,), walls)]
        [[2.0, 2.0, 2.0]]
        >>> gradient(u, (1.0,), walls, at="points")[0].tolist()
        [2.0, 2.0]
    """
    _check_place(at)
    field, axes = prepare(u, spacing, bc)
    component = _on_faces if at == "faces" else _at_points
    dtype = as_inexact(u, "u").dtype
    return tuple(component(field, axis).astype(dtype) for axis in axes)


def divergence(
    flux: Sequence[Num[ArrayLike, "..."]],
    spacing: Spacing,
    bc: Faces | None = None,
    *,
    at: Place = "faces",
) -> Inexact[Array, "..."]:
    r"""Divergence of a flux, at the points.

    From faces, $\sum_a (q_{i+e_a/2} - q_{i-e_a/2}) / h_a$, divided by 1/2 where a point
    on a wall owns half a cell: minus the adjoint of `gradient`, and the sum over the
    cell volumes is what passes the walls. Of order 2.

    From points the flux is averaged to the faces; on a wall it is the slope of a
    `Neumann` condition, and is extrapolated linearly for the others.

    Args:
        flux: One component per axis of space; batch axes first.
        spacing: Distance of neighbours along each axis, numbers or traced scalars.
        bc: Conditions of the field whose flux this is. Those of faces only matter where
            points lie on walls; by default all cells are whole.
        at: Where the flux is given: `"faces"`, with one entry more along its own axis,
            or `"points"`.

    Returns:
        In units of flux / length, of the type that the components promote to.

    Raises:
        TypeError: If `flux` does not hold numbers or `bc` no conditions.
        ValueError: If components, spacing and conditions do not fit each other, or if
            `bc` is missing for a flux at points.

    Example:
        >>> divergence([jnp.array([0.0, 1.0, 3.0])], (0.5,)).tolist()
        [2.0, 4.0]
    """
    _check_place(at)
    fluxes = [as_inexact(q, "flux") for q in flux]
    if not fluxes:
        raise ValueError("`flux` must have one component per axis of space; got none.")
    dtype = jnp.result_type(*fluxes)
    fluxes = [q.astype(working_dtype(dtype)) for q in fluxes]
    count = len(check_spacing(spacing, fluxes[0].dtype))
    if bc is None:
        if at == "points":
            raise ValueError('`bc` is needed for a flux at "points"; got None.')
        bc = _whole(spacing)
    shape = _cells(fluxes, count, at)
    axes = make_axes(shape, spacing, bc, fluxes[0].dtype, "flux")
    total = jnp.zeros(shape, fluxes[0].dtype)
    for q, axis in zip(fluxes, axes, strict=True):
        q = q if at == "faces" else _to_faces(q, axis)
        a, n = axis.index, axis.size
        out = (last(q, a, n) - first(q, a, n)) / axis.spacing
        if axis.half_cells:
            shares = axis.shares(real_dtype(out.dtype)).astype(out.dtype)
            out = out / along(shares, a, out.ndim)
        total = total + out
    return total.astype(dtype)


def integrate(
    u: Num[ArrayLike, "..."], spacing: Spacing, bc: Faces | None = None
) -> Inexact[Array, "..."]:
    r"""Integral over space: the sum of the field times the cell volumes.

    Of order 2: the midpoint rule for cells, the trapezoidal rule for points on walls
    (with a node that a Dirichlet condition knows, its half cell is left out), of any
    order for periodic functions.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        spacing: Distance of neighbours along each axis.
        bc: Conditions of the field; by default all cells are whole.

    Returns:
        One number per entry of the batch, in units of u length^d.

    Raises:
        TypeError: If `u` does not hold numbers or `bc` no conditions.
        ValueError: As `laplacian`.

    Example:
        >>> integrate(jnp.array([1.0, 2.0, 1.0]), (0.5,)).tolist()
        2.0
    """
    dtype = as_inexact(u, "u").dtype
    field, axes = prepare(u, spacing, _whole(spacing) if bc is None else bc)
    volume = math.prod(axis.spacing for axis in axes)
    for axis in axes:
        if axis.half_cells:
            shares = axis.shares(real_dtype(field.dtype)).astype(field.dtype)
            field = field * along(shares, axis.index, field.ndim)
    total = jnp.sum(field, axis=tuple(axis.index for axis in axes))
    return (total * volume).astype(dtype)


def cell_volumes(
    shape: tuple[int, ...],
    spacing: Spacing,
    bc: Faces | None = None,
    dtype: Any = float,
) -> Float[Array, "..."]:
    """Volume that each unknown owns: halved along each axis where it lies on a wall.

    Args:
        shape: Number of unknowns along each axis of space.
        spacing: Distance of neighbours along each axis.
        bc: Conditions of the field; by default all cells are whole.
        dtype: The type of the volumes; the default float if not given.

    Returns:
        Array of the given shape, in units of length^d.

    Raises:
        ValueError: As `laplacian`.

    Example:
        >>> from physjax import Neumann
        >>> wall = Neumann(wall="node")
        >>> cell_volumes((3,), (0.5,), [(wall, wall)]).tolist()
        [0.25, 0.5, 0.25]
    """
    dtype = jnp.result_type(dtype)
    faces = _whole(spacing) if bc is None else bc
    axes = make_axes(tuple(shape), spacing, faces, dtype, "shape")
    if len(axes) != len(shape):
        raise ValueError(
            f"`shape` must have one entry per entry of `spacing`; got {shape} for "
            f"{len(axes)} of them."
        )
    volumes = jnp.ones(shape, dtype) * math.prod(axis.spacing for axis in axes)
    for axis in axes:
        volumes = volumes * along(axis.shares(dtype), axis.index, len(shape))
    return volumes


def _on_faces(u: Array, axis: Axis) -> Array:
    a, n = axis.index, axis.size - 1
    low, high = wall_slopes(u, axis)
    inner = (last(u, a, n) - first(u, a, n)) / axis.spacing
    return lax.concatenate([-low, inner, high], a)


def _at_points(u: Array, axis: Axis) -> Array:
    below, above = neighbours(u, axis.index)
    if axis.periodic:
        low, high = wrapped(u, axis.index)
        return (above + high - below - low) / (2 * axis.spacing)
    low, high = ghosts(u, axis)
    out = (above - below) / (2 * axis.spacing)
    out = out - at_low(low / (2 * axis.spacing), axis)
    return out + at_high(high / (2 * axis.spacing), axis)


def _to_faces(q: Array, axis: Axis) -> Array:
    """Means of neighbours, and what the conditions say on the walls."""
    a, n = axis.index, axis.size
    inner = (first(q, a, n - 1) + last(q, a, n - 1)) / 2
    if axis.periodic:
        wrapped = (first(q, a) + last(q, a)) / 2
        return lax.concatenate([wrapped, inner, wrapped], a)
    walls = []
    for side, rows, sign in (
        (axis.low, first(q, a, min(2, n)), -1),
        (axis.high, lax.rev(last(q, a, min(2, n)), (a,)), 1),
    ):
        outer = first(rows, a)
        if isinstance(side, Neumann):
            slope = as_value(side.slope, lax.squeeze(outer, (a,)))
            outer = jnp.zeros_like(outer) + sign * (
                lax.expand_dims(slope, (a,)) if isinstance(slope, Array) else slope
            )
        elif not side.half_cell:
            outer = outer + (outer - last(rows, a)) / 2
        walls.append(outer)
    return lax.concatenate([walls[0], inner, walls[1]], a)


def _cells(fluxes: list[Array], count: int, at: str) -> tuple[int, ...]:
    """Shape of the field that has these fluxes."""
    extra = 1 if at == "faces" else 0
    shapes = set()
    for a, q in enumerate(fluxes):
        shape = list(q.shape)
        if len(fluxes) == count <= q.ndim:
            shape[q.ndim - count + a] -= extra
        shapes.add(tuple(shape))
    if len(fluxes) != count or len(shapes) != 1 or len(min(shapes)) < count:
        raise ValueError(
            f"`flux` must have one component per entry of `spacing`, with {extra} "
            f"entries more than the field along its own axis; got shapes "
            f"{[q.shape for q in fluxes]} for {count} of them."
        )
    return shapes.pop()


def _whole(spacing: Spacing) -> Faces:
    return [(Periodic(), Periodic())] * len(spacing)  # pyright: ignore


def _check_place(at: str) -> None:
    if at not in get_args(Place):
        raise ValueError(f"`at` must be one of {get_args(Place)}; got {at!r}.")

"""Poisson's equation in the modes of its walls."""

import functools as ft
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._boundaries import Dirichlet, Neumann
from ..operators import _transforms as transforms
from ..operators._stencils import Axis, along, at_high, at_low, first, last
from ..operators._transforms import Modes
from . import _lines as lines
from ._stencil import harmonic

CONSTANTS = 2**16  # eigenvalues that may be constants of the program
MANY = 2**17  # numbers above which an array is transformed by halves


def modes_of(axis: Axis) -> Modes | None:
    """Modes of an axis, or None if its walls have no fast transform."""
    if axis.periodic:
        return transforms.modes(axis.size, "periodic", "periodic", "half")
    walls = walls_of(axis)
    return walls and transforms.modes(axis.size, *walls, axis.low.wall)  # pyright: ignore


def walls_of(axis: Axis) -> tuple[str, str] | None:
    """Names of the walls, or None if they are not Dirichlet or Neumann."""
    names = {Dirichlet: "dirichlet", Neumann: "neumann"}
    low, high = (names.get(type(side)) for side in (axis.low, axis.high))
    return (low, high) if low and high else None


def is_line(axis: Axis, dtype: Any) -> bool:
    """Whether the walls across an axis keep the same everywhere."""
    if axis.periodic:
        return True
    closures = (side.closure(axis.spacing, dtype) for side in (axis.low, axis.high))
    return all(jnp.ndim(keep) == 0 for keep, _ in closures)


def solve_constant(
    f: Float[Array, "..."], axes: tuple[Axis, ...], matrix: bool
) -> Float[Array, "..."]:
    """Solves -laplacian(phi) = f with homogeneous walls that all have modes.

    The last axes are transformed; along the first one every mode is a line of its own.
    """
    line, others = axes[0], axes[1:]
    rank = f.ndim
    m = modes_of(line)
    assert m is not None
    squared = line.spacing * line.spacing
    shift = _eigenvalues(others, rank, matrix, f.dtype, squared)
    x = _transform(f * squared, others, matrix)
    walls = walls_of(line)
    on_nodes = walls is not None and line.low.wall == "node"  # pyright: ignore
    # On a CPU half of the rows cost less by reduction than a matrix product with them.
    reduces = not matrix or jax.default_backend() == "cpu"
    if others and walls is not None and on_nodes and reduces:
        x = lines.by_reduction(x, shift, line.index, walls, matrix)
    else:
        x = lines.by_modes(x, _cast(shift, f), line.index, m, matrix)
    return _transform_back(x, others, matrix)


def solve_layered(
    f: Float[Array, "..."],
    axes: tuple[Axis, ...],
    line: Axis,
    permittivity: Float[Array, "..."],
    matrix: bool,
    singular: bool,
) -> Float[Array, "..."]:
    """As `solve_constant` for a permittivity that varies along `line` only, whose walls
    may be any."""
    others = tuple(axis for axis in axes if axis is not line)
    rank, a = f.ndim, line.index
    shift = _eigenvalues(others, rank, matrix, f.dtype, 1.0)
    inverse = 1 / (line.spacing * line.spacing)
    sizes = [*permittivity.shape]
    sizes[a] = line.size
    permittivity = jnp.broadcast_to(permittivity, sizes)
    below, above = first(permittivity, a), last(permittivity, a)
    inner = line.size - 1
    links = inverse * harmonic(
        first(permittivity, a, inner), last(permittivity, a, inner)
    )
    wrap, leaks = None, jnp.zeros_like(permittivity)
    if line.periodic:
        wrap = inverse * harmonic(below, above)
    else:
        for side, rows, place in (
            (line.low, below, at_low),
            (line.high, above, at_high),
        ):
            keep, _ = side.closure(line.spacing, f.dtype)
            if not isinstance(side, Neumann):
                leaks = leaks + place(inverse * keep * rows, line)
    share = along(line.shares(f.dtype), a, rank)
    x = lines.by_elimination(
        _transform(f * share, others, matrix),
        links,
        wrap,
        leaks,
        share * permittivity,
        jnp.asarray(_cast(shift, f)),
        a,
        singular=singular,
    )
    return _transform_back(x, others, matrix)


def _transform(x: Array, axes: tuple[Axis, ...], matrix: bool) -> Array:
    apply = transforms.matrix_forward if matrix else transforms.forward
    for axis in reversed(axes):
        m = modes_of(axis)
        assert m is not None
        x = jnp.moveaxis(x, axis.index, -1)
        x = jnp.moveaxis(_by_halves(ft.partial(apply, m=m), x), -1, axis.index)
    return x


def _by_halves(apply: Callable[[Array], Array], x: Array) -> Array:
    """Of many rows first one half and then the other: half the temporaries, so that
    they stay where the allocator finds them again."""
    rows = x.shape[0]
    if x.ndim < 2 or rows < 2 or x.size < MANY:
        return apply(x)
    parts = x[: rows // 2], x[rows // 2 :]
    return jnp.concatenate([apply(part) for part in parts])


def _transform_back(x: Array, axes: tuple[Axis, ...], matrix: bool) -> Array:
    for axis in axes:
        m = modes_of(axis)
        assert m is not None
        x = jnp.moveaxis(x, axis.index, -1)
        apply = transforms.matrix_inverse if matrix else transforms.inverse
        if not matrix:
            x = x * (1 / m.norms).astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
        x = jnp.moveaxis(_by_halves(ft.partial(apply, m=m), x), -1, axis.index)
    return x


def _eigenvalues(
    axes: tuple[Axis, ...], rank: int, matrix: bool, dtype: Any, scale: Any
) -> Any:
    """Sum over the axes of eigenvalue / spacing^2, times `scale`, in the field's rank.

    In NumPy's float64 if all spacings are numbers and there are few.
    """
    static = all(
        isinstance(x, (int, float)) for x in (scale, *(axis.spacing for axis in axes))
    )
    static = static and np.prod([axis.size for axis in axes]) <= CONSTANTS
    total = np.zeros((1,) * rank) if static else jnp.zeros((1,) * rank, dtype)
    for axis in axes:
        m = modes_of(axis)
        assert m is not None
        values = transforms.matrix_eigenvalues(m) if matrix else m.eigenvalues
        if not static:
            values = jnp.asarray(values, dtype)
        ratio = scale / (axis.spacing * axis.spacing)
        sizes = [1] * rank
        sizes[axis.index] = axis.size
        total = total + (values * ratio).reshape(sizes)
    return total


def _cast(shift: Any, f: Array) -> Any:
    return shift.astype(f.dtype)

"""What is its own mirror image falls into an even and an odd half."""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from ..operators._stencils import first, last


def mirrors_of(
    matrix: np.ndarray, cells: np.ndarray, free: np.ndarray
) -> tuple[int, ...]:
    """Axes along which the free nodes, their links and their cells are even."""
    shape, d = free.shape, free.ndim
    links, cells = matrix.reshape(shape + shape), cells.reshape(shape)
    even = lambda x, *axes: np.allclose(x, np.flip(x, axes), rtol=1e-14, atol=0)
    return tuple(
        a
        for a in range(d)
        if even(links, a, d + a) and even(cells, a) and even(free, a)
    )


def parts_of(
    green: np.ndarray, shape: tuple[int, ...], axes: tuple[int, ...]
) -> list[np.ndarray]:
    """Matrices from the parts of what goes in to those of what comes out.

    Args:
        green: Axes of a block of nodes, then one of all nodes.
        shape: Of all nodes.
        axes: From `mirrors_of`.
    """
    d = len(shape)
    parts = [green.reshape(*green.shape[:d], *shape)]
    for a in axes:
        parts = [half for part in parts for half in halves(part, a)]
    return [part.reshape(int(np.prod(part.shape[:d])), -1) for part in parts]


def halves(green: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Of what is even along an axis, in and out, and of what is odd.

    Args:
        green: Axes of the free block, then those of all nodes.
        axis: Of space.
    """
    out = green.ndim // 2 + axis
    n, m = green.shape[axis], green.shape[out]
    rows = lambda start, stop: green.take(range(start, stop), axis)
    low, high = rows(0, n // 2), np.flip(rows(n - n // 2, n), axis)
    middle = rows(n // 2, n - n // 2)
    even = np.concatenate([(low + high) / 2, middle], axis)
    return even.take(range(m - m // 2), out), ((low - high) / 2).take(
        range(m // 2), out
    )


def half_shapes(shape: tuple[int, ...], axis: int) -> list[tuple[int, ...]]:
    """Shapes of the even and the odd half."""
    n = shape[axis]
    return [(*shape[:axis], m, *shape[axis + 1 :]) for m in (n - n // 2, n // 2)]


def fold(x: Array, axis: int) -> tuple[Array, Array]:
    """Sum and difference with the mirror image, of the lower half."""
    h = x.shape[axis] // 2
    high = jnp.flip(last(x, axis, h), axis)
    low = first(x, axis, h)
    middle = lax.slice_in_dim(x, h, x.shape[axis] - h, axis=axis)
    return jnp.concatenate([low + high, middle], axis % x.ndim), low - high


def unfold(even: Array, odd: Array, axis: int) -> Array:
    """The whole of its even and its odd half."""
    h = odd.shape[axis]
    low = first(even, axis, h)
    middle = last(even, axis, even.shape[axis] - h)
    parts = [low + odd, middle, jnp.flip(low - odd, axis)]
    return jnp.concatenate(parts, axis % even.ndim)

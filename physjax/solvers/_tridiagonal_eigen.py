r"""Lowest eigenpair of a symmetric tridiagonal matrix that grows by a row at a time.

The last pivot of $T - x$ is, below the lowest eigenvalue of the matrix without its last
row, a falling concave function of x; its root there is the lowest eigenvalue $\theta$.
Newton's method from above stays above and goes down to it. Its slope at the root is
$-1/y^2$, y being the last component of the eigenvector: the residual of Lanczos comes
without an eigenvector.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

_NEWTON = 40
"""Most steps; four or five are usual."""


class Lowest(NamedTuple):
    """Lowest eigenvalue, and the last component of its eigenvector."""

    value: Float[Array, ""]
    last: Float[Array, ""]


def grow(
    before: Lowest,
    diagonal: Float[Array, " m"],
    beside: Float[Array, " m"],
    count: Int[Array, ""],
) -> Lowest:
    """Lowest eigenpair of the first `count` rows from that of one row fewer.

    Args:
        before: Of `count - 1` rows; not looked at if that is none.
        diagonal: The diagonal.
        beside: `beside[i]` stands between rows i and i + 1.
        count: Number of rows, at least one.
    """
    corner = diagonal[count - 1]
    first = count <= 1
    pole = jnp.where(first, corner, before.value)
    weight = jnp.where(first, 0, (beside[count - 2] * before.last) ** 2)
    eps = float(jnp.finfo(diagonal.dtype).eps)
    scale = jnp.abs(pole) + jnp.abs(corner)
    tiny = 4 * eps * scale

    # Near the pole nothing else changes: it is measured once, a little below.
    below = pole - eps**0.5 * scale
    pivot = last_pivot(diagonal, beside, count, below)[0]
    rest = pivot + weight / (pole - below)
    rest = jnp.maximum(rest, tiny)
    near = weight / rest
    # With the nearest pole alone the root is above the true one, and below the pole.
    half = (corner - pole) / 2
    far = jnp.sqrt(half**2 + weight) - half
    # What is weak at the nearest pole may be pushed down by the next ones.
    beyond = pivot < 0
    close = (far < eps**0.75 * scale) & ~beyond
    start = jnp.where(beyond, jnp.minimum(below, pole - far), pole - far)

    def unfinished(state):
        k, _, _, change = state
        return (k < _NEWTON) & (change > tiny)

    def step(state):
        k, x, slope, _ = state
        pivot, slope = last_pivot(diagonal, beside, count, x)
        move = jnp.maximum(pivot / slope, 0)
        return k + 1, x - move, slope, move

    change = jnp.where(close, 0, scale)
    begin = (jnp.zeros((), jnp.int32), start, -jnp.ones_like(far), change)
    _, x, slope, _ = lax.while_loop(unfinished, step, begin)
    square = jnp.where(close, weight / (weight + rest**2), 1 / jnp.maximum(-slope, 1))
    last = jnp.where(first, 1, jnp.sqrt(square))
    return Lowest(jnp.where(close, pole - near, x), last)


def last_pivot(
    diagonal: Float[Array, " m"],
    beside: Float[Array, " m"],
    count: Int[Array, ""],
    x: Float[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Last pivot of T - x, and its derivative."""
    one = jnp.ones_like(x)

    def row(i, state):
        pivot, slope = state
        above = jnp.where(i > 0, beside[i - 1], 0)
        ratio = above / pivot
        return diagonal[i] - x - ratio * above, -one + ratio**2 * slope

    return lax.fori_loop(0, count, row, (one, -one))


def eigenvector(
    diagonal: Float[Array, " m"],
    beside: Float[Array, " m"],
    count: Int[Array, ""],
    value: Float[Array, ""],
) -> Float[Array, " m"]:
    """Unit eigenvector of an eigenvalue of the first `count` rows, then zeros."""
    rows = jnp.arange(diagonal.shape[0], dtype=jnp.int32)
    inside = rows < count
    shifted = jnp.where(inside, diagonal - value, 1)
    below = jnp.where(rows < count - 1, beside, 0)  # between a row and the next
    above = jnp.roll(below, 1).at[0].set(0)
    both = lambda down, up: jnp.stack([down, up[::-1]], -1)
    apart = lambda pair: (pair[:, 0], pair[::-1, 1])

    # Pivots from either end; the rows meet where the eigenvector is largest.
    def pivot(before, x):
        diagonal, b = x
        here = diagonal - b * b / before
        return here, here

    def substitute(y, x):
        row, b, p = x
        y = jnp.where(row == meeting, 1, -b * y / p)
        return y, y

    ones = jnp.ones(2, value.dtype)
    _, pivots = lax.scan(pivot, ones, (both(shifted, shifted), both(above, below)))
    down, up = apart(pivots)
    gap = jnp.where(inside, jnp.abs(down + up - shifted), jnp.inf)
    meeting = jnp.argmin(gap).astype(jnp.int32)
    places = both(rows, rows), both(above, below), both(up, down)
    end, begin = apart(lax.scan(substitute, ones, places)[1])
    y = jnp.where(rows >= meeting, end, begin)
    return y / jnp.sqrt(jnp.sum(y**2))

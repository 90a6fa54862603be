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
    # Loops over numbers: vectors of this length would take twice as long to compile.
    one = jnp.ones_like(value)
    link = lambda k: jnp.where((k >= 0) & (k < count - 1), beside[k], 0)

    # Pivots from either end; the rows meet where the eigenvector is largest.
    def pivots(i, state):
        down, up, p, q = state
        j = count - 1 - i
        p = diagonal[i] - value - link(i - 1) ** 2 / p
        q = diagonal[j] - value - link(j) ** 2 / q
        return down.at[i].set(p), up.at[j].set(q), p, q

    def smallest(i, state):
        least, meeting = state
        gap = jnp.abs(down[i] + up[i] - diagonal[i] + value)
        return jnp.minimum(gap, least), jnp.where(gap < least, i, meeting)

    def outwards(i, state):
        y, a, b = state
        k, l = meeting - i, meeting + i
        a = -a * link(k) / down[k]
        b = -b * link(l - 1) / up[l]
        k = jnp.where(k < 0, y.size, k)  # outside: dropped
        return y.at[k].set(a, mode="drop").at[l].set(b, mode="drop"), a, b

    ones = jnp.ones_like(diagonal)  # what is outside must divide nothing by zero
    down, up, _, _ = lax.fori_loop(0, count, pivots, (ones, ones, one, one))
    far = one + jnp.inf, jnp.zeros_like(count)
    meeting = lax.fori_loop(0, count, smallest, far)[1]
    y = jnp.zeros_like(diagonal).at[meeting].set(1)
    y = lax.fori_loop(1, count, outwards, (y, one, one))[0]
    return y / jnp.sqrt(jnp.sum(y**2))

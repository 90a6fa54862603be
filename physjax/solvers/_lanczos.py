"""Lanczos' three-term recurrence, in two passes: four states of memory.

Without orthogonalisation: copies of levels that have converged appear later on and do
not harm the lowest. The second pass repeats the first and adds up the eigenvector.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Inexact, Int

from ._tridiagonal_eigen import Lowest, eigenvector, grow

Apply = Callable[[Inexact[Array, "..."]], Inexact[Array, "..."]]


class Recurrence(NamedTuple):
    """What the first pass leaves: the matrix in the Krylov space, its lowest level.

    Attributes:
        diagonal: Of the tridiagonal matrix.
        beside: Its off-diagonal.
        count: Rows that are filled.
        lowest: Its lowest eigenpair.
        residual: Of the Ritz vector.
    """

    diagonal: Float[Array, " m"]
    beside: Float[Array, " m"]
    count: Int[Array, ""]
    lowest: Lowest
    residual: Float[Array, ""]


def first_pass(
    apply: Apply,
    start: Inexact[Array, "..."],
    tolerance: Float[Array, ""],
    max_iterations: int,
) -> Recurrence:
    """Runs until the residual of the lowest Ritz vector is at most `tolerance`."""
    real = jnp.real(start).dtype
    zero = jnp.zeros((), real)
    empty = Recurrence(
        jnp.zeros(max_iterations, real),
        jnp.zeros(max_iterations, real),
        jnp.zeros((), jnp.int32),
        Lowest(zero, zero + 1),
        zero + jnp.inf,
    )
    unit = _normalised(start)

    def unfinished(state):
        found = state[-1]
        return (found.residual > tolerance) & (found.count < max_iterations)

    def advance(before, now, past, beta):
        image = apply(now)
        alpha = inner(now, image) * _inverse(beta) ** 2
        new = _next(image, before, now, past, beta, alpha)
        return new, alpha, jnp.sqrt(inner(new, new))

    def add_row(found, row):
        alpha, norm = row
        k = found.count
        diagonal = found.diagonal.at[k].set(alpha)
        beside = found.beside.at[k].set(norm)
        lowest = grow(found.lowest, diagonal, beside, k + 1)
        residual = norm * jnp.abs(lowest.last)
        further = Recurrence(diagonal, beside, k + 1, lowest, residual)
        going = unfinished((found,))
        return jax.tree.map(lambda x, y: jnp.where(going, x, y), further, found), None

    def two_steps(state):
        # Each takes the place of the state before the last: nothing is copied.
        even, odd, past, beta, found = state
        even, *first = advance(even, odd, past, beta)
        odd, *second = advance(odd, even, beta, first[1])
        # A loop over the two rows: compiled once.
        rows = tuple(jnp.stack(pair) for pair in zip(first, second, strict=True))
        found, _ = lax.scan(add_row, found, rows)
        return even, odd, first[1], second[1], found

    begin = (jnp.zeros_like(unit), unit, zero + 1, zero + 1, empty)
    return lax.while_loop(unfinished, two_steps, begin)[-1]


def second_pass(
    apply: Apply, start: Inexact[Array, "..."], found: Recurrence
) -> tuple[Inexact[Array, "..."], Inexact[Array, "..."]]:
    """The Ritz vector of the lowest level, normalised, and the product with it.

    The product adds up like the vector, from those of the recurrence: one more for it
    alone would take a fifth of the time to compile.
    """
    y = eigenvector(found.diagonal, found.beside, found.count, found.lowest.value)
    y = jnp.pad(y, (0, 1))
    unit = _normalised(start)

    def two_steps(state):
        even, odd, past, beta, total, image, k = state
        norm, last = found.beside[k], found.beside[k + 1]
        share = y[k] * _inverse(beta)
        total, product = total + _scale(share, odd), apply(odd)
        image = image + _scale(share, product)
        even = _next(product, even, odd, past, beta, found.diagonal[k])
        share = y[k + 1] * _inverse(norm)
        total, product = total + _scale(share, even), apply(even)
        image = image + _scale(share, product)
        odd = _next(product, odd, even, beta, norm, found.diagonal[k + 1])
        return even, odd, norm, last, total, image, k + 2

    one, nothing = jnp.ones((), y.dtype), jnp.zeros_like(unit)
    begin = (nothing, unit, one, one, nothing, nothing, jnp.zeros((), jnp.int32))
    unfinished = lambda state: state[-1] < found.count
    *_, total, image, _ = lax.while_loop(unfinished, two_steps, begin)
    length = lax.rsqrt(inner(total, total))
    return _scale(length, total), _scale(length, image)


def _next(image, before, now, past, beta, alpha):
    r"""Next state, times its $\beta$: all are kept so, and read once less."""
    share = _scale(_inverse(beta), image) - _scale(alpha * _inverse(beta), now)
    return share - _scale(beta * _inverse(past), before)


def _inverse(beta: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.where(beta > 0, 1 / beta, 0)


def inner(a: Inexact[Array, "..."], b: Inexact[Array, "..."]) -> Float[Array, ""]:
    """Real part of the inner product."""
    return jnp.real(jnp.vdot(a, b, precision="highest"))


def _scale(factor: Float[Array, ""], state: Inexact[Array, "..."]):
    return factor.astype(state.dtype) * state


def _normalised(state: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
    return _scale(lax.rsqrt(inner(state, state)), state)

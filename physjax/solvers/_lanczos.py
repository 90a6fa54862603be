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

    def advance(before, now, past, beta, found):
        image = apply(now)
        alpha = inner(now, image) * _inverse(beta) ** 2
        new = _next(image, before, now, past, beta, alpha)
        norm = jnp.sqrt(inner(new, new))
        k = found.count
        diagonal = found.diagonal.at[k].set(alpha)
        beside = found.beside.at[k].set(norm)
        lowest = grow(found.lowest, diagonal, beside, k + 1)
        residual = norm * jnp.abs(lowest.last)
        return new, norm, Recurrence(diagonal, beside, k + 1, lowest, residual)

    def two_steps(state):
        # Each takes the place of the state before the last: nothing is copied.
        even, odd, past, beta, found = state
        even, norm, found = advance(even, odd, past, beta, found)
        odd, last, further = advance(odd, even, beta, norm, found)
        going = unfinished((found,))
        found = jax.tree.map(lambda x, y: jnp.where(going, x, y), further, found)
        return even, odd, norm, last, found

    begin = (jnp.zeros_like(unit), unit, zero + 1, zero + 1, empty)
    return lax.while_loop(unfinished, two_steps, begin)[-1]


def second_pass(
    apply: Apply, start: Inexact[Array, "..."], found: Recurrence
) -> Inexact[Array, "..."]:
    """The Ritz vector of the lowest level, normalised."""
    y = eigenvector(found.diagonal, found.beside, found.count, found.lowest.value)
    y = jnp.pad(y, (0, 1))
    unit = _normalised(start)

    def two_steps(state):
        even, odd, past, beta, total, k = state
        norm, last = found.beside[k], found.beside[k + 1]
        even = _next(apply(odd), even, odd, past, beta, found.diagonal[k])
        odd = _next(apply(even), odd, even, beta, norm, found.diagonal[k + 1])
        first = _scale(y[k + 1] * _inverse(norm), even)
        second = _scale(y[k + 2] * _inverse(last), odd)
        return even, odd, norm, last, total + first + second, k + 2

    one, zero = jnp.ones((), y.dtype), jnp.zeros((), jnp.int32)
    begin = (jnp.zeros_like(unit), unit, one, one, _scale(y[0], unit), zero)
    unfinished = lambda state: state[-1] < found.count - 1
    return _normalised(lax.while_loop(unfinished, two_steps, begin)[-2])


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

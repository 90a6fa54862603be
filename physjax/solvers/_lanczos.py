"""Lanczos' three-term recurrence, in two passes: four states of memory.

Without orthogonalisation: copies of levels that have converged appear later on and do
not harm the lowest. The second pass repeats the first and adds up the eigenvector.
"""

from collections.abc import Callable
from typing import NamedTuple

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
        _, _, _, found = state
        going = found.residual > tolerance
        return going & (found.count < max_iterations)

    def step(state):
        before, now, beta, found = state
        new, alpha, next_beta = _step(apply, before, now, beta)
        k = found.count
        diagonal = found.diagonal.at[k].set(alpha)
        beside = found.beside.at[k].set(next_beta)
        lowest = grow(found.lowest, diagonal, beside, k + 1)
        residual = next_beta * jnp.abs(lowest.last)
        found = Recurrence(diagonal, beside, k + 1, lowest, residual)
        return now, new, next_beta, found

    begin = (jnp.zeros_like(unit), unit, zero, empty)
    return lax.while_loop(unfinished, step, begin)[-1]


def second_pass(
    apply: Apply, start: Inexact[Array, "..."], found: Recurrence
) -> Inexact[Array, "..."]:
    """The Ritz vector of the lowest level, normalised."""
    y = eigenvector(found.diagonal, found.beside, found.count, found.lowest.value)
    unit = _normalised(start)

    def unfinished(state):
        return state[-1] < found.count - 1

    def step(state):
        before, now, beta, total, k = state
        alpha = found.diagonal[k]
        new = apply(now) - _scale(alpha, now) - _scale(beta, before)
        beta = found.beside[k]
        new = _scale(jnp.where(beta > 0, 1 / beta, 0), new)
        return now, new, beta, total + _scale(y[k + 1], new), k + 1

    zero = jnp.zeros((), y.dtype)
    begin = (
        jnp.zeros_like(unit),
        unit,
        zero,
        _scale(y[0], unit),
        jnp.zeros((), jnp.int32),
    )
    return _normalised(lax.while_loop(unfinished, step, begin)[3])


def _step(apply: Apply, before, now, beta):
    image = apply(now) - _scale(beta, before)
    alpha = inner(now, image)
    new = image - _scale(alpha, now)
    beta = jnp.sqrt(inner(new, new))
    return _scale(jnp.where(beta > 0, 1 / beta, 0), new), alpha, beta


def inner(a: Inexact[Array, "..."], b: Inexact[Array, "..."]) -> Float[Array, ""]:
    """Real part of the inner product."""
    return jnp.real(jnp.vdot(a, b, precision="highest"))


def _scale(factor: Float[Array, ""], state: Inexact[Array, "..."]):
    return factor.astype(state.dtype) * state


def _normalised(state: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
    return _scale(lax.rsqrt(inner(state, state)), state)

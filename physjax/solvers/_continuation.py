"""Roots along a parameter: Newton's method from one value to the next."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

QUICK = 6
"""A run of at most this many Newton iterations lets the next step be larger."""


class NewtonRun(NamedTuple):
    """Where an iteration ended."""

    root: Float[Array, "r n"]
    converged: Bool[Array, ""]
    finite: Bool[Array, ""]
    num_iterations: Int[Array, ""]


class _Path(NamedTuple):
    """Roots behind us, newest first, and the step to try."""

    roots: Float[Array, "3 r n"]
    places: Float[Array, " 3"]
    step: Float[Array, ""]
    num_roots: Int[Array, ""]
    num_iterations: Int[Array, ""]
    finite: Bool[Array, ""]


def follow(
    newton: Callable[[Float[Array, ""], Float[Array, "r n"]], NewtonRun],
    start: Float[Array, "r n"],
    origin: Float[Array, ""],
    targets: Float[Array, " k"],
    *,
    first_step: Float[Array, ""],
    smallest_step: Float[Array, ""],
) -> tuple[
    Float[Array, "k r n"], Bool[Array, " k"], Bool[Array, " k"], Int[Array, " k"]
]:
    """Roots at the `targets`, in their order.

    Each Newton run starts from a parabola through the last three roots. Between targets
    the parameter moves in steps that grow while the runs are quick, and shrink where
    one fails.

    Args:
        newton: Looks for the root at a value of the parameter, from a guess.
        start: Guess at `origin`.
        origin: Where the path begins.
        targets: Values of the parameter.
        first_step: Largest step at the beginning, and after a target was missed.
        smallest_step: A step below it that fails gives the target up.

    Returns:
        Roots, whether each was reached, whether the last Newton run there was finite,
        and the number of Newton iterations it took.
    """

    def try_step(state):
        path, target, _ = state
        here = path.places[0]
        way = target - here
        near = jnp.abs(way) <= path.step
        place = jnp.where(near, target, here + jnp.sign(way) * path.step)
        started = path.num_roots > 0
        place = jnp.where(started, place, origin)
        run = newton(place, _extrapolated(path, place))
        longer = jnp.where(near, path.step, 2 * path.step)
        kept = jnp.where(run.num_iterations <= QUICK, longer, path.step)
        shorter = 0.25 * jnp.where(near, jnp.abs(way), path.step)
        gave_up = ~run.converged & (~started | ~(shorter >= smallest_step))
        push = lambda new, old: jnp.where(
            run.converged, jnp.concatenate([new[None], old[:-1]]), old
        )
        path = _Path(
            push(run.root, path.roots),
            push(place, path.places),
            jnp.where(run.converged, kept, shorter),
            path.num_roots + run.converged.astype(jnp.int32),
            path.num_iterations + run.num_iterations,
            run.finite,
        )
        return path, target, gave_up

    def unfinished(state):
        path, target, gave_up = state
        arrived = (path.num_roots > 0) & (path.places[0] == target)
        return ~arrived & ~gave_up

    def visit(path, target):
        path = path._replace(num_iterations=jnp.zeros_like(path.num_iterations))
        path, _, missed = lax.while_loop(
            unfinished, try_step, (path, target, jnp.zeros((), bool))
        )
        answer = path.roots[0], ~missed, path.finite, path.num_iterations
        step = jnp.where(missed, first_step, path.step)
        return path._replace(step=step), answer

    zero = jnp.zeros((), jnp.int32)
    path = _Path(
        jnp.broadcast_to(start, (3, *start.shape)),
        jnp.broadcast_to(origin, (3,)),
        first_step,
        zero,
        zero,
        jnp.ones((), bool),
    )
    _, answers = lax.scan(visit, path, targets)
    return answers


def _extrapolated(path: _Path, place):
    """Parabola, line or constant through the roots behind us.

    A step much longer than the last one is made from the last root alone.
    """
    a, b, c = path.places
    last, before = a - b, b - c
    usable = lambda d: (d != 0) & (jnp.abs(place - a) <= 3 * jnp.abs(d))
    line = (path.num_roots >= 2) & usable(last)
    parabola = line & (path.num_roots >= 3) & usable(before) & (a != c)
    safe = lambda condition, d: jnp.where(condition, d, 1)
    first = (path.roots[0] - path.roots[1]) / safe(line, last)
    older = (path.roots[1] - path.roots[2]) / safe(parabola, before)
    second = (first - older) / safe(parabola, a - c)
    guess = path.roots[0] + jnp.where(line, place - a, 0) * first
    return guess + jnp.where(parabola, (place - a) * (place - b), 0) * second

"""Many members: ADMM finds the support, the equations of the support do the rest."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ._supports import Reduced, face

_RELAXATION = 1.6
_STEPS_PER_TEST = 10
_MAX_EXCHANGES = 20
MAX_EXACT = 32
"""Most members for which the equations of every pixel's support are solved."""


class Found(NamedTuple):
    """Abundances of a block of pixels."""

    abundances: Float[Array, "pixels members"]
    support: Bool[Array, "pixels members"]
    margin: Float[Array, " pixels"]
    """Least abundance or multiplier: the KKT conditions hold if it is not negative."""
    num_steps: Int[Array, ""]


def by_admm(
    reduced: Reduced,
    penalty: Float[Array, ""],
    *,
    sum_to_one: bool,
    max_steps: int,
    tolerance: float,
) -> Found:
    r"""$\min \tfrac12 |x - M^T a|^2 + \lambda \sum a$, $a \ge 0$ (and $\sum a = 1$).

    One matrix, factored once, serves all pixels and steps. The loop ends when neither
    the split nor the step of any pixel exceeds the tolerance.
    """
    data, members = reduced
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")
    n = members.shape[0]
    gram, target = dot(members, members.T), dot(data.T, members.T)
    levels, modes = jnp.linalg.eigh(gram)
    size = jnp.maximum(jnp.mean(levels), jnp.finfo(gram.dtype).tiny)
    rho = 0.05 * size
    inverse = dot(modes / (levels + rho)[None], modes.T)
    constant = jnp.zeros(n, gram.dtype)
    if sum_to_one:
        column = jnp.sum(inverse, 1)
        constant = column / jnp.sum(column)
        inverse = inverse - column[:, None] * constant[None]
        penalty = jnp.zeros_like(penalty)
    constant = constant[None] + dot(target - penalty, inverse)

    def step(_, state):
        z, d, _, _ = state
        x = constant + rho * dot(z - d, inverse)
        mixed = _RELAXATION * x + (1 - _RELAXATION) * z
        new = jnp.maximum(mixed + d, 0)
        return new, d + mixed - new, jnp.abs(x - new), jnp.abs(new - z)

    def steps(state):
        count, state = state
        return count + 1, lax.fori_loop(0, _STEPS_PER_TEST, step, state)

    def unfinished(state):
        count, (_, _, split, change) = state
        # Not "any above": a pixel that is not finite must not hold up the others.
        moving = jnp.any((split > tolerance) | (change > tolerance))
        return (count == 0) | (moving & (count < max(max_steps // _STEPS_PER_TEST, 1)))

    nothing = jnp.zeros_like(target)
    count, (z, d, split, _) = lax.while_loop(
        unfinished, steps, (jnp.int32(0), (nothing,) * 4)
    )
    del d
    margin = -jnp.max(split, -1)
    margin = jnp.where(margin >= -tolerance, 0, margin)
    found = Found(z, z > 0, margin, _STEPS_PER_TEST * count)
    if n > MAX_EXACT:
        return found
    return _exchange(reduced, found, penalty, sum_to_one=sum_to_one)


def _exchange(
    reduced: Reduced, start: Found, penalty: Float[Array, ""], *, sum_to_one: bool
) -> Found:
    """Solves on the supports, and moves every member that violates the conditions to
    the other side, until none does. Of all tries the best one is kept."""
    data, members = reduced
    tolerance = float(jnp.finfo(data.dtype).eps) ** 0.7
    affine = jax.vmap(lambda s: face(members, s, penalty, sum_to_one=sum_to_one))

    def unfinished(state):
        count, _, best = state
        waiting = jnp.any(best.margin < -tolerance)
        return (count == 0) | (waiting & (count < _MAX_EXCHANGES))

    def turn(state):
        count, support, best = state
        slope, offset, valid = affine(support)
        values = jnp.sum(slope * data.T[:, None], -1) + offset
        margin = jnp.where(valid, jnp.min(values, -1), -jnp.inf)
        better = margin > best.margin
        best = Found(
            jnp.where(better[:, None], jnp.where(support, values, 0), best.abundances),
            jnp.where(better[:, None], support, best.support),
            jnp.where(better, margin, best.margin),
            best.num_steps,
        )
        moved = jnp.where(support, values > 0, values < 0)
        keep = (best.margin >= -tolerance) | ~jnp.any(moved, -1) & sum_to_one
        return count + 1, jnp.where(keep[:, None], support, moved), best

    margin = jnp.full_like(start.margin, -jnp.inf)
    state = (jnp.int32(0), start.support, start._replace(margin=margin))
    return lax.while_loop(unfinished, turn, state)[2]

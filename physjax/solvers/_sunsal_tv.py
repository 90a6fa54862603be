"""Sparse unmixing of a whole scene whose neighbours look alike."""

import functools as ft
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from .._numerics import as_real, working_dtype
from .._solution import MAX_ITERATIONS, NON_FINITE, SUCCESS, Solution
from .._solution import throw as _throw
from ..operators import _transforms as transforms
from ._supports import reduce

_STEPS_PER_TEST = 10


class _State(NamedTuple):
    """Copies of the abundances (members, rows, columns) and their scaled multipliers:
    for the data, for the sign, and for the differences down and across."""

    copies: tuple[Array, Array, Array, Array]
    duals: tuple[Array, Array, Array, Array]


def sunsal_tv(
    cube: Float[Array, "rows columns bands"],
    endmembers: Float[Array, "members bands"],
    *,
    penalty: float | Float[Array, ""] = 0.0,
    variation: float | Float[Array, ""] = 1e-3,
    max_steps: int = 500,
    tolerance: float = 1e-4,
    throw: bool = False,
) -> Solution[Float[Array, "rows columns members"]]:
    r"""$\min \tfrac12 |y - E^T a|^2 + \lambda \sum a + \mu \sum |\Delta a|$.

    Abundances are not negative. $\Delta$ takes differences between neighbours, down and
    across; beyond the border there is nothing. ADMM with one copy of the abundances per
    term; what joins the copies is solved by cosine transforms.

    Args:
        cube: Scene, in the unit of the endmembers.
        endmembers: One spectrum per row.
        penalty: $\lambda$, in the unit of squared spectra.
        variation: $\mu$, in the same unit.
        max_steps: Most steps of ADMM.
        tolerance: Largest change per step, and distance of the copies, at the end; in
            units of abundance.
        throw: Whether to raise on the host if the scene has no answer.

    Returns:
        `Solution` with the abundances as value, in the dtype of the cube, one result
        for the scene, and `num_steps` in `stats`. Derivatives are those of as many
        further steps as `max_steps` from the answer, which converge to the derivative
        where the set of zeros and of equal neighbours does not change.

    Raises:
        TypeError: If the input is complex or does not hold numbers.
        ValueError: If shapes do not fit, or an option is outside its range.
        NumericsError: If `throw` is set and the scene has no answer.

    Example:
        >>> cube = jnp.broadcast_to(jnp.array([0.8, 0.2]), (3, 4, 2))
        >>> answer = sunsal_tv(cube, jnp.eye(2))
        >>> bool(jnp.allclose(answer.value, cube, atol=1e-3))
        True

    References:
        Iordache et al., IEEE Trans. Geosci. Remote Sens. 50, 4484 (2012).
    """
    cube, endmembers = as_real(cube, "cube"), as_real(endmembers, "endmembers")
    if cube.ndim != 3 or endmembers.ndim != 2 or cube.shape[2:] != endmembers.shape[1:]:
        raise ValueError(
            "`cube` must be (rows, columns, bands) and `endmembers` (members, bands); "
            f"got shapes {cube.shape} and {endmembers.shape}."
        )
    if max_steps < 1 or not tolerance > 0:
        raise ValueError(
            "`max_steps` and `tolerance` must be positive; got "
            f"{max_steps} and {tolerance}."
        )
    dtype = working_dtype(jnp.result_type(cube, endmembers))
    weights = [jnp.asarray(w).astype(dtype) for w in (penalty, variation)]
    problem = (cube.astype(dtype), endmembers.astype(dtype), *weights)
    value, split, count = _solve(max_steps, tolerance, *problem)
    result = jnp.where(split <= tolerance, SUCCESS, MAX_ITERATIONS)
    result = jnp.where(jnp.all(jnp.isfinite(value)), result, NON_FINITE)
    solution = Solution(
        jnp.moveaxis(value, 0, -1).astype(cube.dtype),
        result.astype(jnp.int32),
        {"num_steps": count},
    )
    return _throw(solution) if throw else solution


def _stepper(cube, endmembers, penalty, variation):
    """One step of ADMM, and where it starts."""
    rows, columns, bands = cube.shape
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")
    data, members = reduce(cube.reshape(-1, bands), endmembers, sum_to_one=False)
    n = len(members)
    gram = dot(members, members.T)
    rho = 0.05 * jnp.trace(gram) / n
    identity = jnp.eye(n, dtype=gram.dtype)
    inverse = jnp.linalg.inv(gram + rho * identity)
    target = dot(members, data)
    down, across = (
        transforms.modes(m, "neumann", "neumann", "half") for m in (rows, columns)
    )
    slow = [
        jnp.asarray(transforms.matrix_eigenvalues(m), gram.dtype)
        for m in (down, across)
    ]
    levels = 2 + jnp.abs(slow[0])[:, None] + jnp.abs(slow[1])[None]

    def joined(x):
        x = transforms.matrix_forward(x, across)
        x = transforms.matrix_forward(jnp.swapaxes(x, 1, 2), down) / levels.T[None]
        x = jnp.swapaxes(transforms.matrix_inverse(x, down), 1, 2)
        return transforms.matrix_inverse(x, across)

    soft = lambda x, t: jnp.sign(x) * jnp.maximum(jnp.abs(x) - t, 0)

    def step(state: _State) -> tuple[_State, Array]:
        a, b, c, d = (v + u for v, u in zip(*state, strict=True))
        common = joined(a + b + _transposed(c, 1) + _transposed(d, 2))
        slopes = jnp.diff(common, axis=1), jnp.diff(common, axis=2)
        views = (common, common, *slopes)
        a, b, c, d = (x - u for x, u in zip(views, state.duals, strict=True))
        a = dot(inverse, target + rho * a.reshape(n, -1)).reshape(common.shape)
        b = jnp.maximum(b - penalty / rho, 0)
        c, d = soft(c, variation / rho), soft(d, variation / rho)
        copies = (a, b, c, d)
        apart = jax.tree.map(lambda v, x: v - x, copies, views)
        duals = jax.tree.map(lambda u, gap: u + gap, state.duals, apart)
        apart = [jnp.max(jnp.abs(gap)) for gap in apart]
        moved = jnp.max(jnp.abs(b - state.copies[1]))
        return _State(copies, duals), ft.reduce(jnp.maximum, [*apart, moved])

    flat = jnp.zeros((n, rows, columns), gram.dtype)
    start = (flat, flat, flat[:, 1:], flat[:, :, 1:])
    return step, _State(start, start)


def _transposed(x: Array, axis: int) -> Array:
    """The transpose of `diff`."""
    width = [(0, 0)] * 3
    width[axis] = (1, 1)
    return -jnp.diff(jnp.pad(x, width), axis=axis)


def _run(max_steps: int, tolerance: float, *problem: Array):
    step, start = _stepper(*problem)

    def steps(state):
        count, (state, _) = state
        turn = lambda _, carry: step(carry[0])
        first = step(state)
        return count + _STEPS_PER_TEST, lax.fori_loop(1, _STEPS_PER_TEST, turn, first)

    unfinished = lambda s: (s[1][1] > tolerance) & (s[0] < max_steps)
    infinite = jnp.asarray(jnp.inf, start.copies[0].dtype)
    count, (state, split) = lax.while_loop(
        unfinished, steps, (jnp.int32(0), (start, infinite))
    )
    return state, split, count


@ft.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _solve(max_steps: int, tolerance: float, *problem: Array):
    state, split, count = _run(max_steps, tolerance, *problem)
    return state.copies[1], split, count


@_solve.defjvp
def _(max_steps, tolerance, primals, tangents):
    state, split, count = lax.stop_gradient(_run(max_steps, tolerance, *primals))

    def further(*problem):
        step, _ = _stepper(*problem)
        turn = lambda state, _: (step(state)[0], None)
        return lax.scan(turn, state, length=max_steps)[0].copies[1]

    _, slope = jax.jvp(further, primals, tangents)
    value = (state.copies[1], split, count)
    return value, (slope, jnp.zeros_like(split), np.zeros((), jax.dtypes.float0))

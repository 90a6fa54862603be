r"""Several lowest levels at once, degenerate ones too, by filtered subspaces.

A block of states is multiplied with a Chebyshev polynomial of the Hamiltonian that is
small from the highest level of the block upwards and grows steeply below; then the
Hamiltonian is diagonalised within it. What limits the speed is the distance from the
wanted levels to the first one beyond the block, not those between them: pairs that a
single Krylov space would take forever to tell apart do no harm.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Bool, Float, Inexact, Int, PRNGKeyArray

from .._numerics import complex_dtype, real_dtype
from .._solution import MAX_ITERATIONS, NON_FINITE, SUCCESS, Solution
from ..operators.hamiltonians import energy
from ._jacobi import small_eigh

_DEGREE = 20
"""Products with the Hamiltonian between two diagonalisations."""
_ROUNDINGS = 32
"""Units of rounding of the largest level that residuals do not get below."""


class LowestStates(NamedTuple):
    """Lowest levels and their states.

    Attributes:
        energies: Ascending; Rayleigh quotients of the states.
        states: Orthonormal, one per level.
    """

    energies: Float[Array, " count"]
    states: Inexact[Array, "count ..."]


class _Block(NamedTuple):
    levels: Float[Array, " block"]
    states: Inexact[Array, "block size"]
    images: Inexact[Array, "block size"]
    residuals: Float[Array, " block"]
    raised: Bool[Array, ""]
    products: Int[Array, ""]


def lowest_states(
    hamiltonian: Any,
    count: int,
    *,
    key: PRNGKeyArray | None = None,
    start: Inexact[Array, "block ..."] | None = None,
    guard: int | None = None,
    tolerance: float | Float[ArrayLike, ""] | None = None,
    max_iterations: int = 4000,
) -> Solution[LowestStates]:
    r"""The lowest levels of a Hamiltonian, with their multiplicity, and their states.

    Chebyshev-filtered subspace iteration in the whole space: no symmetry is assumed,
    and levels of all symmetries are found. Of a degenerate level the states are some
    orthonormal basis. The number of products grows as the root of the largest level
    over the distance from the last level wanted to the first beyond the block.

    Derivatives of the energies are those of Hellmann and Feynman; of degenerate levels
    only their sum has one. The states are constants to differentiation.

    Args:
        hamiltonian: `PauliSum`, `GridHamiltonian`, or what has `shape`, `apply` and
            `bound`, which no level exceeds in size.
        count: Number of levels.
        key: Of the random start.
        start: States to begin with, linearly independent, in place of random ones;
            their number is that of the block.
        guard: States beyond the wanted ones that keep their distance from the rest;
            by default four, or half the count if that is more. A level of which the
            block holds but a part converges slowly: give it the multiplicity.
        tolerance: Of the residuals; by default what rounding allows.
        max_iterations: Most products with the Hamiltonian per state.

    Returns:
        `value`: `LowestStates`. `stats`: `num_iterations`, products per state, and
        `residual` of each level. The result is a success only if all converged. With
        `jax.vmap` one per set of couplings.

    Raises:
        ValueError: If the count does not fit the space, or the start not the count or
            the space.

    Example:
        >>> from physjax.operators.hamiltonians import heisenberg
        >>> solution = lowest_states(heisenberg(4, 0.25), 4)  # below a triplet
        >>> [round(float(level), 3) for level in solution.value.energies]
        [-2.0, -1.0, -1.0, -1.0]

    References:
        Zhou, Saad, Tiago and Chelikowsky, J. Comput. Phys. 219, 172 (2006).
    """
    shape = tuple(hamiltonian.shape)
    size = 1
    for n in shape:
        size *= n
    if not 1 <= count <= size:
        raise ValueError(f"`count` is {count}; expected 1 to {size}.")
    if start is None:
        extra = max(4, count // 2) if guard is None else guard
        key = jax.random.key(0) if key is None else key
        block = min(count + extra, size)
        start = jax.random.normal(key, (block, *shape), hamiltonian.bound().dtype)
    elif start.shape[1:] != shape or not count <= start.shape[0] <= size:
        raise ValueError(
            f"`start` must hold {count} to {size} states of shape {shape}; got "
            f"shape {start.shape}."
        )
    if not getattr(hamiltonian, "is_real", True):
        start = start.astype(complex_dtype(start.dtype))
    real = real_dtype(start.dtype)
    fixed = lax.stop_gradient(hamiltonian)
    bound = fixed.bound().astype(real)
    if tolerance is None:
        tolerance = _ROUNDINGS * jnp.finfo(real).eps * bound
    tolerance = jnp.asarray(tolerance, real)

    def apply(rows):
        return fixed.apply(rows.reshape(-1, *shape)).reshape(rows.shape)

    rows = lax.stop_gradient(start).reshape(-1, size)
    found = _iterate(apply, rows, bound, count, tolerance, max_iterations)
    states = found.states[:count].reshape(count, *shape)
    residual = found.residuals[:count]
    energies = energy(hamiltonian, states)
    result = jnp.where(jnp.all(residual <= tolerance), SUCCESS, MAX_ITERATIONS)
    finite = jnp.all(jnp.isfinite(energies))
    result = jnp.where(finite, result, NON_FINITE).astype(jnp.int32)
    stats = {"num_iterations": found.products, "residual": residual}
    return Solution(LowestStates(energies, states), result, stats)


def _iterate(apply, rows, bound, count, tolerance, max_iterations) -> _Block:
    worst = lambda block: jnp.max(block.residuals[:count])

    def going(block):
        # A residual that is not a number ends it too.
        return (worst(block) > tolerance) & (block.products < max_iterations)

    def step(state):
        before, rows = state
        new = _diagonalised(apply, rows)
        slow = worst(new) > _SLOW * worst(before)
        new = new._replace(
            raised=slow & ~before.raised, products=before.products + new.products
        )
        degree = jnp.where(going(new), _DEGREE, 1)  # nothing more where it ends
        rows = _filtered(apply, new, _cut(new, bound), bound, degree)
        return new._replace(products=new.products + degree - 1), rows

    empty = jax.eval_shape(lambda rows: _diagonalised(apply, rows), rows)
    empty = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), empty)
    empty = empty._replace(residuals=empty.residuals + jnp.inf)
    return lax.while_loop(lambda state: going(state[0]), step, (empty, rows))[0]


def _cut(block, bound):
    """From where on the filter is small: the highest level of the block.

    Where that gains little, the block may end within a degenerate level, whose other
    states it can never tell apart: then every other cut is above it.
    """
    last = block.levels[-1]
    width = last - block.levels[0]
    flat = width <= _FLAT * bound
    above = jnp.where(flat, _ABOVE_FLAT * (bound - last), _ABOVE * width)
    return jnp.where(block.raised, last + above, last)


_SLOW = 0.1
"""Part of the largest residual that may be left by a filter that gains."""
_ABOVE = 0.15
"""How far above the block to cut, in widths of it."""
_FLAT = 1e-6
_ABOVE_FLAT = 5e-3
"""If the width is not more than the one part of the bound: in bounds."""


def _filtered(apply, block: _Block, cut, bound, degree):
    """The block times a Chebyshev polynomial, scaled to 1 at the lowest level."""
    dtype = block.states.dtype
    centre = (bound + cut) / 2
    # A block of the whole space has no rest; nothing is filtered then.
    half = jnp.maximum((bound - cut) / 2, jnp.finfo(bound.dtype).eps * bound)
    lowest = half / (block.levels[0] - centre)
    shifted = lambda image, rows: image - centre.astype(dtype) * rows
    before = block.states
    now = (lowest / half).astype(dtype) * shifted(block.images, before)

    def step(_, state):
        before, now, ratio = state
        following = 1 / (2 / lowest - ratio)
        image = shifted(apply(now), now)
        new = (2 * following / half).astype(dtype) * image
        new = new - (ratio * following).astype(dtype) * before
        return now, new, following

    return lax.fori_loop(1, degree, step, (before, now, lowest))[1]


def _diagonalised(apply, rows) -> _Block:
    """Rayleigh and Ritz: the Hamiltonian within the span of the rows."""
    basis = _orthonormal(rows)
    images = apply(basis)
    matrix = _dot(jnp.conj(basis), images.T)
    levels, turn = small_eigh((matrix + jnp.conj(matrix.T)) / 2)
    states, images = _dot(turn.T, basis), _dot(turn.T, images)
    rest = images - levels[:, None].astype(images.dtype) * states
    residuals = jnp.sqrt(jnp.sum(jnp.abs(rest) ** 2, -1))
    once = jnp.ones((), jnp.int32)
    return _Block(levels, states, images, residuals, jnp.array(False), once)


def _orthonormal(rows):
    """Gram and Schmidt, each row twice."""
    count = rows.shape[0]

    def step(k, done):
        row = rows[k] / jnp.sqrt(jnp.sum(jnp.abs(rows[k]) ** 2)).astype(rows.dtype)
        for _ in range(2):
            row = row - _dot(_dot(jnp.conj(done), row), done)
            row = row / jnp.sqrt(jnp.sum(jnp.abs(row) ** 2)).astype(rows.dtype)
        return done.at[k].set(row)

    return lax.fori_loop(0, count, step, jnp.zeros_like(rows))


def _dot(a, b):
    return jnp.matmul(a, b, precision="highest")

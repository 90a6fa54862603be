"""Ground states, with the derivatives of what they converge to."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, Inexact, PRNGKeyArray

from .._numerics import complex_dtype
from .._solution import MAX_ITERATIONS, NON_FINITE, SUCCESS, Solution
from ..operators._energies import moved_product
from ._lanczos import first_pass, inner, second_pass
from ._lowest_states import LowestStates as LowestStates
from ._lowest_states import lowest_states as lowest_states

_SOLVES = 1000
"""Most iterations of the equation for a derivative of the state."""


class GroundState(NamedTuple):
    """Lowest level and its state.

    Attributes:
        energy: Rayleigh quotient of the state: never below the level.
        state: Normalised; real ones have a sum of amplitudes that is not negative.
    """

    energy: Float[Array, ""]
    state: Inexact[Array, "..."]


def ground_state(
    hamiltonian: Any,
    *,
    start: Inexact[Array, "..."] | None = None,
    key: PRNGKeyArray | None = None,
    tolerance: float | Float[ArrayLike, ""] | None = None,
    max_iterations: int = 300,
) -> Solution[GroundState]:
    r"""Lowest level of a Hamiltonian and its state, by Lanczos' method.

    Two passes of the three-term recurrence; the first stops where the residual
    $\lVert H\psi - E\psi\rVert$ is at most the tolerance. Without a start it is the
    uniform state where no off-diagonal element is positive: it has a part of the ground
    state then, and its symmetry. Else it is random: of the antiferromagnetic Heisenberg
    ring the uniform state is the highest level.

    Derivatives are those of the level and of its state (which must not be degenerate
    within the symmetry of the start), forwards and backwards:
    $dE = \langle\psi|dH|\psi\rangle$ and $(H - E)\,d\psi = -(1 - P)\,dH\,\psi$ by
    conjugate gradients.

    Args:
        hamiltonian: `PauliSum`, `GridHamiltonian`, or what has `shape`, `apply`,
            `bound` and, without a start of yours, `start(key)`.
        start: State to begin with; its type is that of the answer.
        key: Of the random start.
        tolerance: Of the residual; by default what rounding allows.
        max_iterations: Most products with the Hamiltonian per pass.

    Returns:
        `value`: `GroundState`. `stats`: `num_iterations`, products per pass, and
        `residual`. With `jax.vmap` one per set of couplings.

    Raises:
        ValueError: If the start does not have the shape of the Hamiltonian.

    Example:
        >>> from physjax.operators.hamiltonians import transverse_field_ising
        >>> solution = ground_state(transverse_field_ising(4, field=1.0))
        >>> round(float(solution.value.energy), 4)
        -5.2263
    """
    start = _start(hamiltonian, start, key)
    real = jnp.real(start).dtype
    if tolerance is None:
        tolerance = _tight(hamiltonian, real)
    tolerance = jnp.asarray(tolerance, real)
    found, residual, count, converged = _solve(
        hamiltonian, start, tolerance, max_iterations
    )
    result = _result(found.energy, converged)
    return Solution(found, result, {"num_iterations": count, "residual": residual})


def ground_energy(
    hamiltonian: Any,
    *,
    start: Inexact[Array, "..."] | None = None,
    key: PRNGKeyArray | None = None,
    tolerance: float | Float[ArrayLike, ""] | None = None,
    max_iterations: int = 300,
) -> Solution[Float[Array, ""]]:
    r"""Lowest level of a Hamiltonian alone, in half the time of `ground_state`.

    The first pass of Lanczos' method, without the state. The error of the level is at
    most $r^2/\Delta$, the residual squared over the gap to the next level of the
    symmetry of the start; by default $r = \epsilon^{3/4}\sum|c|$. The derivative
    needs the state: it takes both passes, as those of `ground_state` do.

    Args:
        hamiltonian: As in `ground_state`.
        start: As in `ground_state`.
        key: As in `ground_state`.
        tolerance: Of the residual.
        max_iterations: Most products with the Hamiltonian.

    Returns:
        `value`: the level. `stats`: `num_iterations` and `residual`.

    Raises:
        ValueError: If the start does not have the shape of the Hamiltonian.

    Example:
        >>> from physjax.operators.hamiltonians import transverse_field_ising
        >>> round(float(ground_energy(transverse_field_ising(4)).value), 4)
        -5.2263
    """
    start = _start(hamiltonian, start, key)
    real = jnp.real(start).dtype
    if tolerance is None:
        eps = float(jnp.finfo(real).eps)
        tolerance = eps**0.75 * hamiltonian.bound().astype(real)
    tolerance = jnp.asarray(tolerance, real)
    level, residual, count = _level(hamiltonian, start, tolerance, max_iterations)
    result = _result(level, residual <= tolerance)
    return Solution(level, result, {"num_iterations": count, "residual": residual})


def _start(hamiltonian, start, key) -> Inexact[Array, "..."]:
    if start is None:
        return default_start(hamiltonian, jax.random.key(0) if key is None else key)
    if start.shape != hamiltonian.shape:
        raise ValueError(
            f"`start` must have shape {hamiltonian.shape}; got {start.shape}."
        )
    return start


def _tight(hamiltonian, real) -> Float[Array, ""]:
    """What rounding allows of the residual."""
    return 8 * jnp.finfo(real).eps * hamiltonian.bound().astype(real)


def _result(level, converged):
    result = jnp.where(converged, SUCCESS, MAX_ITERATIONS)
    return jnp.where(jnp.isfinite(level), result, NON_FINITE).astype(jnp.int32)


def default_start(hamiltonian: Any, key: PRNGKeyArray) -> Inexact[Array, "..."]:
    """Uniform where no off-diagonal element is positive, else random."""
    own = getattr(hamiltonian, "start", None)
    if own is not None:
        return own(key)
    dtype = hamiltonian.coefficients.dtype
    # The generator of the device: threefry takes twenty times as long to compile.
    seed = jnp.resize(jax.random.key_data(key), (4,))
    own = jax.random.wrap_key_data(seed, impl="rbg")
    random = jax.random.uniform(own, hamiltonian.shape, dtype, -1, 1)
    if not hamiltonian.is_real:
        return random.astype(complex_dtype(dtype))
    return jnp.where(hamiltonian.is_stoquastic(), jnp.ones_like(random), random)


@eqx.filter_custom_jvp
def _level(hamiltonian, start, tolerance, max_iterations):
    found = first_pass(hamiltonian.apply, start, tolerance, max_iterations)
    return found.lowest.value, found.residual, found.count


@_level.def_jvp
def _level_jvp(primals, tangents):
    hamiltonian, start, tolerance, most = primals
    tolerance = jnp.minimum(tolerance, _tight(hamiltonian, tolerance.dtype))
    found, residual, count, _ = _solve(hamiltonian, start, tolerance, most)
    change = moved_product(hamiltonian, tangents[0], found.state)
    dot = jnp.zeros_like(residual) if change is None else inner(found.state, change)
    return (found.energy, residual, count), (dot, jnp.zeros_like(residual), None)


@eqx.filter_custom_jvp
def _solve(hamiltonian, start, tolerance, max_iterations):
    found = first_pass(hamiltonian.apply, start, tolerance, max_iterations)
    state, image = second_pass(hamiltonian.apply, start, found)
    value = inner(state, image)
    rest = image - value.astype(state.dtype) * state
    residual = jnp.sqrt(inner(rest, rest))
    if not jnp.iscomplexobj(state):
        state = jnp.where(jnp.sum(state) < 0, -state, state)
    converged = found.residual <= tolerance
    return GroundState(value, state), residual, found.count, converged


@_solve.def_jvp
def _solve_jvp(primals, tangents):
    hamiltonian = primals[0]
    found, residual, *others = out = _solve(*primals)
    psi, level = found.state, found.energy
    moved = tangents[0]
    value_dot, state_dot = jnp.zeros_like(level), jnp.zeros_like(psi)
    change = moved_product(hamiltonian, moved, psi)
    if change is not None:
        value_dot = inner(psi, change)
        state_dot = -_complement_solve(hamiltonian, found, change)
    flat = jnp.zeros_like(residual)
    dot = GroundState(value_dot, state_dot), flat, *[None for _ in others]
    return out, dot


def _complement_solve(hamiltonian, found, source):
    r"""$(H - E)^{-1}$ of the part of the source beside the ground state."""
    psi, level = (lax.stop_gradient(x) for x in (found.state, found.energy))
    hamiltonian = lax.stop_gradient(hamiltonian)
    without = lambda x: x - jnp.vdot(psi, x).astype(x.dtype) * psi

    def shifted(x):
        x = without(x)
        return without(hamiltonian.apply(x) - level.astype(x.dtype) * x)

    eps = float(jnp.finfo(jnp.real(psi).dtype).eps)

    def solve(matvec, b):
        # Further down rounding would be amplified by levels beyond the symmetry.
        tolerance = 64 * eps
        return jax.scipy.sparse.linalg.cg(matvec, b, tol=tolerance, maxiter=_SOLVES)[0]

    return without(
        lax.custom_linear_solve(shifted, without(source), solve, symmetric=True)
    )

"""Solvers of one equation again and again, for compiled loops."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._boundaries import Faces
from .._numerics import as_real
from .._solution import Solution
from ..operators._stencils import Spacing, prepare
from ._linear import Options, Settings, iterate, sensible
from ._problem import Problem, make_problem
from .multigrid import Multigrid, make_multigrid
from .poisson import CYCLES, default_rtol


@runtime_checkable
class PoissonSolver(Protocol):
    """What the compiled loop of a simulation calls once per step.

    The equation (grid, walls, permittivity, electrodes) is its own; densities and
    voltages come and go. `GreenFunction`, `MultigridSolver` and `Refined` are such, and
    so may be any network.
    """

    def __call__(
        self,
        rho: Float[Array, "..."],
        voltages: Float[Array, "... contacts"] | None = None,
        guess: Float[Array, "..."] | None = None,
    ) -> Float[Array, "..."]:
        """Potential of all nodes, electrodes included."""
        ...


class MultigridSolver(eqx.Module):
    """`solve_poisson` with method `"multigrid"`, its grids made once.

    A `PoissonSolver`; warm starts come in as `guess`. Differentiable as there, the
    permittivity and the walls being leaves of the stencils in `problem`.

    Example:
        >>> from physjax import Dirichlet
        >>> walls = [(Dirichlet(0.0), Dirichlet(1.0))]
        >>> solver = MultigridSolver((4,), (0.25,), walls, permittivity=2.0)
        >>> solver(jnp.zeros(4)).round(4).tolist()
        [0.125, 0.375, 0.625, 0.875]
    """

    problem: Problem
    multigrid: Multigrid
    rtol: float | Float[Array, ""]
    shape: tuple[int, ...] = eqx.field(static=True)
    max_iterations: int = eqx.field(static=True)

    def __init__(
        self,
        shape: tuple[int, ...],
        spacing: Spacing,
        bc: Faces,
        *,
        permittivity: ArrayLike | None = None,
        electrodes: ArrayLike | None = None,
        rtol: float | Float[Array, ""] | None = None,
        max_iterations: int = CYCLES,
        dtype: Any = float,
    ):
        """
        Args:
            shape: Nodes along each axis.
            spacing: As in `solve_poisson`, like all that follows.
            bc: Walls.
            permittivity: Positive, broadcasts to `shape`.
            electrodes: Labels of the nodes.
            rtol: Residual at which an iteration ends.
            max_iterations: Iterations at most.
            dtype: Type of the coefficients, the default float if not given.

        Raises:
            TypeError: As `solve_poisson`.
            ValueError: As `solve_poisson`.
        """
        dtype = jnp.result_type(dtype)
        like = jnp.zeros(shape, dtype)
        field, axes = prepare(like, spacing, bc, "shape")
        self.problem = make_problem(field, axes, permittivity, electrodes)
        self.multigrid = make_multigrid(
            self.problem.inner, axes, field.shape, singular=self.problem.singular
        )
        self.rtol = default_rtol(dtype) if rtol is None else rtol
        self.shape = tuple(shape)
        self.max_iterations = max_iterations

    def solution(
        self,
        rho: Float[Array, "..."],
        voltages: Float[Array, "... contacts"] | None = None,
        guess: Float[Array, "..."] | None = None,
    ) -> Solution[Float[Array, "..."]]:
        """As `solve_poisson`.

        Raises:
            ValueError: If the shapes do not fit.
        """
        rho = as_real(rho, "rho")
        d = len(self.shape)
        if rho.ndim < d or rho.shape[rho.ndim - d :] != self.shape:
            raise ValueError(
                f"`rho` must end in the shape {self.shape}; got {rho.shape}."
            )
        extra = rho.ndim - d
        lift = lambda x: x.reshape((1,) * extra + x.shape)
        problem = self.problem.lifted(rho.ndim)
        multigrid = jax.lax.stop_gradient(jax.tree.map(lift, self.multigrid))
        source, held = problem.source(rho.astype(problem.cells.dtype), voltages)
        stats: dict[str, Any] = {}
        if problem.singular:
            source, stats["imbalance"] = problem.balanced(source)
        if guess is not None:
            guess = jax.lax.stop_gradient(guess).astype(source.dtype)
            if problem.free is not None:
                guess = guess * problem.free
            guess = sensible(problem.inner, source, guess)
        zero = jnp.zeros((), source.dtype)
        out = iterate(
            Settings("multigrid", self.max_iterations, False),
            problem.inner.full(source.shape),
            multigrid,
            source,
            guess,
            Options(jnp.asarray(self.rtol).astype(source.dtype), zero, zero),
        )
        return problem.solution(
            out.phi,
            source,
            held,
            "multigrid",
            num_iterations=out.num_iterations,
            converged=out.converged,
            **stats,
        )

    def __call__(
        self,
        rho: Float[Array, "..."],
        voltages: Float[Array, "... contacts"] | None = None,
        guess: Float[Array, "..."] | None = None,
    ) -> Float[Array, "..."]:
        """Potential of all nodes, electrodes included."""
        return self.solution(rho, voltages, guess).value


class Refined(eqx.Module):
    """A fast guess, then iterations to a certified residual.

    Whatever the guess, the answer is that of `solver`: a network decides how long it
    takes, never whether it is right. A guess that is not finite, or worse than nothing,
    is dropped.

    Attributes:
        guess: Any `PoissonSolver`, for instance a network.
        solver: What refines it.

    Example:
        >>> from physjax import Dirichlet
        >>> walls = [(Dirichlet(0.0), Dirichlet(1.0))]
        >>> exact = MultigridSolver((4,), (0.25,), walls)
        >>> nonsense = lambda rho, voltages, guess=None: rho + jnp.nan
        >>> Refined(nonsense, exact)(jnp.zeros(4)).round(4).tolist()
        [0.125, 0.375, 0.625, 0.875]
    """

    guess: Callable[..., Array]
    solver: MultigridSolver

    def solution(
        self,
        rho: Float[Array, "..."],
        voltages: Float[Array, "... contacts"] | None = None,
        guess: Float[Array, "..."] | None = None,
    ) -> Solution[Float[Array, "..."]]:
        """As `solve_poisson`, with what `guess` says as its guess."""
        return self.solver.solution(rho, voltages, self.guess(rho, voltages, guess))

    def __call__(
        self,
        rho: Float[Array, "..."],
        voltages: Float[Array, "... contacts"] | None = None,
        guess: Float[Array, "..."] | None = None,
    ) -> Float[Array, "..."]:
        """Potential of all nodes, electrodes included."""
        return self.solution(rho, voltages, guess).value

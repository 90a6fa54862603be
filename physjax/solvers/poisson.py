"""Poisson's equation on uniform grids, by whatever solves it best."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Num

from .._boundaries import Faces
from .._numerics import as_real
from .._solution import Solution
from .._solution import throw as _throw
from ..operators._stencils import Axis, Spacing, prepare
from . import _direct as direct
from ._linear import Options, Settings, iterate, sensible
from ._problem import Problem, make_problem
from ._stencil import as_permittivity
from .green import GreenFunction
from .multigrid import make_multigrid

Direct = Literal["fft", "matmul", "layered", "green"]
Iterative = Literal["multigrid", "jacobi", "gauss_seidel", "sor"]
Method = Literal["auto", Direct, Iterative]

SMALL = 128  # points along an axis, up to which matrix products beat FFTs on a CPU
MIDDLE = 1024  # on an accelerator
SWEEPS = 100_000
CYCLES = 100


def default_rtol(dtype: Any) -> float:
    """Residual, relative to the source, at which an iteration ends."""
    return 1e-10 if jnp.finfo(dtype).bits == 64 else 1e-5


def solve_poisson(
    rho: Num[ArrayLike, "..."],
    spacing: Spacing,
    bc: Faces,
    *,
    permittivity: Num[ArrayLike, "..."] | None = None,
    electrodes: Num[ArrayLike, "..."] | None = None,
    voltages: Num[ArrayLike, "... contacts"] | None = None,
    method: Method | Callable[..., Array] = "auto",
    guess: Num[ArrayLike, "..."] | Callable[..., Array] | None = None,
    rtol: float | Float[Array, ""] | None = None,
    max_iterations: int | None = None,
    max_change: float | Float[Array, ""] | None = None,
    relaxation: float | Float[Array, ""] | None = None,
    throw: bool = False,
) -> Solution[Float[Array, "..."]]:
    r"""Potential of a charge density: $-\nabla\cdot(\varepsilon\nabla\phi) = \rho$.

    The equation is that of `operators.div_sigma_grad` with harmonic faces, of order 2:
    `-div_sigma_grad(phi, permittivity, spacing, bc) == rho`, to rounding for the direct
    methods and to `rtol` for the iterative ones.

    | method                                | for                                    |
    | ------------------------------------- | -------------------------------------- |
    | `"fft"`                               | constant permittivity, no Robin wall   |
    | `"matmul"`                            | the same on small grids, accelerators  |
    | `"layered"`                           | all of one axis, the others as above   |
    | `"multigrid"`                         | anything                               |
    | `"green"`                             | anything concrete, at most 8192 nodes  |
    | `"jacobi"`, `"gauss_seidel"`, `"sor"` | baselines                              |

    With nothing but Neumann and periodic walls, and no electrodes, the potential has
    mean zero over the cell volumes, and the density must balance what passes the walls.
    If it does not, the answer is that for the nearest density that does, and the result
    says so.

    Derivatives are those of the solution for every method, in all values: density,
    walls, spacing, permittivity, voltages. Iterative methods take theirs from one more
    solve with the multigrid cycle, forwards and backwards. In float32 the condition
    number costs the direct methods nothing: their error is 1e-6 of the largest
    potential. The others lose up to 1e-7 times the square of the points along an axis.

    Args:
        rho: Charge density; the last `len(spacing)` axes are space, those before are
            batch. In units of permittivity times potential over length squared.
        spacing: Distance of neighbours along each axis, numbers or traced scalars.
        bc: A (low, high) pair of conditions per axis of space.
        permittivity: Positive, broadcasts to `rho`; 1 if not given. An axis of size 1
            says that it is constant there: shape (40, 1) is layered.
        electrodes: Integers of the shape of space, known while tracing: 0 for free
            nodes, c = 1, 2 ... for those held at `voltages[..., c - 1]`.
        voltages: One per contact, after the batch axes of `rho` or none.
        method: As above. `"auto"` takes the first that fits, `"matmul"` to 128 points
            an axis (1024 on an accelerator), never `"green"` or a baseline. Or a
            `PoissonSolver`, for instance a network: its answer is taken as it is.
        guess: Where an iteration begins, or a `PoissonSolver` that says where: so a
            network is refined to `rtol`. For `"multigrid"` a guess that is not finite,
            or worse than nothing, is dropped. Direct methods ignore it.
        rtol: Norm of the residual over that of the source at which an iteration ends:
            1e-10 in float64 and 1e-5 in float32 by default, or where the rounding of
            the potential itself leaves more. Of an answer taken as it is, the limit
            above which the result says so; none by default.
        max_iterations: 100 by default, 100000 sweeps for the baselines.
        max_change: For the baselines: stop instead where no node changes by this much
            in a sweep. Not a measure of the error, which can be a thousand times more.
        relaxation: Factor of `"sor"`; by default the best one for constant permittivity
            and no electrodes.
        throw: Whether to raise on the host if the result is not a success.

    Returns:
        `Solution` with the potential, of the shape and dtype of `rho`, as value. The
        result has one code per problem of the batch. `stats` has `method` (what was
        picked), `residual` (norm of the true residual over that of the source, per
        problem), `num_iterations`, and for a potential without ground `imbalance`, the
        sum of the sources over that of their sizes.

    Raises:
        TypeError: If an argument does not hold real numbers, or `bc` no conditions.
        ValueError: If shapes do not fit, or the method does not fit the problem.
        NumericsError: If `throw` is set and a problem did not succeed.

    Example:
        >>> from physjax import Dirichlet
        >>> wall = Dirichlet(0.0, wall="node")
        >>> x = jnp.arange(1, 32) / 32
        >>> rho = jnp.sin(jnp.pi * x)[:, None] * jnp.sin(jnp.pi * x)[None, :]
        >>> solution = solve_poisson(rho, (1 / 32, 1 / 32), [(wall, wall)] * 2)
        >>> str(solution.stats["method"])
        'matmul'
        >>> bool(jnp.allclose(solution.value, rho / (2 * jnp.pi**2), rtol=2e-3))
        True

    References:
        Hockney, J. ACM 12, 95 (1965), for the transforms and the reduction of lines;
        Trottenberg, Oosterlee and Schueller, Multigrid (2001).
    """
    given = as_real(rho, "rho")
    field, axes = prepare(given, spacing, bc, "rho")
    problem = make_problem(field, axes, permittivity, electrodes)
    source, held = problem.source(field, voltages)
    stats: dict[str, Any] = {}
    if problem.singular:
        source, stats["imbalance"] = problem.balanced(source)
    name = _pick(method, axes, permittivity, field, problem)

    if callable(method):
        phi = _ask(method, "method", given, voltages, field, guess=guess)
        stats["rtol"] = rtol
    elif name == "green":
        green = GreenFunction(
            field.shape[field.ndim - len(axes) :],
            spacing,
            bc,
            permittivity=permittivity,
            electrodes=electrodes,
            dtype=field.dtype,
        )
        phi = green(field, None if voltages is None else as_real(voltages, "voltages"))
    elif name in get_args(Direct):
        phi = _solve_directly(name, source, axes, permittivity, problem)
    else:
        start: Any = guess
        if callable(guess):
            start = _ask(guess, "guess", given, voltages, field)
        elif guess is not None:
            start = _fitted(guess, "guess", field)
        settings = _settings(name, max_iterations, max_change)
        options = Options(
            default_rtol(field.dtype) if rtol is None else rtol,
            0.0 if max_change is None else max_change,
            _best_factor(axes) if relaxation is None else relaxation,
        )
        phi, stats["num_iterations"], stats["converged"] = _iterate(
            settings, options, problem, axes, source, start
        )
    if problem.free is not None:
        phi = phi * problem.free
    solution = problem.solution(phi, source, held, name, **stats)
    solution = Solution(
        solution.value.astype(given.dtype), solution.result, solution.stats
    )
    return _throw(solution) if throw else solution


def _pick(method: Any, axes, permittivity, field: Array, problem: Problem) -> str:
    """Name of the method for `stats`.

    Raises:
        ValueError: If there is no such method, or it does not fit.
    """
    if callable(method):
        return getattr(method, "__name__", type(method).__name__)
    names = ("auto", *get_args(Direct), *get_args(Iterative))
    if method not in names:
        raise ValueError(
            f"`method` must be one of {names} or callable; got {method!r}."
        )
    epsilon = as_permittivity(permittivity, field)
    lines = [
        axis
        for axis in axes
        if epsilon.shape[axis.index] > 1 or direct.modes_of(axis) is None
    ]
    if problem.free is not None:
        why = "there are electrodes"
    elif len(lines) > 1:
        why = "permittivity or Robin walls have no modes along more than one axis"
    elif lines and not direct.is_line(lines[0], field.dtype):
        why = "a Robin condition varies along its wall"
    else:
        why = ""
    if method == "auto":
        if why:
            return "multigrid"
        if lines:
            return "layered"
        limit = SMALL if jax.default_backend() == "cpu" else MIDDLE
        return "matmul" if max(axis.size for axis in axes) <= limit else "fft"
    if method in ("fft", "matmul", "layered"):
        if not why and lines and method != "layered":
            why = "permittivity or a Robin wall has no modes"
        if why:
            raise ValueError(f'`method` "{method}" does not fit: {why}.')
    return method


def _solve_directly(
    name: str, source: Array, axes: tuple[Axis, ...], permittivity, problem: Problem
) -> Array:
    epsilon = as_permittivity(permittivity, source)
    f = source / problem.cells
    if name != "layered":
        return direct.solve_constant(f / epsilon, axes, name == "matmul")
    lines = [
        axis
        for axis in axes
        if epsilon.shape[axis.index] > 1 or direct.modes_of(axis) is None
    ]
    line = lines[0] if lines else axes[0]
    others = max((axis.size for axis in axes if axis is not line), default=0)
    limit = SMALL if jax.default_backend() == "cpu" else MIDDLE
    return direct.solve_layered(
        f, axes, line, epsilon, others <= limit, problem.singular
    )


def _settings(name: str, max_iterations: int | None, max_change) -> Settings:
    count = CYCLES if name == "multigrid" else SWEEPS
    count = count if max_iterations is None else max_iterations
    if count < 1:
        raise ValueError(f"`max_iterations` must be positive; got {count}.")
    return Settings(name, count, max_change is not None)


def _iterate(settings, options, problem: Problem, axes, source, start):
    cast = lambda x: jnp.asarray(x).astype(source.dtype)
    multigrid = jax.lax.stop_gradient(
        make_multigrid(problem.inner, axes, source.shape, singular=problem.singular)
    )
    if start is not None:
        start = jax.lax.stop_gradient(start)
        if problem.free is not None:
            start = start * problem.free
        if settings.method == "multigrid":
            start = sensible(problem.inner, source, start)
    out = iterate(
        settings,
        problem.inner.full(source.shape),
        multigrid,
        source,
        start,
        Options(*map(cast, options)),
    )
    return out.phi, out.num_iterations, out.converged


def _ask(solver, name: str, rho, voltages, field: Array, guess=None) -> Array:
    """The answer of a `PoissonSolver`."""
    options = {} if guess is None else {"guess": guess}
    return _fitted(solver(rho, voltages, **options), name, field)


def _fitted(x: Any, name: str, field: Array) -> Array:
    x = as_real(x, name)
    if x.shape != field.shape:
        raise ValueError(
            f"`{name}` must have the shape of `rho`, {field.shape}; got {x.shape}."
        )
    return x.astype(field.dtype)


def _best_factor(axes: tuple[Axis, ...]) -> Any:
    """2 / (1 + sqrt(1 - r^2)) with the spectral radius r of Jacobi's iteration."""
    total, lowest = 0.0, []
    for axis in axes:
        inverse = 1 / (axis.spacing * axis.spacing)
        m = direct.modes_of(axis)
        values = np.array([1.0]) if m is None else np.sort(m.eigenvalues)
        total = total + 2 * inverse
        lowest.append((values, inverse))
    smallest = sum(values[0] * inverse for values, inverse in lowest)
    if all(values[0] == 0 for values, _ in lowest):  # the constant does not count
        smallest = jnp.min(
            jnp.stack(
                [jnp.asarray(v[1] * inverse) for v, inverse in lowest if len(v) > 1]
            )
        )
    radius = 1 - smallest / total
    return 2 / (1 + jnp.sqrt(jnp.asarray(1 - radius * radius)))

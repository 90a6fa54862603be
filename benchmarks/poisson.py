"""Poisson's equation: transforms, Green's function and multigrid against their peers.

SciPy's transforms divide by eigenvalues made beforehand and work in place; SuperLU has
factored and pyamg has set up before the clock starts. The Gauss-Seidel loop is the one
of arXiv 1810.10192 (in place, in order, until no node changes by 3e-6 V), in numba.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.sparse
import scipy.sparse.linalg

from physjax import Dirichlet, Neumann
from physjax.operators._stencils import make_axes
from physjax.solvers import GreenFunction, MultigridSolver, solve_poisson
from physjax.solvers._stencil import assemble
from physjax.solvers.multigrid import make_multigrid

from . import peers
from .harness import Case, Gate, Table
from .launch import Context
from .peers import jax_case

NODE = Dirichlet(wall="node")
SQUARE = [(NODE, NODE), (NODE, NODE)]
DIRECT_TOLERANCE = {"float32": 5e-6, "float64": 1e-11}
LARGEST_FACTORED = 511


def tables(context: Context) -> Iterator[Table]:
    sizes = (127,) if context.quick else (127, 255, 511, 1023)
    if context.backend != "cpu":
        sizes = (127, 511, 1023, 2047)
    for n in sizes:
        yield _direct(context, n, "float32")
    jax.config.update("jax_enable_x64", True)
    for n in sizes:
        yield _direct(context, n, "float64")
    yield from _accuracy()
    for pattern in ("uniform", "discs", "layers", "blocks"):
        yield _multigrid(context, pattern, 127 if context.quick else 1023)
    yield _green(context, "float64")
    yield _green(context, "float32")


# Dirichlet squares.


def _source(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def _direct(context: Context, n: int, dtype: str) -> Table:
    rho, h = _source((n, n)).astype(dtype), 1.0 / (n + 1)
    exact = _by_sines(rho.astype(np.float64), h, 1)()
    floor = {127: 1.2, 255: 1.2, 511: 1.0}.get(n, 0.95)
    gates = []
    if context.backend == "cpu":
        gates = [Gate("speed", floor, 1.2, against="scipy dstn")]
        if dtype == "float64":
            gates.append(Gate("speed", 30, against="pyamg"))
            if n <= LARGEST_FACTORED:
                gates.append(Gate("speed", 5, against="scipy splu, factored"))

    def ours(method: Any) -> Callable[[Any], Any]:
        return lambda rho: solve_poisson(rho, (h, h), SQUARE, method=method).value

    on_device = jnp.asarray(rho)
    cases = [
        jax_case("physjax", ours("auto"), on_device, gates=gates),
        jax_case("physjax fft", ours("fft"), on_device),
        jax_case("physjax matmul", ours("matmul"), on_device),
        jax_case(
            "physjax layered",
            lambda rho: solve_poisson(rho, (h, h), SQUARE, method="layered").value,
            on_device,
            compare=dtype == "float64",
        ),
        Case("scipy dstn", lambda: _by_sines(rho, h, context.threads)),
    ]
    if dtype == "float64" and context.backend == "cpu":
        if n <= LARGEST_FACTORED:
            cases.append(Case("scipy splu, factored", lambda: _factored(rho, h)))
        cases.append(_pyamg(rho, h))
    return Table(
        op="poisson direct",
        size=f"{n}x{n}",
        dtype=dtype,
        ref="scipy dstn",
        cases=cases,
        reference=exact,
        tolerance=DIRECT_TOLERANCE[dtype],
    )


def _by_sines(rho: np.ndarray, h: float, threads: int) -> Callable[[], np.ndarray]:
    n = rho.shape[0]
    one = 2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1))
    eigenvalues = ((one[:, None] + one[None, :]) / h**2).astype(rho.dtype)

    def run():
        x = scipy.fft.dstn(rho, type=1, workers=threads)
        x /= eigenvalues
        return scipy.fft.idstn(x, type=1, overwrite_x=True, workers=threads)

    return run


def five_point(shape, spacing, permittivity=None) -> Any:
    """Node-centred Dirichlet problem with harmonic faces as a sparse matrix."""
    epsilon = np.ones(shape) if permittivity is None else permittivity
    n = int(np.prod(shape))
    index = np.arange(n).reshape(shape)
    rows, columns, values = [], [], []
    diagonal = np.zeros(shape)
    for a, h in enumerate(spacing):
        low = [slice(None)] * len(shape)
        high = list(low)
        low[a], high[a] = slice(None, -1), slice(1, None)
        e, f = epsilon[tuple(low)], epsilon[tuple(high)]
        link = 2 * e * f / (e + f) / h**2
        i, j = index[tuple(low)].ravel(), index[tuple(high)].ravel()
        rows += [i, j]
        columns += [j, i]
        values += [-link.ravel(), -link.ravel()]
        diagonal[tuple(low)] += link
        diagonal[tuple(high)] += link
        for end in (0, -1):
            wall = list(low)
            wall[a] = end
            diagonal[tuple(wall)] += epsilon[tuple(wall)] / h**2
    rows.append(index.ravel())
    columns.append(index.ravel())
    values.append(diagonal.ravel())
    entries = (np.concatenate(rows), np.concatenate(columns))
    return scipy.sparse.csc_matrix((np.concatenate(values), entries), shape=(n, n))


def _factored(rho: np.ndarray, h: float, permittivity=None) -> Callable[[], Any]:
    matrix = five_point(rho.shape, (h, h), permittivity)
    factors = scipy.sparse.linalg.splu(matrix)
    right = rho.ravel()
    return lambda: factors.solve(right).reshape(rho.shape)


def _pyamg(rho, h, permittivity=None, *, rtol=1e-6, **options) -> Case:
    pyamg = peers.find("pyamg")
    if pyamg is None:
        return peers.missing("pyamg", "pyamg")

    def build():
        matrix = five_point(rho.shape, (h, h), permittivity).tocsr()
        hierarchy = pyamg.ruge_stuben_solver(matrix)
        right = rho.ravel()
        return lambda: hierarchy.solve(right, tol=rtol, accel="cg").reshape(rho.shape)

    return Case("pyamg", build, compare=False, **options)


# Row by row against sparse LU.


def _accuracy() -> Iterator[Table]:
    half, wall = (Neumann(), Neumann()), (NODE, NODE)
    layers = np.exp(_source((255, 1)))
    for name, shape, bc, epsilon, tolerance in (
        ("paper grid", (39, 7), [wall, half], None, 1e-12),
        ("dirichlet", (255, 255), SQUARE, None, 1e-11),
        ("layers", (255, 255), SQUARE, layers, 1e-11),
    ):
        h = (0.01, 0.01)
        rho = _source(shape)
        full = None if epsilon is None else np.broadcast_to(epsilon, shape)
        matrix = five_point(shape, h, full)
        if name == "paper grid":  # insulated above and below
            edge = np.zeros(shape)
            edge[:, 0] = edge[:, -1] = 1 / h[1] ** 2
            matrix = (matrix - scipy.sparse.diags(edge.ravel())).tocsc()
        factors = scipy.sparse.linalg.splu(matrix)
        solve = lambda factors=factors, rho=rho: factors.solve(rho.ravel())
        exact = solve()
        exact = exact + factors.solve(rho.ravel() - matrix @ exact)
        given = None if epsilon is None else jnp.asarray(epsilon)
        run = lambda rho, h=h, bc=bc, given=given: (
            solve_poisson(rho, h, bc, permittivity=given).value
        )
        yield Table(
            op="poisson accuracy",
            size=f"{name} {shape[0]}x{shape[1]}",
            dtype="float64",
            ref="scipy splu, factored",
            cases=[
                jax_case("physjax", run, jnp.asarray(rho)),
                Case(
                    "scipy splu, factored",
                    lambda solve=solve: solve,
                    value=lambda x, shape=shape: x.reshape(shape),
                ),
            ],
            reference=exact.reshape(shape),
            tolerance=tolerance,
        )


# Variable permittivity.


def pattern_of(name: str, n: int) -> np.ndarray:
    """Permittivity 1 and 100, in shapes that the coarse grids do not resolve."""
    x = (np.arange(n) + 1.0) / (n + 1)
    if name == "uniform":
        return np.ones((n, n))
    if name == "layers":
        return np.where((x * 17).astype(int) % 2, 100.0, 1.0)[:, None] * np.ones((1, n))
    if name == "blocks":
        block = (x * 17).astype(int)
        return np.where((block[:, None] + block[None]) % 2, 100.0, 1.0)
    centres = np.random.default_rng(1).random((12, 2))
    inside = np.zeros((n, n), bool)
    for cx, cy in centres:
        inside |= (x[:, None] - cx) ** 2 + (x[None] - cy) ** 2 < 0.09**2
    return np.where(inside, 100.0, 1.0)


def _multigrid(context: Context, pattern: str, n: int) -> Table:
    h, rtol = 1.0 / (n + 1), 1e-8
    epsilon, rho = pattern_of(pattern, n), _source((n, n))
    solver = MultigridSolver(
        (n, n), (h, h), SQUARE, permittivity=epsilon, rtol=rtol, dtype="float64"
    )
    on_device, on_permittivity = jnp.asarray(rho), jnp.asarray(epsilon)
    uniform = pattern == "uniform"
    gates = [Gate("iterations", 12 if uniform else 25, 8 if uniform else 16)]
    if uniform:
        gates.append(Gate("factor", 0.12, 0.08))

    def metrics():
        solution = jax.jit(lambda s, r: s.solution(r))(solver, on_device)
        return {
            "iterations": float(solution.stats["num_iterations"]),
            "residual": float(solution.stats["residual"]),
            "factor": _factor(on_permittivity, h),
        }

    def build():
        run = jax.jit(lambda s, r: s(r))
        return lambda: run(solver, on_device)

    def with_setup(epsilon, rho):
        return solve_poisson(
            rho, (h, h), SQUARE, permittivity=epsilon, method="multigrid", rtol=rtol
        ).value

    cases = [
        Case("physjax", build, jax.block_until_ready, gates=gates, metrics=metrics),
        jax_case(
            "physjax, with its setup", with_setup, jnp.asarray(epsilon), on_device
        ),
        _pyamg(rho, h, epsilon, rtol=rtol),
    ]
    return Table(
        op="poisson multigrid",
        size=f"{pattern} {n}x{n}",
        dtype="float64",
        ref="pyamg",
        cases=cases,
        rounds=3,
    )


def _factor(epsilon, h: float) -> float:
    """Energy of the error after a cycle over that before, when it has settled."""
    shape = epsilon.shape
    axes = make_axes(shape, (h, h), SQUARE, epsilon.dtype, "rho")

    @jax.jit
    def factors(epsilon, x):
        stencil, _ = assemble(jnp.zeros(shape), axes, epsilon)
        stencil = stencil.full(shape)
        cycle = make_multigrid(stencil, axes, shape)
        energy = lambda v: jnp.sum(v * stencil(v))

        def step(x, _):
            y = x - cycle(stencil(x))
            return y / jnp.max(jnp.abs(y)), jnp.sqrt(energy(y) / energy(x))

        return jax.lax.scan(step, x, length=15)[1]

    return float(factors(epsilon, jnp.asarray(_source(shape)))[-1])


# The paper's grid inside a compiled loop.

STEPS = 100
BIAS, BUILT_IN = 1.4, 1.28  # V
CELL = 1e-8  # m
CHARGE = 1.602176634e-19 * 1e23 / (12.9 * 8.8541878128e-12)  # of the doping, V / m^2


def _green(context: Context, dtype: str) -> Table:
    """41 x 9 nodes: two rows are copies, two columns contacts, 39 x 7 unknown.

    In the middle of the paper's sweep, 1.4 V: no depletion is left, and nothing is odd
    about the middle as it is without bias, where half the modes stay empty and the
    relaxation from zero ends after half the sweeps.
    """
    rng = np.random.default_rng(0)
    noise, states = np.zeros((41, 7)), []
    for _ in range(STEPS):  # superparticles: eight a cell, a tenth of them moves
        fresh = rng.standard_normal((41, 7)) / np.sqrt(8)
        noise = 0.95 * noise + np.sqrt(1 - 0.95**2) * fresh
        states.append(CHARGE * noise)
    rho, volts = np.asarray(states), np.array([BIAS - BUILT_IN / 2, BUILT_IN / 2])
    contacts = np.zeros((41, 7), int)
    contacts[0], contacts[-1] = 1, 2
    wall = Neumann(wall="node")
    walls = [(wall, wall), (Neumann(), Neumann())]
    exact = GreenFunction(
        (41, 7), (CELL, CELL), walls, electrodes=contacts, dtype="float64"
    )
    reference = np.asarray(exact(jnp.asarray(rho), jnp.asarray(volts)))
    green = jax.tree.map(lambda a: a.astype(dtype), exact)
    on_device, on_contacts = jnp.asarray(rho, dtype), jnp.asarray(volts, dtype)

    def loop(green, rho, volts):
        """Each step's potential enters the next one's voltages: nothing can be moved
        out of the loop, or be made one product."""

        def step(carry, rho):
            phi = green(rho, volts + 0 * carry[20, 3])
            return phi, phi

        return jax.lax.scan(step, jnp.zeros_like(rho[0]), rho)[1]

    gates = [Gate("rate", 5e4, 1e5)]
    if dtype == "float64":
        gates += [
            Gate("speed", 10, against="numba Gauss-Seidel, warm"),
            Gate("speed", 200, against="numba Gauss-Seidel, cold"),
        ]
    cases = [
        jax_case(
            "physjax", loop, green, on_device, on_contacts, gates=gates, units=STEPS
        ),
        jax_case(
            "physjax, one product",
            lambda green, rho, volts: green(rho, volts),
            green,
            on_device,
            on_contacts,
            units=STEPS,
        ),
        jax_case(
            "physjax matmul in a loop",
            lambda rho, volts: jax.lax.map(
                lambda rho: (
                    solve_poisson(
                        rho[1:-1],
                        (CELL, CELL),
                        [
                            (Dirichlet(volts[0], "node"), Dirichlet(volts[1], "node")),
                            (Neumann(), Neumann()),
                        ],
                        method="matmul",
                    ).value
                ),
                rho,
            ),
            on_device,
            on_contacts,
            units=STEPS,
            compare=False,
        ),
    ]
    if context.backend == "cpu" and dtype == "float64":
        cases += [
            _gauss_seidel(rho, volts, reference, warm=True),
            _gauss_seidel(rho[:5], volts, reference[:5], warm=False),
        ]
    return Table(
        op="poisson green",
        size="41x9",
        dtype=dtype,
        ref="physjax",
        cases=cases,
        reference=reference,
        tolerance=1e-12 if dtype == "float64" else 2e-6,
        items=1,
    )


def _gauss_seidel(rho, volts, reference, *, warm: bool) -> Case:
    name = f"numba Gauss-Seidel, {'warm' if warm else 'cold'}"
    numba = peers.find("numba")
    if numba is None:
        return peers.missing(name, "numba")

    @numba.njit
    def solve(source, phi):
        sweeps, change = 0, 1.0
        while change >= 3e-6:
            change = 0.0
            for i in range(1, 40):
                phi[i, 0], phi[i, 8] = phi[i, 1], phi[i, 7]
                for j in range(1, 8):
                    old = phi[i, j]
                    around = (
                        phi[i - 1, j] + phi[i + 1, j] + phi[i, j - 1] + phi[i, j + 1]
                    )
                    phi[i, j] = 0.25 * (around + source[i, j - 1])
                    change = max(change, abs(phi[i, j] - old))
            sweeps += 1
        return sweeps

    scaled = rho * CELL**2
    sweeps: list[int] = []

    def begin():
        phi = np.zeros((41, 9))
        phi[0], phi[-1] = volts
        return phi

    state = begin()
    solve(scaled[-1], state)
    out = np.empty_like(rho)

    def run():
        for k in range(len(rho)):
            phi = state if warm else begin()
            sweeps.append(solve(scaled[k], phi))
            out[k] = phi[:, 1:8]
        return out

    def metrics():
        error = 1e3 * np.max(np.abs(out - reference)[:, 1:-1])
        return {"sweeps": float(np.mean(sweeps)), "error_mV": float(error)}

    return Case(name, lambda: run, units=len(rho), compare=False, metrics=metrics)

"""Spin Hamiltonians: products with a state, ground states, what compiling takes.

The transverse-field ring, J = h = 1. QuSpin and numba compute every element anew, as we
do; SciPy's matrix is built before the clock starts. NetKet's product of an operator and
a vector builds a matrix at every call. Lanczos of SciPy (ARPACK) gets the same start,
the matrix ready made, and the tolerance in the title: ARPACK stops where its estimate
of the residual is below the tolerance times the size of the level, ours where the
residual is below that number. Energies are compared with free fermions (Jordan and
Wigner), products with SciPy's.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg
from jax.experimental.compilation_cache import compilation_cache

from physjax.operators.free_fermions import ising_ring_levels
from physjax.operators.hamiltonians import energy, transverse_field_ising
from physjax.solvers import ground_energy, ground_state, ring_sector

from . import peers
from .harness import Case, Gate, Table
from .launch import Context
from .peers import jax_case

TOLERANCE = {"float64": 1e-13, "float32": 1e-5}
SAME = 1e-12
"""Relative residual at which both methods of Lanczos stop."""


def tables(context: Context) -> Iterator[Table]:
    jax.config.update("jax_enable_x64", True)
    cpu = context.backend == "cpu"
    sizes = (16, 18, 20) if cpu else (18, 20, 22, 24, 26, 28)
    for n in (10,) if context.quick else sizes:
        for dtype in ("float64", "float32"):
            yield _product(context, n, dtype)
    for n in (10,) if context.quick else (16, 20):
        yield _energy(n)
    if cpu:
        yield from _against_arpack(10 if context.quick else 16)
    yield _whole_space(context, 10 if context.quick else 20)
    for n in (10,) if context.quick else (20, 24):
        yield _sector(context, n)
    for n in (8, 10) if context.quick else (8, 10, 12):
        yield _couplings(n)
    yield _compilation(context, 10 if context.quick else 24)


def _ring(n: int, field: Any = 1.0, dtype: str = "float64"):
    one = jnp.asarray(1.0, dtype)
    return transverse_field_ising(n, one, jnp.asarray(field, dtype))


def _exact(n: int, field: Any = 1.0) -> float:
    return float(ising_ring_levels(n, 1.0, field)[0])


# One product.


def _product(context: Context, n: int, dtype: str) -> Table:
    h = _ring(n, dtype=dtype)
    psi = np.random.default_rng(0).standard_normal(2**n).astype(dtype)
    cases = []
    gates = []
    reference = None
    if context.backend == "cpu":
        matrix = _ring(n).to_sparse()
        reference = matrix @ psi.astype(np.float64)
        matrix = matrix.astype(dtype)
        cases = [
            Case("scipy csr", lambda: lambda: matrix @ psi),
            _numba(n, psi),
        ]
        floor, aim = (1.8, 2.5) if dtype == "float64" else (2.5, 3.5)
        gates.append(Gate("speed", floor, aim, against="numba"))
        if n == 20:
            gates.append(Gate("speed", 4, 5, against="scipy csr"))
        if dtype == "float64":
            cases.append(_quspin(n, psi))
            gates.append(Gate("speed", 5, 10, against="quspin matrix-free"))
            if n == 16:
                cases.append(_netket(n, psi))
                gates.append(Gate("speed", 100, 200, against="netket"))
    on_device = jnp.asarray(psi)
    apply = lambda h, psi: h.apply(psi)

    def steps(h, psi):
        return jax.lax.fori_loop(0, 10, lambda _, x: h.apply(x) / n, psi)

    return Table(
        op="hamiltonian product",
        size=f"n = {n}",
        dtype=dtype,
        ref="scipy csr" if context.backend == "cpu" else "physjax",
        cases=[
            jax_case("physjax", apply, h, on_device, gates=gates),
            jax_case(
                "physjax, in a loop", steps, h, on_device, units=10, compare=False
            ),
            *cases,
        ],
        reference=reference,
        tolerance=TOLERANCE[dtype],
        traffic=2 * psi.nbytes,
        roofline=peers.copy_case(psi.nbytes),
        roofline_traffic=2 * psi.nbytes,
    )


def _numba(n: int, psi: np.ndarray) -> Case:
    numba = peers.find("numba")
    if numba is None:
        return peers.missing("numba", "numba")

    def build():
        @numba.njit(fastmath=True)
        def product(psi, out, n, coupling, field):
            for b in range(psi.size):
                walls, count = b ^ ((b >> 1) | ((b & 1) << (n - 1))), 0
                while walls:
                    walls &= walls - 1
                    count += 1
                total = -coupling * (n - 2 * count) * psi[b]
                for i in range(n):
                    total -= field * psi[b ^ (1 << i)]
                out[b] = total

        out, one = np.empty_like(psi), psi.dtype.type(1)

        def run():
            product(psi, out, n, one, one)
            return out

        return run

    return Case("numba", build)


def _quspin(n: int, psi: np.ndarray) -> Case:
    name = "quspin matrix-free"
    if peers.find("quspin") is None:
        return peers.missing(name, "quspin")

    def build():
        from quspin.basis import spin_basis_1d
        from quspin.operators import quantum_LinearOperator

        # Pauli matrices; site 0 is the most significant bit, and 1 is up.
        basis = spin_basis_1d(n, pauli=1)
        bonds = [[-1.0, i, (i + 1) % n] for i in range(n)]
        fields = [[-1.0, i] for i in range(n)]
        operator = quantum_LinearOperator(
            [["zz", bonds], ["x", fields]],
            basis=basis,
            dtype=np.float64,
            check_symm=False,
            check_herm=False,
            check_pcon=False,
        )
        order = _reversed_bits(n)
        state = psi[order][::-1].copy()
        there = lambda image: image[::-1][order]
        return lambda: (operator.dot(state), there)

    value = lambda pair: pair[1](pair[0])
    return Case(name, build, value=value)


def _netket(n: int, psi: np.ndarray) -> Case:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        netket = peers.find("netket")
    if netket is None:
        return peers.missing("netket", "netket")

    def build():
        space = netket.hilbert.Spin(0.5, n)
        graph = netket.graph.Chain(n)
        # Its sign of J is the opposite of ours.
        operator = netket.operator.IsingJax(space, graph=graph, h=1.0, J=-1.0)
        state = jnp.asarray(psi[_reversed_bits(n)])
        return lambda: operator @ state

    value = lambda image: np.asarray(image)[_reversed_bits(n)]
    return Case("netket", build, jax.block_until_ready, value=value)


def _reversed_bits(n: int) -> np.ndarray:
    states = np.arange(2**n)
    return sum((states >> i & 1) << (n - 1 - i) for i in range(n))


# Energy and gradient.


def _energy(n: int) -> Table:
    h = _ring(n)
    psi = jnp.asarray(np.random.default_rng(0).standard_normal(2**n))
    both = jax.value_and_grad(energy, argnums=1)
    return Table(
        op="energy and gradient",
        size=f"n = {n}",
        dtype="float64",
        ref="energy",
        cases=[
            jax_case("energy", energy, h, psi),
            jax_case("value and gradient", both, h, psi, gates=[Gate("cost", 2, 1.5)]),
        ],
    )


# Ground states.


def _case(name: str, solve: Callable, h: Any, exact: float, **options) -> Case:
    """A ground state of ours; the error of its energy stands beside the time."""
    last: list[Any] = []

    def build():
        jitted = jax.jit(solve)

        def run():
            last[:] = [jitted(h)]
            return last[0]

        return run

    def metrics():
        stats = last[0].stats
        return {name: float(np.max(np.asarray(x))) for name, x in stats.items()}

    value = lambda solution: np.asarray(
        getattr(solution.value, "energy", solution.value)
    )
    return Case(
        name, build, jax.block_until_ready, value=value, metrics=metrics, **options
    )


def _against_arpack(n: int) -> Iterator[Table]:
    h, exact = _ring(n), _exact(n)
    matrix, start = h.to_sparse(), np.ones(2**n)
    tolerance = SAME * abs(exact)
    # One pass each for the energy alone, two of ours for the vector.
    for what, solve, floor, aim in (
        ("energy alone", ground_energy, 3, 5),
        ("with vector", ground_state, 2, 3),
    ):
        vectors = what == "with vector"

        def arpack(vectors=vectors):
            found = scipy.sparse.linalg.eigsh(
                matrix, 1, which="SA", v0=start, tol=SAME, return_eigenvectors=vectors
            )
            return found[0][0] if vectors else found[0]

        run = lambda h, solve=solve: solve(h, tolerance=tolerance)
        gates = [Gate("speed", floor, aim)]
        yield Table(
            op=f"ground state, {what}",
            size=f"n = {n}, relative residual {SAME:.0e}",
            dtype="float64",
            ref="scipy eigsh",
            cases=[
                _case("physjax", run, h, exact, gates=gates),
                _case("physjax, by default", lambda h, s=solve: s(h), h, exact),
                Case("scipy eigsh", lambda arpack=arpack: arpack),
            ],
            reference=exact,
            tolerance=1e-13,
        )


def _whole_space(context: Context, n: int) -> Table:
    exact = _exact(n)
    gates = [Gate("seconds", 3.0, 1.5, modes=("wall",))]
    cases = [
        _timed(
            context, _case("with vector", ground_state, _ring(n), exact, gates=gates)
        ),
        _timed(context, _case("energy alone", ground_energy, _ring(n), exact)),
    ]
    return Table(
        op="ground state, whole space",
        size=f"n = {n}",
        dtype="float64",
        ref="with vector",
        cases=cases,
        reference=exact,
        tolerance=1e-13,
        rounds=3,
    )


def _timed(context: Context, case: Case) -> Case:
    """The same, with its median time as a figure that gates can judge."""
    build, metrics = case.build, case.metrics
    seconds: list[float] = []

    def timed():
        run = build()

        def once():
            start = context.clock()
            result = case.block(run())
            seconds.append(context.clock() - start)
            return result

        return once

    def figures():
        return {**metrics(), "seconds": float(np.median(seconds[1:]))}

    case.build, case.metrics = timed, figures
    return case


def _sector(context: Context, n: int) -> Table:
    h, exact = _ring(n), _exact(n)
    reduce = ring_sector(n).reduce
    solve = jax.jit(ground_state)

    def whole():
        return solve(ring_sector(n).reduce(h))

    reduced = reduce(h)
    value = lambda solution: solution.value.energy
    gates = [Gate("seconds", 0.5, 0.1)] if n == 20 else []
    options = {"block": jax.block_until_ready, "value": value}
    cases = [
        _timed(context, Case("with its basis", lambda: whole, gates=gates, **options)),
        Case("basis given", lambda: lambda: solve(reduced), **options),
    ]
    return Table(
        op="ground state, symmetric sector",
        size=f"n = {n}, {reduced.shape[0]} orbits",
        dtype="float64",
        ref="with its basis",
        cases=cases,
        reference=exact,
        tolerance=1e-13,
        rounds=3,
    )


def _couplings(n: int, count: int = 256) -> Table:
    """Training data: many fields at once."""
    fields = jnp.linspace(0.05, 2.0, count)
    exact = np.array([_exact(n, float(field)) for field in fields])
    batched = lambda solve: jax.vmap(lambda field: solve(_ring(n, field)))
    return Table(
        op="ground states",
        size=f"{count} fields, n = {n}",
        dtype="float64",
        ref="with vector",
        cases=[
            _case("with vector", batched(ground_state), fields, 0.0),
            _case("energy alone", batched(ground_energy), fields, 0.0),
        ],
        reference=exact,
        tolerance=1e-13,
        items=count,
        rounds=3,
    )


# Compilation.


def _compilation(context: Context, n: int) -> Table:
    """Seconds to compile, without the cache; programs compiled for new couplings."""
    state = lambda n: jax.ShapeDtypeStruct((2**n,), jnp.float64)

    def sampled(name: str, trace: Callable[[int], Any]) -> Case:
        seconds: list[float] = []

        def sample():
            trace(6).lower().compile()  # what is imported and set up once
            start = context.clock()
            trace(n).lower().compile()
            seconds.append(context.clock() - start)
            return seconds[-1]

        figures = lambda: {"seconds": seconds[0]}
        gates = [Gate("seconds", 2.0)]
        return Case(name, sample=sample, metrics=figures, gates=gates)

    product = lambda h, psi: h.apply(psi)

    def recompilations():
        traces = []

        @jax.jit
        def solve(h):
            traces.append(1)
            return ground_energy(h).value

        for field in (0.5, 0.7, 1.3):
            solve(_ring(10, field)).block_until_ready()
        return {"recompilations": float(len(traces) - 1)}

    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()
    return Table(
        op="compilation",
        size=f"n = {n}",
        dtype="float64",
        ref="product",
        cases=[
            sampled("product", lambda n: jax.jit(product).trace(_ring(n), state(n))),
            sampled("ground energy", lambda n: jax.jit(ground_energy).trace(_ring(n))),
            sampled("ground state", lambda n: jax.jit(ground_state).trace(_ring(n))),
            Case(
                "new couplings",
                lambda: lambda: 0.0,
                metrics=recompilations,
                gates=[Gate("recompilations", 0)],
            ),
        ],
        rounds=1,
        seconds=0.0,
    )

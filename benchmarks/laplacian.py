"""Laplacian of order 2 on periodic grids, against SciPy, findiff, PyTorch and numba.

The peers write into their own arrays where their interface has it. The numba kernel
goes row by row, without a branch in its inner loop: what a good C program does. Fresh
pages for the result are the largest cost beyond the cache, so that the comparison with
it is judged with `--heap`.
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.ndimage

from physjax import Dirichlet, Neumann, Periodic
from physjax.operators import laplacian

from . import peers
from .harness import Case, Gate, Table
from .launch import Context
from .peers import copy_case, jax_case

SIZES = [(1024, 1024), (4096, 4096), (128, 128, 128)]
TOLERANCE = {"float32": 2e-6, "float64": 1e-14}
WALLS = {
    "periodic": Periodic(),
    "dirichlet": Dirichlet(),
    "dirichlet, valued": Dirichlet(1.0),
    "neumann": Neumann(),
    "node neumann": Neumann(wall="node"),
}


def tables(context: Context) -> Iterator[Table]:
    if context.backend == "cpu":
        sizes = SIZES[:1] if context.quick else SIZES
        for shape in sizes:
            yield _against_peers(context, shape)
        for shape in sizes:
            yield _walls(shape)
        yield _orders(context, SIZES[0])
        yield _composed(context, SIZES[0])
        yield _composed(context, SIZES[2])
        return
    share = (Gate("copy_fraction", 0.5, 0.6, modes=("wall",)),)
    for shape in [(4096, 4096), (8192, 8192), (512, 512, 512)]:
        yield _walls(shape, share)
    yield _orders(context, (4096, 4096))
    yield _composed(context, (4096, 4096))


def _input(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _periodic(u):
    return laplacian(u, (1.0,) * u.ndim, [(Periodic(), Periodic())] * u.ndim)


def _reference(x: np.ndarray) -> np.ndarray:
    return scipy.ndimage.laplace(x.astype(np.float64), mode="wrap")


def _table(op, shape, ref, cases, reference=None) -> Table:
    nbytes = 4 * int(np.prod(shape))
    return Table(
        op=op,
        size="x".join(map(str, shape)),
        dtype="float32",
        ref=ref,
        cases=cases,
        reference=reference,
        tolerance=TOLERANCE["float32"],
        traffic=2 * nbytes,
        roofline=copy_case(nbytes),
        roofline_traffic=2 * nbytes,
    )


def _against_peers(context: Context, shape) -> Table:
    x = _input(shape)
    gates = [
        Gate("speed", 15, 20, against="scipy.ndimage"),
        Gate("speed", 5, 8, against="findiff"),
        Gate("speed", 4.5, 8, against="torch conv"),
    ]
    if context.heap:
        gates.append(Gate("speed", 0.45, 0.6, against="numba rows"))
    out = np.empty_like(x)
    cases = [
        jax_case("physjax", _periodic, jnp.asarray(x), gates=gates),
        Case(
            "scipy.ndimage",
            lambda: lambda: scipy.ndimage.laplace(x, output=out, mode="wrap"),
            value=lambda _: out,
        ),
        _findiff(x),
        _torch_conv(context, x),
        _numba_rows(x),
    ]
    return _table("laplacian", shape, "numba rows", cases, _reference(x))


def _findiff(x: np.ndarray) -> Case:
    findiff = peers.find("findiff")
    if findiff is None:
        return peers.missing("findiff", "findiff")

    def build():
        axes = [findiff.grids.make_axis(a, 1.0, periodic=True) for a in range(x.ndim)]
        terms = [findiff.Diff(a, axis, acc=2) ** 2 for a, axis in enumerate(axes)]
        operator = sum(terms[1:], terms[0])
        return lambda: operator(x)

    return Case("findiff", build)


def _torch_conv(context: Context, x: np.ndarray) -> Case:
    torch = peers.find("torch")
    if torch is None:
        return peers.missing("torch conv", "torch")
    device = peers.torch_device(torch, context)
    stencil = np.zeros((3,) * x.ndim, np.float32)
    middle = (1,) * x.ndim
    stencil[middle] = -2 * x.ndim
    for a in range(x.ndim):
        for i in (0, 2):
            stencil[(*middle[:a], i, *middle[a + 1 :])] = 1
    weight = torch.from_numpy(stencil)[None, None].to(device)
    tensor = torch.from_numpy(x)[None, None].to(device)
    convolve = {2: torch.nn.functional.conv2d, 3: torch.nn.functional.conv3d}[x.ndim]

    def run():
        with torch.inference_mode():
            wrapped = torch.nn.functional.pad(tensor, (1, 1) * x.ndim, mode="circular")
            return convolve(wrapped, weight)[0, 0]

    block = peers.torch_block(torch, device)
    return Case("torch conv", lambda: run, block, peers.to_numpy)


def _numba_rows(x: np.ndarray) -> Case:
    numba = peers.find("numba")
    if numba is None:
        return peers.missing("numba rows", "numba")
    out = np.empty_like(x)

    def build() -> Callable[[], np.ndarray]:
        kernel = numba.njit(fastmath=True)({2: _rows_2d, 3: _rows_3d}[x.ndim])
        return lambda: kernel(x, out)

    return Case("numba rows", build)


def _rows_2d(u, out):
    n, m = u.shape
    four = np.float32(4)
    for i in range(n):
        above, below = u[i - 1 if i else n - 1], u[i + 1 if i < n - 1 else 0]
        row, to = u[i], out[i]
        for j in range(1, m - 1):
            to[j] = above[j] + below[j] + row[j - 1] + row[j + 1] - four * row[j]
        to[0] = above[0] + below[0] + row[m - 1] + row[1] - four * row[0]
        j = m - 1
        to[j] = above[j] + below[j] + row[j - 1] + row[0] - four * row[j]
    return out


def _rows_3d(u, out):
    n, m, p = u.shape
    six = np.float32(6)
    for i in range(n):
        for j in range(m):
            a, b = u[i - 1 if i else n - 1, j], u[i + 1 if i < n - 1 else 0, j]
            c, d = u[i, j - 1 if j else m - 1], u[i, j + 1 if j < m - 1 else 0]
            row, to = u[i, j], out[i, j]
            for k in range(1, p - 1):
                around = a[k] + b[k] + c[k] + d[k]
                to[k] = around + row[k - 1] + row[k + 1] - six * row[k]
            to[0] = a[0] + b[0] + c[0] + d[0] + row[p - 1] + row[1] - six * row[0]
            k = p - 1
            around = a[k] + b[k] + c[k] + d[k]
            to[k] = around + row[k - 1] + row[0] - six * row[k]
    return out


def _walls(shape, gates=()) -> Table:
    """Ours, for each kind of wall."""
    u = jnp.asarray(_input(shape))
    spacing = (1.0,) * len(shape)
    cases = [
        jax_case(
            name,
            lambda u, wall=wall: laplacian(u, spacing, [(wall, wall)] * u.ndim),
            u,
            gates=gates,
        )
        for name, wall in WALLS.items()
    ]
    return _table("laplacian walls", shape, "periodic", cases)


def _orders(context: Context, shape) -> Table:
    """Orders 2 to 8; order 8 against the sum of slices in NumPy."""
    x = _input(shape)
    u, spacing = jnp.asarray(x), (1.0,) * len(shape)

    def case(order, wall, gates=()):
        fn = lambda u: laplacian(u, spacing, [(wall, wall)] * u.ndim, order=order)
        name = f"order {order}, {type(wall).__name__.lower()}"
        return jax_case(name, fn, u, gates=gates)

    cases = [
        case(order, wall)
        for order in (2, 4, 6, 8)
        for wall in (Periodic(), Dirichlet())
    ]
    if context.backend == "cpu":
        cases[-2].gates = (Gate("speed", 1.5, 1.8, against="numpy slices, order 8"),)
        cases.append(Case("numpy slices, order 8", lambda: lambda: _slices(x)))
    return _table("laplacian orders", shape, "order 2, periodic", cases)


def _slices(x: np.ndarray) -> np.ndarray:
    coefficients = (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560)
    p = np.pad(x, 4, mode="wrap")
    n, m = x.shape
    out = np.float32(2 * coefficients[0]) * x
    for k, c in enumerate(coefficients[1:], 1):
        c = np.float32(c)
        out += c * (p[4 - k : 4 - k + n, 4 : 4 + m] + p[4 + k : 4 + k + n, 4 : 4 + m])
        out += c * (p[4 : 4 + n, 4 - k : 4 - k + m] + p[4 : 4 + n, 4 + k : 4 + k + m])
    return out


def _composed(context: Context, shape) -> Table:
    """Ten steps of the heat equation in one program, and the gradient."""
    x = _input(shape)
    u = jnp.asarray(x)
    step = lambda u: u + 0.1 * _periodic(u)

    def pull(u):
        return jax.vjp(_periodic, u)[1](u)

    cases = [
        jax_case("forward", _periodic, u),
        jax_case("vjp", pull, u, gates=(Gate("cost", 2.0, 1.5),)),
        jax_case(
            "10 heat steps",
            lambda u: jax.lax.fori_loop(0, 10, lambda _, u: step(u), u),
            u,
            units=10,
        ),
    ]
    if context.backend == "cpu":
        cases.append(_numba_steps(x))
    return _table("laplacian composed", shape, "forward", cases)


def _numba_steps(x: np.ndarray) -> Case:
    numba = peers.find("numba")
    if numba is None:
        return peers.missing("10 heat steps, numba", "numba")

    def build():
        apply = numba.njit(fastmath=True)({2: _rows_2d, 3: _rows_3d}[x.ndim])
        state, change = x.copy(), np.empty_like(x)

        @numba.njit(fastmath=True)
        def run(state, change):
            a, b = state.ravel(), change.ravel()
            for _ in range(10):
                apply(state, change)
                for i in range(a.size):
                    a[i] += np.float32(0.1) * b[i]
            return state

        return lambda: run(state, change)

    return Case("10 heat steps, numba", build, units=10)

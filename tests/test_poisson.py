"""solve_poisson."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from conftest import X64
from walls import PAIRS, WALLS, WIDE, fitted, nodes, with_values

from physjax import Dirichlet, Neumann, NumericsError, Periodic, Robin
from physjax.operators import cell_volumes, div_sigma_grad, integrate
from physjax.solvers import solve_poisson
from physjax.testing import (
    assert_gradients,
    assert_lowers,
    assert_transforms,
    observed_order,
)

EPS = float(jnp.finfo(WIDE).eps)
TIGHT = 1e-9 if X64 else 1e-3
NODE = Dirichlet(wall="node")
H = (0.3, 0.7)
sample = lambda *shape, seed=3: jnp.asarray(
    np.random.default_rng(seed).standard_normal(shape), WIDE
)


def holds(bc):
    return any(not isinstance(s, (Periodic, Neumann)) for pair in bc for s in pair)


# The equation it solves.


@pytest.mark.parametrize("bc", WALLS.values(), ids=WALLS)
def test_it_inverts_div_sigma_grad(bc):
    bc = [(with_values(low), with_values(high)) for low, high in bc]
    shape = (5, 6)
    robin = [any(isinstance(s, Robin) for s in pair) for pair in bc]
    one_line = jnp.exp(sample(5, 1)) if not robin[1] else jnp.exp(sample(1, 6))
    rho = sample(2, *shape)

    @jax.jit
    def solve(rho):
        out = {}
        for name, epsilon in (("constant", 2.0), ("layers", one_line)):
            solution = solve_poisson(rho, H, bc, permittivity=epsilon)
            flow = div_sigma_grad(solution.value, epsilon, H, bc)
            out[name] = solution, rho + flow
        return out

    for name, (solution, rest) in solve(rho).items():
        picked = solution.stats["method"]
        if name == "layers" or sum(robin) == 1:
            assert picked == ("layered" if sum(robin) < 2 else "multigrid")
        else:
            assert picked == ("matmul" if not any(robin) else "multigrid")
        if not holds(bc):  # what does not balance is spread evenly
            assert np.all(np.asarray(solution.result) == 3)
            rest = rest - jnp.mean(rest, axis=(1, 2), keepdims=True)
        else:
            assert np.all(np.asarray(solution.result) == 0)
        np.testing.assert_allclose(rest, 0, atol=TIGHT)


def test_long_lines_are_reduced_the_same():
    pairs = [
        (NODE, NODE),
        (NODE, Neumann(wall="node")),
        (Neumann(wall="node"), NODE),
        (Neumann(wall="node"),) * 2,
    ]
    for pair, n in zip(pairs, (87, 88, 88, 89), strict=True):
        bc = [pair, (Dirichlet(), Neumann())]
        rho = sample(n, 6)
        solve = jax.jit(
            lambda rho, h, method, bc=bc: (
                solve_poisson(rho, (0.1, h), bc, method=method).value
            ),
            static_argnums=2,
        )
        by_matrix = solve(rho, 0.2, "matmul")
        size = float(jnp.max(jnp.abs(by_matrix)))
        np.testing.assert_allclose(
            solve(rho, 0.2, "fft"), by_matrix, atol=1e3 * EPS * size
        )


@pytest.mark.parametrize("name", [n for n in PAIRS if n != "half robin"])
def test_second_order_between_walls(name):
    pair = PAIRS[name]
    wave = 2 * jnp.pi if name == "periodic" else 2.3
    f = lambda x: jnp.sin(wave * x + 0.4)
    ends = [jax.value_and_grad(f)(jnp.asarray(x, WIDE)) for x in (0.0, 1.0)]
    low, high = pair
    bc = [(fitted(low, ends[0][0], -ends[0][1]), fitted(high, ends[1][0], ends[1][1]))]
    errors, spacings = [], []
    for intervals in (24, 48):
        x, h = nodes(pair, intervals)
        solve = jax.jit(lambda rho, h=h: solve_poisson(rho, (h,), bc))
        solution = solve(wave**2 * f(x))
        exact = f(x)
        if not holds(bc):
            volume = cell_volumes(x.shape, (h,), bc, WIDE)
            exact = exact - jnp.sum(exact * volume) / jnp.sum(volume)
        errors.append(float(jnp.max(jnp.abs(solution.value - exact))))
        spacings.append(h)
    assert abs(observed_order(errors, spacings) - 2) < 0.1


def five_point(shape, spacing):
    """Dirichlet nodes, from Kronecker products."""
    parts = []
    for n, h in zip(shape, spacing, strict=True):
        ones = np.ones(n)
        parts.append(
            scipy.sparse.diags([-ones[1:], 2 * ones, -ones[1:]], [-1, 0, 1]) / h**2
        )
    eye = [scipy.sparse.identity(n) for n in shape]
    return scipy.sparse.csc_matrix(
        scipy.sparse.kron(parts[0], eye[1]) + scipy.sparse.kron(eye[0], parts[1])
    )


def test_as_accurate_as_a_sparse_factorisation(dtype):
    shape, spacing = (127, 100), (0.01, 0.02)
    rho = np.random.default_rng(0).standard_normal(shape)
    exact = scipy.sparse.linalg.splu(five_point(shape, spacing)).solve(rho.ravel())
    solve = jax.jit(
        lambda rho, method, epsilon: (
            solve_poisson(
                rho, spacing, [(NODE, NODE)] * 2, method=method, permittivity=epsilon
            ).value
        ),
        static_argnums=1,
    )
    bound = 1e-12 if dtype == jnp.float64 else 3e-6
    ones = jnp.ones((127, 1), dtype)
    for method, epsilon in (("fft", None), ("matmul", None), ("layered", ones)):
        phi = np.asarray(solve(jnp.asarray(rho, dtype), method, epsilon), np.float64)
        error = np.abs(phi.ravel() - exact).max() / np.abs(exact).max()
        assert error < bound, (method, error)


# What has no ground.


def test_without_ground_the_mean_is_zero_and_the_charge_must_balance():
    wall = Neumann(wall="node")
    bc = [(wall, Neumann(0.5, wall="node")), (Periodic(),) * 2]
    rho = sample(6, 5)
    volumes = cell_volumes((6, 5), H, bc, WIDE)
    leaves = -0.5 * 5 * H[1]  # what the wall brings in must be taken out
    rho = rho - (integrate(rho, H, bc) - leaves) / jnp.sum(volumes)
    for method in ("auto", "multigrid", "layered"):
        solve = jax.jit(lambda rho, m=method: solve_poisson(rho, H, bc, method=m))
        solution = solve(rho)
        assert solution.result == 0, method
        assert abs(float(integrate(solution.value, H, bc))) < 1e-3 * TIGHT + 100 * EPS
        rest = rho + div_sigma_grad(solution.value, 1.0, H, bc)
        np.testing.assert_allclose(rest, 0, atol=TIGHT)
        off = solve(rho + 0.1)
        assert off.result == 3
        assert "balance" in off.message
        np.testing.assert_allclose(off.value, solution.value, atol=TIGHT)


# Derivatives, transformations, plumbing.


@pytest.mark.parametrize("method", ["fft", "layered", "multigrid", "gauss_seidel"])
def test_derivatives_are_those_of_the_solution(method):
    def solve(rho, h, value, slope, epsilon):
        bc = [
            (Dirichlet(value, wall="node"), Neumann(slope, wall="node")),
            (Neumann(), Robin(1.0, 2.0, slope) if method != "fft" else Dirichlet()),
        ]
        if method == "layered":
            epsilon = epsilon[:1, :]
        if method == "fft":
            epsilon = epsilon[0, 0]
        return solve_poisson(
            rho,
            (h, 0.5),
            bc,
            permittivity=epsilon,
            method=method,
            rtol=1e-13 if X64 else 1e-6,
        ).value

    arguments = (
        sample(4, 5),
        jnp.asarray(0.3, WIDE),
        jnp.asarray(1.5, WIDE),
        sample(5)[0],
        jnp.exp(0.3 * sample(4, 5, seed=5)),
    )
    assert_gradients(jax.jit(solve), *arguments, rtol=1e-6 if X64 else 3e-2)


def test_second_derivatives_of_an_iteration():
    solve = jax.jit(
        lambda epsilon: jnp.sum(
            solve_poisson(
                jnp.ones((4, 3), WIDE),
                H,
                [(NODE, NODE)] * 2,
                permittivity=epsilon,
                method="multigrid",
                rtol=1e-13 if X64 else 1e-6,
            ).value
            ** 2
        )
    )
    epsilon = jnp.exp(0.3 * sample(4, 3))
    assert_gradients(jax.grad(solve), epsilon, rtol=1e-6 if X64 else 3e-2)


def test_under_transformations(dtype):
    rho = jnp.asarray(sample(5, 4), dtype)
    bc = [(NODE, NODE), (Neumann(), Dirichlet(1.0))]
    for method in ("auto", "multigrid"):
        fn = lambda rho, m=method: solve_poisson(rho, H, bc, method=m).value
        assert_transforms(fn, rho, rtol=1e-4 if dtype == jnp.float32 else 1e-8)


def test_batches_of_everything():
    rho = sample(3, 5, 4)
    value = jnp.arange(3, dtype=WIDE)[:, None]
    epsilon = jnp.exp(sample(3, 5, 1))

    def solve(rho, value, epsilon, method):
        bc = [(Dirichlet(value), Dirichlet()), (Neumann(), Neumann())]
        return solve_poisson(rho, H, bc, permittivity=epsilon, method=method)

    solve = jax.jit(solve, static_argnums=3)
    for method in ("layered", "multigrid"):
        together = solve(rho, value, epsilon, method)
        assert together.result.shape == (3,)
        for i in range(3):
            one = solve(rho[i : i + 1], value[i : i + 1], epsilon[i : i + 1], method)
            np.testing.assert_allclose(together.value[i], one.value[0], atol=TIGHT)


def test_a_guess_saves_iterations_and_nonsense_costs_none():
    rho, epsilon = sample(12, 11), jnp.exp(sample(12, 11, seed=5))
    solve = jax.jit(
        lambda guess: solve_poisson(
            rho, H, [(NODE, NODE)] * 2, permittivity=epsilon, guess=guess
        )
    )
    cold = solve(jnp.zeros((12, 11), WIDE))
    warm = solve(cold.value)
    assert int(warm.stats["num_iterations"]) == 0
    for nonsense in (jnp.nan, jnp.inf, 1e30):
        out = solve(nonsense * jnp.ones((12, 11), WIDE))
        assert out.result == 0
        assert int(out.stats["num_iterations"]) == int(cold.stats["num_iterations"])
        np.testing.assert_allclose(out.value, cold.value, atol=TIGHT)


def test_an_answer_taken_as_it_is():
    rho = sample(5, 4)
    bc = [(NODE, NODE)] * 2
    exact = solve_poisson(rho, H, bc).value
    network = lambda rho, voltages: 0.9 * exact
    raw = solve_poisson(rho, H, bc, method=network)
    np.testing.assert_allclose(raw.stats["residual"], 0.1, rtol=1e-3)
    assert raw.result == 0
    judged = solve_poisson(rho, H, bc, method=network, rtol=1e-2)
    assert judged.result == 4
    with pytest.raises(NumericsError, match="residual"):
        solve_poisson(rho, H, bc, method=network, rtol=1e-2, throw=True)
    refined = solve_poisson(rho, H, bc, method="multigrid", guess=network)
    np.testing.assert_allclose(refined.value, exact, atol=TIGHT)


# Baselines.


def test_the_baselines_converge_to_the_same_at_their_own_pace():
    rho, bc = sample(8, 7), [(NODE, Dirichlet(1.0, wall="node")), (Neumann(),) * 2]
    exact = solve_poisson(rho, H, bc).value
    sweeps = {}
    for method in ("jacobi", "gauss_seidel", "sor"):
        solution = jax.jit(
            lambda rho, m=method: solve_poisson(rho, H, bc, method=m, rtol=1e-6)
        )(rho)
        np.testing.assert_allclose(solution.value, exact, atol=1e-4)
        assert solution.result == 0
        sweeps[method] = int(solution.stats["num_iterations"])
    assert sweeps["jacobi"] > 1.8 * sweeps["gauss_seidel"] > 3.6 * sweeps["sor"]


def test_gauss_seidel_goes_through_the_array_in_order():
    rho, bc = sample(3, 4), [(NODE, NODE), (Neumann(), Dirichlet())]
    a = -np.asarray(
        jax.vmap(lambda e: div_sigma_grad(e, 1.0, H, bc))(
            jnp.eye(12, dtype=WIDE).reshape(12, 3, 4)
        )
    ).reshape(12, 12)
    x, b = np.zeros(12), np.asarray(rho).ravel()
    for _ in range(2):
        for i in range(12):
            x[i] += (b[i] - a[i] @ x) / a[i, i]
    sweep = lambda rho: solve_poisson(
        rho, H, bc, method="gauss_seidel", max_iterations=2
    )
    out = jax.jit(sweep)(rho)
    np.testing.assert_allclose(out.value.ravel(), x, atol=100 * EPS)
    assert out.result == 1


# Messages.


def test_bad_input_names_the_argument(unchecked):
    rho, bc = sample(5, 4), [(NODE, NODE)] * 2
    cases = [
        ({"method": "magic"}, "`method` must be one of"),
        ({"method": "fft", "permittivity": jnp.ones((5, 4))}, "does not fit"),
        ({"permittivity": -1.0}, "`permittivity` must be positive"),
        ({"permittivity": jnp.ones((3, 4))}, "`permittivity` must broadcast"),
        ({"electrodes": np.ones((5, 4), int)}, "must hold 0"),
        ({"electrodes": np.zeros((5, 4))}, "must hold integers"),
        ({"voltages": jnp.ones(2)}, "there are no electrodes"),
        ({"guess": jnp.ones(3), "method": "sor"}, "`guess` must have"),
        ({"max_iterations": 0, "method": "sor"}, "`max_iterations`"),
    ]
    for options, message in cases:
        with pytest.raises(ValueError, match=message):
            solve_poisson(rho, H, bc, **options)
    with pytest.raises(TypeError, match="`rho` must be real"):
        solve_poisson(jax.lax.complex(rho, rho), H, bc)
    with pytest.raises(ValueError, match="`bc` must hold one"):
        solve_poisson(rho, (1.0,), bc)


def test_values_that_are_not_finite_are_told():
    rho = jnp.ones((5, 4), WIDE).at[0, 0].set(jnp.nan)
    for method in ("auto", "multigrid"):
        assert solve_poisson(rho, H, [(NODE, NODE)] * 2, method=method).result == 2


@pytest.mark.parametrize("method", ["fft", "matmul", "layered", "multigrid", "sor"])
def test_lowers_everywhere(method):
    rho = jax.ShapeDtypeStruct((9, 8), jnp.float32)
    bc = [(NODE, NODE), (Neumann(), Dirichlet())]
    assert_lowers(lambda rho: solve_poisson(rho, H, bc, method=method).value, rho)

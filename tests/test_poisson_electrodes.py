"""Electrodes: Green's function, masked nodes, solvers for compiled loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import WIDE

from physjax import Dirichlet, Neumann, Periodic
from physjax.operators import cell_volumes
from physjax.solvers import GreenFunction, MultigridSolver, Refined, solve_poisson
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

EPS = float(jnp.finfo(WIDE).eps)
TIGHT = 1e-9 if X64 else 1e-3
PLATES = np.zeros((9, 5), int)
PLATES[0], PLATES[-1] = 1, 2
ISLAND = np.zeros((9, 8), int)
ISLAND[2:4, 3:5], ISLAND[7, 0], ISLAND[0, 6:] = 1, 2, 3
WALL = Neumann(wall="node")
H = (0.5, 0.25)
sample = lambda *shape, seed=3: jnp.asarray(
    np.random.default_rng(seed).standard_normal(shape), WIDE
)
VOLTS = jnp.asarray([0.5, -1.0, 2.0], WIDE)


def plates(**options):
    return GreenFunction((9, 5), H, [(WALL, WALL)] * 2, electrodes=PLATES, **options)


def island(**options):
    walls = [(WALL, WALL), (Periodic(), Periodic())]
    return GreenFunction((9, 8), H, walls, electrodes=ISLAND, **options)


def test_a_plate_condenser_is_a_ramp():
    green = plates(dtype=WIDE)
    ramp = np.broadcast_to((1 - np.arange(9) / 8)[:, None], (9, 5))
    w = np.asarray(green.weights)
    np.testing.assert_allclose(w[0], ramp, atol=9 * EPS)
    np.testing.assert_allclose(w.sum(axis=0), 1, atol=9 * EPS)


@pytest.mark.parametrize("shape", [(9, 5), (8, 6)])
def test_a_device_that_is_its_mirror_image_is_halved(shape):
    labels = np.zeros(shape, int)
    labels[0], labels[-1] = 1, 2
    bc = [(WALL, WALL), (Neumann(0.5), Neumann(0.5))]
    make = lambda mirrored, epsilon=None: GreenFunction(
        shape,
        H,
        bc,
        electrodes=labels,
        permittivity=epsilon,
        mirrored=mirrored,
        dtype=WIDE,
    )
    whole, halved = make(False), make(True)
    assert whole.mirrors == ()
    assert halved.mirrors == (0, 1)
    entries = lambda green: sum(m.size for m in green.matrices)
    assert 3.5 * entries(halved) < entries(whole)
    rho, volts = sample(2, *shape), VOLTS[:2]
    phi = whole(rho, volts)
    bound = 100 * EPS * float(jnp.max(jnp.abs(phi)))
    np.testing.assert_allclose(halved(rho, volts), phi, atol=bound)
    np.testing.assert_allclose(halved.matrix, whole.matrix, atol=100 * EPS)
    layers = np.exp(np.asarray(sample(shape[0], 1), np.float64))
    assert make(True, layers).mirrors == (1,)


def test_reciprocity_and_the_maximum_principle():
    epsilon = np.exp(np.asarray(sample(9, 8), np.float64))
    green = island(permittivity=epsilon, dtype=WIDE)
    assert green.block is None
    units = jnp.eye(72, dtype=WIDE).reshape(72, 9, 8)
    g = np.asarray(green(units, jnp.zeros(3, WIDE))).reshape(72, 72)
    bc = [(WALL, WALL), (Periodic(), Periodic())]
    volumes = np.asarray(cell_volumes((9, 8), H, bc, WIDE)).ravel()
    g = g / volumes[:, None]
    np.testing.assert_allclose(g, g.T, atol=1e3 * EPS * g.max())
    assert g.min() >= 0
    w = np.asarray(green.weights)
    assert w.min() >= 0
    np.testing.assert_allclose(w.sum(axis=0), 1, atol=100 * EPS)
    for c in range(3):
        np.testing.assert_array_equal(w[c][ISLAND > 0], (c + 1 == ISLAND)[ISLAND > 0])


@pytest.mark.parametrize(
    "walls",
    [
        [(WALL, WALL), (Periodic(), Periodic())],
        [(Dirichlet(1.0), Neumann(0.5)), (WALL, WALL)],
    ],
    ids=["closed", "with values"],
)
def test_green_and_multigrid_agree_on_masked_nodes(walls):
    epsilon = np.exp(np.asarray(sample(9, 8, seed=5), np.float64))
    rho = sample(2, 9, 8)
    volts = jnp.stack([VOLTS, 2 * VOLTS])
    options = {"permittivity": epsilon, "electrodes": ISLAND}
    exact = GreenFunction((9, 8), H, walls, **options, dtype=WIDE)(rho, volts)
    solution = jax.jit(
        lambda rho, volts: solve_poisson(rho, H, walls, voltages=volts, **options)
    )(rho, volts)
    assert solution.stats["method"] == "multigrid"
    assert np.all(np.asarray(solution.result) == 0)
    np.testing.assert_allclose(solution.value, exact, atol=10 * TIGHT)
    held = np.asarray(solution.value)[:, ISLAND > 0]
    np.testing.assert_array_equal(held, np.asarray(volts)[:, ISLAND[ISLAND > 0] - 1])
    by_name = solve_poisson(rho, H, walls, voltages=volts, method="green", **options)
    np.testing.assert_allclose(
        by_name.value, exact, atol=10 * EPS * np.abs(exact).max()
    )
    assert float(jnp.max(by_name.stats["residual"])) < 1e4 * EPS


def test_solvers_inside_a_compiled_loop():
    green = plates(dtype=WIDE)
    exact = MultigridSolver(
        (9, 5), H, [(WALL, WALL)] * 2, electrodes=PLATES, dtype=WIDE
    )
    bad = Refined(lambda rho, voltages, guess=None: 1e3 * rho, exact)
    rho = sample(4, 9, 5)
    volts = VOLTS[:2]

    @jax.jit
    def run(green, exact):
        def step(phi, rho):
            new = exact(rho, volts, phi)
            return new, (new, green(rho, volts), bad(rho, volts))

        start = jnp.zeros((9, 5), WIDE)
        return jax.lax.scan(step, start, rho)[1]

    warm, dense, refined = run(green, exact)
    np.testing.assert_allclose(warm, dense, atol=TIGHT)
    np.testing.assert_allclose(refined, dense, atol=TIGHT)
    solution = jax.jit(lambda rho: bad.solution(rho, volts))(rho)
    assert np.all(np.asarray(solution.result) == 0)
    assert float(jnp.max(solution.stats["residual"])) < (1.1e-10 if X64 else 1e-4)


def test_the_papers_stopping_rule_leaves_a_millivolt():
    # 41 x 9 nodes of 10 nm, walls a first-order Neumann condition: half a cell inside.
    labels = np.zeros((41, 7), int)
    labels[0], labels[-1] = 1, 2
    walls = [(WALL, WALL), (Neumann(), Neumann())]
    h = (1e-8, 1e-8)
    charge = 1.602176634e-19 * 1e23 / (12.9 * 8.8541878128e-12)
    side = jnp.where(jnp.arange(41) < 20, -1.0, 1.0).astype(WIDE)
    depleted = jnp.abs(jnp.arange(41) - 20) < 9
    rho = charge * jnp.where(depleted, side, 0)[:, None] * jnp.ones((1, 7), WIDE)
    volts = jnp.asarray([-0.64, 0.64], WIDE)
    exact = GreenFunction((41, 7), h, walls, electrodes=labels, dtype=WIDE)(rho, volts)
    paper = jax.jit(
        lambda guess: solve_poisson(
            rho,
            h,
            walls,
            electrodes=labels,
            voltages=volts,
            guess=guess,
            method="gauss_seidel",
            max_change=3e-6,
        )
    )
    cold = paper(jnp.zeros((41, 7), WIDE))
    error = float(jnp.max(jnp.abs(cold.value - exact)))
    assert 3e-4 < error < 2e-3
    assert 1000 < int(cold.stats["num_iterations"]) < 4000
    assert int(paper(exact).stats["num_iterations"]) == 1


def test_derivatives_of_electrodes_and_permittivity():
    def solve(rho, volts, epsilon):
        return solve_poisson(
            rho,
            H,
            [(WALL, WALL), (Periodic(), Periodic())],
            permittivity=epsilon,
            electrodes=ISLAND,
            voltages=volts,
            rtol=1e-13 if X64 else 1e-6,
        ).value

    epsilon = jnp.exp(0.3 * sample(9, 8, seed=5))
    rtol = 1e-6 if X64 else 3e-2
    assert_gradients(jax.jit(solve), sample(9, 8), VOLTS, epsilon, rtol=rtol)


def test_under_transformations(dtype):
    green = plates(dtype=dtype)
    volts = jnp.asarray([1.0, 2.0], dtype)
    assert_transforms(lambda *x: green(*x), jnp.asarray(sample(9, 5), dtype), volts)
    assert_lowers(lambda *x: green(*x), jnp.zeros((9, 5), dtype), volts)


def test_bad_input_names_the_argument(unchecked):
    with pytest.raises(ValueError, match="at most 8192 nodes"):
        GreenFunction((100, 100), H, [(WALL, WALL)] * 2)
    with pytest.raises(ValueError, match="nothing holds the potential"):
        GreenFunction((4, 4), H, [(WALL, WALL)] * 2)
    with pytest.raises(ValueError, match="`rho` must end in"):
        plates()(jnp.zeros((4, 5)), VOLTS[:2])
    with pytest.raises(ValueError, match="`voltages` must end in 2"):
        plates()(jnp.zeros((9, 5)), VOLTS)
    with pytest.raises(ValueError, match="`voltages` must hold one per contact"):
        plates()(jnp.zeros((9, 5)))
    with pytest.raises(TypeError, match="traced"):
        jax.jit(lambda h: GreenFunction((4,), (h,), [(Dirichlet(),) * 2]).matrix)(1.0)
    with pytest.raises(TypeError, match="known while tracing"):
        jax.jit(
            lambda e: (
                solve_poisson(
                    jnp.zeros((9, 5)),
                    H,
                    [(WALL, WALL)] * 2,
                    electrodes=e,
                    voltages=VOLTS,
                ).value
            )
        )(PLATES)

"""One particle on a grid: oscillators, boxes, double wells and hydrogen."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from conftest import X64
from walls import PAIRS, WIDE

from physjax import Dirichlet, Grid, Neumann, Periodic, throw
from physjax._numerics import complex_dtype
from physjax.operators import hamiltonians as H
from physjax.solvers import ground_state
from physjax.testing import (
    assert_adjoint,
    assert_gradients,
    assert_lowers,
    assert_transforms,
    observed_order,
)

PERIODIC = (Periodic(), Periodic())
NODES = (Dirichlet(wall="node"), Dirichlet(wall="node"))
ALLOWED = {
    name: pair
    for name, pair in PAIRS.items()
    if name in ("periodic", "half dirichlet", "half neumann", "half mixed")
    or name == "node dirichlet"
}
number = lambda x: jnp.asarray(x, WIDE)


def levels(h):
    return np.linalg.eigvalsh(dense(h))


def dense(h):
    return np.asarray(eqx.filter_jit(lambda h: h.to_dense())(h), float)


def line(half_width, n, pair=PERIODIC):
    """A grid of n points from -half_width to half_width."""
    h = 2 * half_width / n
    first = -half_width + (h / 2 if getattr(pair[0], "wall", "") == "half" else 0.0)
    return Grid((n,), (h,), (first,))


@pytest.mark.parametrize(("kinetic", "error"), [("spectral", 1e-12), (8, 1e-6)])
@pytest.mark.parametrize("pair", [PERIODIC, (Dirichlet(), Dirichlet())])
def test_harmonic_oscillator(kinetic, error, pair):
    grid = line(8.0, 128, pair)
    potential = H.harmonic_potential(grid, dtype=WIDE)
    h = H.GridHamiltonian(potential, grid, [pair], kinetic=kinetic)
    exact = np.arange(6) + 0.5
    assert np.abs(levels(h)[:6] - exact).max() <= (error if X64 else 2e-4)


@pytest.mark.parametrize("kinetic", ["spectral", 2, 8])
def test_ground_state_of_the_oscillator_by_lanczos(kinetic):
    grid = line(8.0, 96)
    potential = H.harmonic_potential(grid, number(1.0), dtype=WIDE)
    h = H.GridHamiltonian(potential, grid, [PERIODIC], kinetic=kinetic)
    solution = throw(jax.jit(lambda h: ground_state(h, max_iterations=600))(h))
    lowest = levels(h)[0]
    # Differences come from below.
    assert kinetic == "spectral" or not X64 or lowest < 0.5
    assert float(solution.value.energy) == pytest.approx(
        lowest, abs=1e-12 if X64 else 1e-4
    )
    gaussian = np.exp(-(np.asarray(grid.points(0, WIDE)) ** 2) / 2)
    gaussian /= np.linalg.norm(gaussian)
    overlap = float(jnp.vdot(solution.value.state, number(gaussian)))
    assert overlap == pytest.approx(1, abs=1e-4)
    # And both bounds hold for the discrete level.
    bounds = H.energy_bounds(h, solution.value.state, next_level=levels(h)[1])
    assert bounds.rigorous
    assert bounds.lower <= lowest <= bounds.upper
    assert float(bounds.upper - bounds.lower) < (1e-10 if X64 else 1e-1)
    assert H.energy_bounds(h, solution.value.state).lower <= 0


@pytest.mark.parametrize("n", [31, 63])
def test_box_against_its_discrete_levels(n):
    h = 1 / (n + 1)
    grid = Grid((n,), (h,), (h,))
    box = H.GridHamiltonian(jnp.zeros(n, WIDE), grid, [NODES], kinetic=2)
    k = np.arange(1, n + 1)
    expected = (1 - np.cos(k * np.pi * h)) / h**2
    assert np.abs(levels(box) - expected).max() <= (1e-11 if X64 else 1e-2)
    exact = H.GridHamiltonian(jnp.zeros(n, WIDE), grid, [NODES])
    expected = (k * np.pi) ** 2 / 2
    np.testing.assert_allclose(levels(exact), expected, rtol=1e-12 if X64 else 1e-4)
    # Half a cell to the walls: the same box.
    h = 1 / n
    walls = [(Dirichlet(), Dirichlet())]
    box = H.GridHamiltonian(jnp.zeros(n, WIDE), Grid((n,), (h,), (h / 2,)), walls)
    np.testing.assert_allclose(levels(box), expected, rtol=1e-12 if X64 else 1e-4)


@pytest.mark.parametrize(
    ("a", "lowest", "splitting", "digit"),
    [
        (1.0, 0.869580918936, 0.7918481, 1e-7),
        (1.5, 1.970589956442, 4.182225e-2, 1e-8),
        (2.0, 2.762405927138, 1.589515e-5, 1e-11),
    ],
)
def test_double_well(a, lowest, splitting, digit):
    grid = line(6.0, 128)
    potential = H.double_well_potential(grid, number(a), dtype=WIDE)
    found = levels(H.GridHamiltonian(potential, grid, [PERIODIC]))
    assert found[0] == pytest.approx(lowest, abs=1e-10 if X64 else 3e-4)
    assert found[1] - found[0] == pytest.approx(splitting, abs=digit if X64 else 3e-4)


def test_radial_hydrogen_against_its_discrete_levels():
    """On the half line the differences have levels in closed form as well."""
    n, h = 1600, 0.025
    grid = Grid((n - 1,), (h,), (h,))
    potential = H.radial_coulomb_potential(grid, dtype=WIDE)
    hydrogen = H.GridHamiltonian(potential, grid, [NODES], kinetic=2)
    diagonal = np.asarray(hydrogen.diagonal(), float)
    beside = np.full(n - 2, -0.5 / h**2)
    found = scipy.linalg.eigvalsh_tridiagonal(
        diagonal, beside, select="i", select_range=(0, 1)
    )
    k = np.arange(1, 3)
    discrete = (1 - np.sqrt(1 + (h / k) ** 2)) / h**2
    np.testing.assert_allclose(found, discrete, atol=1e-9 if X64 else 2e-3)
    if X64:
        assert found[0] + 1 / 2 == pytest.approx(7.8e-5, abs=1e-6)
        assert found[1] + 1 / 8 == pytest.approx(4.9e-6, abs=1e-7)


@pytest.mark.skipif(not X64, reason="differences of levels below float32")
def test_radial_levels_with_angular_momentum_are_of_second_order():
    errors, spacings = [], []
    for n in (200, 400):
        h = 40 / n
        grid = Grid((n - 1,), (h,), (h,))
        potential = H.radial_coulomb_potential(grid, angular_momentum=1, dtype=WIDE)
        found = levels(H.GridHamiltonian(potential, grid, [NODES], kinetic=2))
        errors.append(abs(found[0] + 1 / 8))
        spacings.append(h)
    assert observed_order(errors, spacings) == pytest.approx(2, abs=0.2)
    # A nucleus of charge 2 and a mass of 1/2: -m Z^2 / 2 n^2 = -1 / 4 for l = 1.
    potential = H.radial_coulomb_potential(
        grid, 2.0, angular_momentum=1, mass=0.5, dtype=WIDE
    )
    heavy = H.GridHamiltonian(potential, grid, [NODES], mass=0.5)
    assert levels(heavy)[0] == pytest.approx(-1 / 4, abs=1e-3)


def test_soft_coulomb():
    grid = line(40.0, 320)
    h = H.GridHamiltonian(H.soft_coulomb_potential(grid, dtype=WIDE), grid, [PERIODIC])
    assert levels(h)[0] == pytest.approx(-0.669777, abs=2e-6 if X64 else 1e-4)


def test_oscillator_in_three_dimensions():
    h = 10 / 16
    grid = Grid((16,) * 3, (h,) * 3, (-5.0,) * 3)
    potential = H.harmonic_potential(grid, dtype=WIDE)
    oscillator = H.GridHamiltonian(potential, grid, [PERIODIC] * 3)
    solve = jax.jit(lambda h: ground_state(h, max_iterations=500))
    found = throw(solve(oscillator)).value.energy
    assert float(found) == pytest.approx(1.5, abs=1e-9 if X64 else 1e-4)
    if X64:
        assert float(found) - 1.5 == pytest.approx(-3.88e-10, abs=1e-12)


@pytest.mark.parametrize(
    ("kinetic", "name"),
    [("spectral", name) for name in ALLOWED]
    + list(zip([2, 4, 6, 8], ALLOWED, strict=False)),
)
def test_one_matrix_in_all_its_forms(kinetic, name):
    """Symmetric, within its bounds, and the same as sparse matrix and product."""
    rng = np.random.default_rng(0)
    grid = Grid((6, 7), (0.3, 0.5))
    potential = number(rng.normal(size=grid.shape))
    bc = [ALLOWED[name], ALLOWED["half dirichlet"]]
    h = H.GridHamiltonian(potential, grid, bc, kinetic=kinetic, mass=1.7)
    matrix = dense(h)
    scale = np.abs(matrix).max()
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6 * scale)
    close(matrix, matrix.T)
    close(h.to_sparse().toarray(), matrix)
    close(np.ravel(h.diagonal()), np.diag(matrix))
    values = np.linalg.eigvalsh(matrix)
    tiny = 1e-6 * scale
    assert float(h.floor()) - tiny <= values[0]
    assert np.abs(values).max() <= float(h.bound()) + tiny
    psi = rng.normal(size=(2, 6, 7)) + 1j * rng.normal(size=(2, 6, 7))
    psi = jnp.asarray(psi, complex_dtype(WIDE))
    image = np.asarray(psi).reshape(2, -1) @ matrix.T
    close(np.asarray(h.apply(psi)).reshape(2, -1), image)


@pytest.mark.parametrize("pair", ALLOWED.values(), ids=ALLOWED)
def test_long_axes_go_through_fast_transforms(pair, monkeypatch):
    grid = Grid((20,), (0.5,))
    potential = jnp.linspace(0, 1, 20, dtype=WIDE)
    h = H.GridHamiltonian(potential, grid, [pair])
    expected = dense(h)
    monkeypatch.setattr("physjax.operators._grid_hamiltonians._MATRIX", 1)
    by_transform = jax.jit(lambda h: h.to_dense())(h)
    np.testing.assert_allclose(by_transform, expected, atol=1e-12 if X64 else 1e-4)


def test_transformations_and_derivatives():
    rng = np.random.default_rng(1)
    grid = Grid((8,), (0.5,))
    potential, psi = number(rng.normal(size=8)), number(rng.normal(size=8))

    def apply(potential, mass, psi):
        return H.GridHamiltonian(potential, grid, [PERIODIC], mass=mass).apply(psi)

    assert_transforms(apply, potential, number(1.5), psi)
    assert_gradients(apply, potential, number(1.5), psi)
    h = H.GridHamiltonian(potential, grid, [PERIODIC], kinetic=4)
    assert_adjoint(h.apply, h.apply, psi, psi[::-1])
    like = jax.ShapeDtypeStruct((8,), jnp.float32)
    for kinetic in ("spectral", 8):
        h = H.GridHamiltonian(jnp.zeros(8), grid, [PERIODIC], kinetic=kinetic)
        single = jax.tree.map(lambda x: x.astype(jnp.float32), h)
        assert_lowers(lambda psi, h=single: h.apply(psi), like)


@pytest.mark.skipif(not X64, reason="differences of float32 levels say nothing")
def test_energy_follows_potential_and_mass():
    """Hellmann-Feynman: the derivative by the potential is the density."""
    grid = line(5.0, 32)
    potential = H.harmonic_potential(grid, dtype=WIDE)

    def level(potential, mass):
        h = H.GridHamiltonian(potential, grid, [PERIODIC], mass=mass)
        return ground_state(h).value

    slopes = jax.jit(jax.grad(lambda *x: level(*x).energy, (0, 1)))
    density, by_mass = slopes(potential, number(1.0))
    state = level(potential, number(1.0)).state
    np.testing.assert_allclose(density, state**2, atol=1e-12)
    # E = 1 / 2 sqrt(m) at a fixed potential.
    assert float(by_mass) == pytest.approx(-1 / 4, abs=1e-8)


def test_new_potentials_compile_nothing():
    traces = []
    grid = Grid((8,), (0.5,))

    @eqx.filter_jit
    def apply(h, psi):
        traces.append(1)
        return h.apply(psi)

    for shift in (0.0, 1.0):
        h = H.GridHamiltonian(jnp.full(8, shift, WIDE), grid, [PERIODIC])
        apply(h, jnp.ones(8, WIDE))
    assert len(traces) == 1


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused():
    grid = Grid((8,), (0.5,))
    v = jnp.zeros(8, WIDE)
    with pytest.raises(ValueError, match="potential"):
        H.GridHamiltonian(jnp.zeros(7, WIDE), grid, [PERIODIC])
    with pytest.raises(ValueError, match="kinetic"):
        H.GridHamiltonian(v, grid, [PERIODIC], kinetic=3)
    with pytest.raises(ValueError, match="bc"):
        H.GridHamiltonian(v, grid, [(Dirichlet(1.0), Dirichlet())])
    with pytest.raises(ValueError, match="bc"):
        H.GridHamiltonian(v, grid, [(Neumann(wall="node"), Neumann(wall="node"))])
    with pytest.raises(ValueError, match="points"):
        H.GridHamiltonian(v[:3], Grid((3,), (0.5,)), [PERIODIC], kinetic=8)
    with pytest.raises(ValueError, match="psi"):
        H.GridHamiltonian(v, grid, [PERIODIC]).apply(jnp.zeros(7, WIDE))
    with pytest.raises(ValueError, match="one axis"):
        H.double_well_potential(Grid((2, 2), (1.0, 1.0)))
    with pytest.raises(ValueError, match="radius"):
        H.radial_coulomb_potential(grid)
    with pytest.raises(ValueError, match="frequency"):
        H.harmonic_potential(grid, jnp.ones(2))

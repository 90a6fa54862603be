"""Sums of Pauli strings, against Kronecker products and known energies."""

import itertools
from functools import reduce

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES, X64
from walls import WIDE

from physjax._numerics import complex_dtype
from physjax.operators import hamiltonians as H
from physjax.testing import assert_adjoint, assert_gradients, assert_transforms

EPS = float(jnp.finfo(WIDE).eps)
TIGHT = 1e-13 if X64 else 1e-5
PAULI = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def kron(num_sites, terms):
    """The matrix by Kronecker products; site 0 is the last factor."""
    total = np.zeros((2**num_sites,) * 2, complex)
    for label, sites, value in terms:
        letters = dict(zip(sites, label, strict=True))
        factors = [PAULI[letters.get(i, "I")] for i in reversed(range(num_sites))]
        total += value * reduce(np.kron, factors)
    return total


def random_terms(rng, num_sites, count):
    terms = []
    for _ in range(count):
        size = rng.integers(1, min(num_sites, 4) + 1)
        sites = tuple(map(int, rng.choice(num_sites, size, replace=False)))
        label = "".join(rng.choice(list("XYZ"), size))
        terms.append((label, sites, float(rng.normal())))
    return terms


def random_state(rng, *shape, complex_=False):
    psi = rng.normal(size=shape)
    return psi + 1j * rng.normal(size=shape) if complex_ else psi


@pytest.mark.parametrize("labels", list(itertools.product("XYZ", repeat=2)))
def test_every_pair_of_letters_is_its_kronecker_product(labels):
    terms = [("".join(labels), (2, 0), 0.7)]
    dense = np.asarray(H.pauli_sum(3, terms).to_dense())
    np.testing.assert_allclose(dense, kron(3, terms), atol=1e-6)


@pytest.mark.parametrize("num_sites", range(1, 9))
def test_random_sums_against_kronecker_products(num_sites):
    rng = np.random.default_rng(num_sites)
    terms = random_terms(rng, num_sites, 12)
    matrix = kron(num_sites, terms)
    h = H.pauli_sum(num_sites, terms)
    psi = random_state(rng, 3, 2**num_sites, complex_=True)
    expected = psi @ matrix.T
    for dtype in DTYPES:
        state = jnp.asarray(psi, complex_dtype(dtype))
        image = np.asarray(eqx.filter_jit(h.apply)(state))
        assert image.dtype == state.dtype
        tolerance = 1e-13 if dtype == jnp.float64 else 1e-5
        assert np.abs(image - expected).max() <= tolerance * np.abs(expected).max()
    np.testing.assert_allclose(h.to_sparse().toarray(), matrix, atol=20 * TIGHT)
    np.testing.assert_allclose(h.diagonal(), np.diag(matrix).real, atol=20 * TIGHT)
    assert h.is_real == (np.abs(matrix.imag).max() < 1e-12)


@pytest.mark.parametrize("num_sites", [2, 5, 6, 9, 11])
def test_site_by_site_fields_against_the_sparse_matrix(num_sites):
    rng = np.random.default_rng(0)
    fields = jnp.asarray(rng.normal(size=num_sites), WIDE)
    bonds = jnp.asarray(rng.normal(size=len(H.chain_edges(num_sites))), WIDE)
    h = H.transverse_field_ising(num_sites, bonds, fields, 0.3)
    psi = random_state(rng, 2**num_sites).astype(WIDE)
    expected = h.to_sparse() @ psi
    image = np.asarray(eqx.filter_jit(h.apply)(jnp.asarray(psi)))
    assert np.abs(image - expected).max() <= TIGHT * np.abs(expected).max()


def test_the_convention_site_by_site():
    """Bit i is site i, least significant first; bit 0 is the eigenvalue +1 of Z."""
    z = H.pauli_sum(3, [("Z", (1,), 1.0)]).diagonal()
    assert z.tolist() == [1, 1, -1, -1, 1, 1, -1, -1]


def test_models_against_their_definitions():
    rng = np.random.default_rng(1)
    edges = [(0, 2), (1, 2), (3, 0)]
    j, delta = rng.normal(size=3), rng.normal(size=3)
    terms = [
        (2 * letter, edge, value * (d if letter == "Z" else 1))
        for edge, value, d in zip(edges, j, delta, strict=True)
        for letter in "XYZ"
    ]
    model = H.xxz(4, j, delta, edges=edges)
    np.testing.assert_allclose(model.to_dense(), kron(4, terms).real, atol=1e-5)
    ring = H.chain_edges(5, distance=2)
    assert sorted(map(sorted, ring)) == [[0, 2], [0, 3], [1, 3], [1, 4], [2, 4]]
    assert H.chain_edges(2) == [(0, 1)]
    far = H.long_range_ising(5, 1.0, 2.0, 0.0, periodic=True)
    assert float(far.diagonal()[0]) == pytest.approx(-(5 + 5 / 4))


def test_ground_energies_of_known_rings():
    lowest = lambda h: np.linalg.eigvalsh(np.asarray(h.to_dense(), float))[0]
    assert lowest(H.heisenberg(4, 0.25)) == pytest.approx(-2, abs=1e-5)
    xx = lambda n: H.xxz(n, 0.25, 0.0)
    assert lowest(xx(4)) == pytest.approx(-np.sqrt(2), abs=1e-5)
    assert lowest(xx(6)) == pytest.approx(-2, abs=1e-5)
    assert lowest(H.j1_j2(8)) == pytest.approx(-12, abs=1e-4)


def test_signs_of_the_off_diagonal_elements():
    assert H.transverse_field_ising(4).is_stoquastic()
    assert not H.transverse_field_ising(4, field=-1.0).is_stoquastic()
    assert H.heisenberg(4, -1.0).is_stoquastic()
    assert not H.heisenberg(4).is_stoquastic()
    assert not H.pauli_sum(2, [("Y", (0,), 1.0)]).is_stoquastic()


def test_transformations_and_derivatives():
    rng = np.random.default_rng(2)
    psi = jnp.asarray(random_state(rng, 32), WIDE)

    def apply(coupling, fields, psi):
        return H.transverse_field_ising(5, coupling, fields, 0.1).apply(psi)

    arguments = (jnp.asarray(0.7, WIDE), jnp.asarray(rng.normal(size=5), WIDE), psi)
    assert_transforms(apply, *arguments)
    assert_gradients(apply, *arguments)
    h = H.transverse_field_ising(5, 1.0, arguments[1])
    assert_adjoint(h.apply, h.apply, psi, psi[::-1])


def test_new_couplings_compile_nothing():
    traces = []

    @jax.jit
    def apply(h, psi):
        traces.append(1)
        return h.apply(psi)

    psi = jnp.ones(16, WIDE)
    for field in (0.5, 0.7):
        apply(H.transverse_field_ising(4, 1.0, jnp.asarray(field, WIDE)), psi)
    assert len(traces) == 1


@pytest.mark.parametrize("complex_", [False, True])
def test_energy_and_its_derivatives(complex_):
    rng = np.random.default_rng(3)
    h = H.transverse_field_ising(4, 1.0, jnp.asarray(rng.normal(size=4), WIDE), 0.2)
    if complex_:
        h = h + H.pauli_sum(4, [("Y", (1,), jnp.asarray(0.4, WIDE))])
    psi = random_state(rng, 3, 16, complex_=complex_)
    psi = jnp.asarray(psi, complex_dtype(WIDE) if complex_ else WIDE)
    matrix = np.asarray(h.to_dense())
    value, residual = H.energy_and_residual(h, psi)
    for k in range(3):
        v = np.asarray(psi[k])
        image = matrix @ v
        e = np.vdot(v, image).real / np.vdot(v, v).real
        r = np.linalg.norm(image - e * v) / np.linalg.norm(v)
        assert float(value[k]) == pytest.approx(e, rel=1e-4, abs=1e-4)
        assert float(residual[k]) == pytest.approx(r, rel=1e-4, abs=1e-4)
    assert_gradients(H.energy_and_residual, h, psi)


def test_a_real_state_of_a_complex_hamiltonian():
    h = H.pauli_sum(2, [("Y", (0,), 1.0), ("ZZ", (0, 1), jnp.asarray(0.5, WIDE))])
    psi = jnp.asarray([1.0, 2.0, 0.0, 1.0], WIDE)
    value, gradient = jax.value_and_grad(lambda psi: H.energy(h, psi))(psi)
    assert float(value) == pytest.approx(0.5 * (1 - 4 + 1) / 6, abs=1e-6)
    only = H.pauli_sum(2, [("ZZ", (0, 1), jnp.asarray(0.5, WIDE))])
    expected = jax.grad(lambda psi: H.energy(only, psi))(psi)
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


def test_energy_and_gradient_take_one_product():
    """The compiled gradient turns as many axes as the value: H is applied once."""
    h = H.heisenberg(7)
    psi = jnp.arange(1.0, 129.0)
    compiled = lambda f: jax.jit(f).lower(psi).compile().as_text()
    single = compiled(lambda psi: H.energy(h, psi))
    both = compiled(jax.value_and_grad(lambda psi: H.energy(h, psi)))
    assert both.count(" reverse(") == single.count(" reverse(") > 0

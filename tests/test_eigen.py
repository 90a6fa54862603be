"""Ground states against free fermions and dense matrices, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import WIDE

from physjax import throw
from physjax._errors import NumericsError
from physjax.operators import free_fermions as F
from physjax.operators import hamiltonians as H
from physjax.solvers import ground_energy, ground_state
from physjax.solvers._tridiagonal_eigen import Lowest, eigenvector, grow
from physjax.testing import assert_gradients

TIGHT = 1e-13 if X64 else 3e-6
number = lambda x: jnp.asarray(x, WIDE)


def close(value, expected, tolerance=TIGHT):
    assert abs(float(value) - float(expected)) <= tolerance * abs(float(expected))


@pytest.mark.parametrize("num_sites", [4, 8, 14])
def test_rings_are_free_fermions(num_sites):
    fields = number([0.1, 0.5, 0.9, 1.0, 1.1, 2.0])
    solve = lambda h: ground_state(H.transverse_field_ising(num_sites, number(1.0), h))
    solution = throw(jax.jit(jax.vmap(solve))(fields))
    for h, energy in zip(fields, solution.value.energy, strict=True):
        close(energy, F.ising_ring_levels(num_sites, number(1.0), h)[0])
    norms = jnp.sum(solution.value.state**2, -1)
    np.testing.assert_allclose(norms, 1, atol=1e-5)
    assert (np.asarray(solution.value.state) > -1e-5).all()


@pytest.mark.parametrize("seed", range(2))
def test_disordered_open_chains_are_free_fermions(seed):
    rng = np.random.default_rng(seed)
    couplings = number(rng.uniform(0.5, 1.5, 9))
    fields = number(rng.uniform(0.2, 2.0, 10))
    h = H.transverse_field_ising(10, couplings, fields, periodic=False)
    solution = throw(jax.jit(ground_state)(h))
    close(solution.value.energy, F.ising_chain_levels(couplings, fields)[0])


@pytest.mark.parametrize("num_sites", [4, 10])
def test_xx_rings_are_free_fermions(num_sites):
    h = H.xxz(num_sites, number(0.25), 0.0)
    solution = throw(jax.jit(ground_state)(h))
    close(solution.value.energy, F.xx_ring_energy(num_sites, number(0.25)), 100 * TIGHT)


def test_the_antiferromagnet_does_not_begin_with_its_highest_state():
    solution = throw(ground_state(H.heisenberg(8, number(0.25))))
    close(solution.value.energy, -3.651093408937175, 100 * TIGHT)


@pytest.mark.parametrize(("j", "h"), [(1.0, 0.3), (0.5, 1.7)])
def test_closed_forms_against_dense_matrices(j, h):
    levels = lambda model: np.linalg.eigvalsh(np.asarray(model.to_dense(), float))
    ring = levels(H.transverse_field_ising(6, j, h))
    np.testing.assert_allclose(F.ising_ring_levels(6, j, h), ring[:2], atol=1e-4)
    chain = levels(H.transverse_field_ising(6, j, h, periodic=False))
    energy, gap = F.ising_chain_levels([j] * 5, [h] * 6)
    assert float(energy) == pytest.approx(chain[0], abs=1e-4)
    assert float(gap) == pytest.approx(chain[1] - chain[0], abs=1e-4)


@pytest.mark.parametrize("form", [F.ising_ring_levels, F.ising_fidelity_susceptibility])
def test_odd_rings_have_other_momenta(form):
    with pytest.raises(ValueError, match="even"):
        form(5)


def test_energy_and_state_follow_the_couplings():
    """Hellmann-Feynman, and the fidelity susceptibility of the closed form."""
    n = 10
    solve = lambda h: ground_state(H.transverse_field_ising(n, number(1.0), h)).value
    level = jax.grad(lambda h: F.ising_ring_levels(n, number(1.0), h)[0])
    forward = jax.jit(lambda h: jax.jvp(solve, (h,), (number(1.0),))[1])
    backward = jax.jit(jax.grad(lambda h: solve(h).energy))
    for h in map(number, (0.5, 1.0, 1.5)):
        moved = forward(h)
        close(moved.energy, level(h), 1e-10 if X64 else 1e-4)
        close(backward(h), moved.energy, 100 * TIGHT)
        expected = F.ising_fidelity_susceptibility(n, number(1.0), h)
        close(jnp.sum(moved.state**2), expected, 1e-8 if X64 else 1e-2)


def test_the_energy_alone_takes_fewer_products_and_has_the_same_derivative():
    model = lambda h: H.transverse_field_ising(10, number(1.0), h)
    exact = lambda h: F.ising_ring_levels(10, number(1.0), h)[0]
    fields = number([0.5, 1.0, 1.5])
    slopes = jax.grad(lambda h: ground_energy(model(h)).value)

    @jax.jit
    @jax.vmap
    def solve(h):
        count = ground_state(model(h)).stats["num_iterations"]
        return ground_energy(model(h)), count, slopes(h)

    solution, counts, found = solve(fields)
    assert (np.asarray(throw(solution).stats["num_iterations"]) < counts).all()
    for h, value, slope in zip(fields, solution.value, found, strict=True):
        close(value, exact(h))
        close(slope, jax.grad(exact)(h), 1e-10 if X64 else 1e-4)


@pytest.mark.skipif(not X64, reason="differences of float32 levels say nothing")
def test_derivatives_of_a_disordered_chain():
    rng = np.random.default_rng(0)
    weights = number(rng.normal(size=16))

    def observe(couplings, fields):
        h = H.transverse_field_ising(4, couplings, fields, 0.1)
        found = ground_state(h).value
        return found.energy, jnp.sum(weights * found.state)

    couplings, fields = number(rng.uniform(0.5, 1, 4)), number(rng.uniform(0.5, 1, 4))
    assert_gradients(observe, couplings, fields)


def test_a_start_that_is_an_eigenstate():
    h = H.pauli_sum(3, [("X", (i,), number(-1.0)) for i in range(3)])
    solution = throw(ground_state(h))
    assert int(solution.stats["num_iterations"]) == 1
    close(solution.value.energy, -3.0)


def test_a_complex_hamiltonian_and_a_random_start():
    rng = np.random.default_rng(2)
    terms = [("XY", (i, (i + 1) % 5), number(rng.normal())) for i in range(5)]
    h = H.pauli_sum(5, [*terms, ("Z", (0,), number(0.3))])
    solution = throw(ground_state(h, key=jax.random.key(1)))
    levels = np.linalg.eigvalsh(np.asarray(h.to_dense()))
    close(solution.value.energy, levels[0], 10 * TIGHT)


def test_too_few_iterations_are_said_and_bad_starts_refused():
    h = H.transverse_field_ising(10, number(1.0), number(1.0))
    solution = ground_state(h, max_iterations=5)
    with pytest.raises(NumericsError, match="largest number of iterations"):
        throw(solution)
    with pytest.raises(ValueError, match="start"):
        ground_state(h, start=jnp.ones(8, WIDE))


def test_growing_tridiagonal_matrices_against_lapack():
    rng = np.random.default_rng(3)
    diagonal, beside = rng.normal(size=12), np.abs(rng.normal(size=12))
    beside[6] = 1e-9  # all but two separate matrices
    found = Lowest(number(0.0), number(1.0))
    for count in range(1, 13):
        arguments = number(diagonal), number(beside), jnp.int32(count)
        found = grow(found, *arguments)
        inner = beside[: count - 1]
        matrix = np.diag(diagonal[:count]) + np.diag(inner, 1) + np.diag(inner, -1)
        values, vectors = np.linalg.eigh(matrix)
        scale = np.abs(values).max()
        assert abs(float(found.value) - values[0]) <= 10 * TIGHT * scale
        y = np.asarray(eigenvector(*arguments, found.value))
        residual = np.linalg.norm(matrix @ y[:count] - values[0] * y[:count])
        assert residual <= (1e-12 if X64 else 1e-4) * scale
        assert (y[count:] == 0).all()
        if count < 7:
            last = abs(vectors[-1, 0])
            assert float(found.last) == pytest.approx(
                last, rel=1e-3 if X64 else 1e-2, abs=1e-6
            )

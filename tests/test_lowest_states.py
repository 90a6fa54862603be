"""Several lowest levels, degenerate ones too, against dense matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import WIDE

from physjax import Dirichlet, Grid, throw
from physjax._errors import NumericsError
from physjax._numerics import complex_dtype
from physjax.operators import free_fermions as F
from physjax.operators import hamiltonians as H
from physjax.solvers import lowest_states, ring_sector
from physjax.solvers._jacobi import small_eigh
from physjax.testing import assert_lowers

TIGHT = 1e-13 if X64 else 3e-6
number = lambda x: jnp.asarray(x, WIDE)


def solve(h, count, **options):
    return jax.jit(lambda h: lowest_states(h, count, **options))(h)


def box():
    grid = Grid((60,), (0.1,), (0.1,))
    walls = (Dirichlet(wall="node"),) * 2
    return H.GridHamiltonian(jnp.zeros(60, WIDE), grid, [walls], kinetic=2)


def twisted():
    terms = [("XY", (i, (i + 1) % 6), number(0.2 + 0.1 * i)) for i in range(6)]
    return H.transverse_field_ising(6, number(1.0), number(0.3)) + H.pauli_sum(6, terms)


MODELS = {
    "a ring with triplets": (H.heisenberg(8, number(0.25)), 5, {}),
    "a block that ends within a level": (H.heisenberg(8, number(0.25)), 6, {}),
    "nothing but one level": (H.heisenberg(8, number(-0.25)), 3, {}),
    "its whole multiplet": (H.heisenberg(8, number(-0.25)), 9, {"guard": 3}),
    "an ordered phase": (H.transverse_field_ising(9, number(1.0), number(0.2)), 3, {}),
    "complex": (twisted(), 4, {}),
    "complex from real": (twisted(), 1, {"start": jnp.eye(5, 64, dtype=WIDE)}),
    "a box": (box(), 4, {}),
    "the whole space": (H.transverse_field_ising(2, number(1.0), number(1.0)), 4, {}),
}


@pytest.mark.parametrize("name", MODELS)
def test_levels_and_states_against_lapack(name):
    h, count, options = MODELS[name]
    solution = throw(solve(h, count, **options))
    dense = np.asarray(h.to_dense())
    levels = np.linalg.eigvalsh(dense)
    scale = float(h.bound())
    found = np.asarray(solution.value.energies)
    assert np.abs(found - levels[:count]).max() <= 10 * TIGHT * scale
    states = np.asarray(solution.value.states)
    np.testing.assert_allclose(
        states.conj() @ states.T, np.eye(count), atol=100 * TIGHT
    )
    residuals = np.linalg.norm(states @ dense.T - found[:, None] * states, axis=1)
    assert residuals.max() <= 30 * TIGHT * scale
    assert solution.stats["residual"].shape == (count,)


def test_pairs_that_are_almost_degenerate():
    """Even and odd level of the ordered phase, closer than any residual."""
    n, h = 8, number(0.05)
    model = H.transverse_field_ising(n, number(1.0), h)
    found = throw(solve(model, 2)).value
    pair = F.ising_ring_levels(n, number(1.0), h)
    np.testing.assert_allclose(found.energies, pair, rtol=TIGHT)
    # The two states span what parity leaves alone.
    flipped = found.states[:, ::-1] @ found.states.T
    np.testing.assert_allclose(flipped @ flipped, np.eye(2), atol=1e-4)


def test_a_batch_of_couplings_and_its_derivatives():
    fields = number([0.5, 1.0, 1.5])

    def level(h):
        model = H.transverse_field_ising(6, number(1.0), h)
        return lowest_states(model, 2, guard=6).value.energies

    both = jax.jit(jax.vmap(lambda h: (level(h), jax.jacrev(level)(h))))
    energies, slopes = both(fields)
    exact = lambda h: jnp.stack(F.ising_ring_levels(6, number(1.0), h))
    for k, h in enumerate(fields):
        np.testing.assert_allclose(energies[k], exact(h), rtol=10 * TIGHT)
        expected = jax.jacrev(exact)(h)
        np.testing.assert_allclose(slopes[k], expected, rtol=1e-9 if X64 else 1e-3)


def test_levels_of_a_sector_are_levels_of_the_ring():
    h = H.transverse_field_ising(8, number(1.0), number(0.7))
    inside = throw(solve(ring_sector(8).reduce(h), 3)).value.energies
    levels = np.linalg.eigvalsh(np.asarray(h.to_dense(), float))
    for energy in inside:
        assert np.abs(levels - float(energy)).min() <= 100 * TIGHT


def test_a_good_start_saves_products():
    h = H.transverse_field_ising(8, number(1.0), number(0.9))
    first = throw(solve(h, 2, guard=4))
    block = lowest_states(h, 6, guard=4, max_iterations=100).value.states
    moved = H.transverse_field_ising(8, number(1.0), number(0.91))
    again = throw(jax.jit(lambda h, x: lowest_states(h, 2, start=x))(moved, block))
    assert again.stats["num_iterations"] < first.stats["num_iterations"]


def test_what_does_not_converge_is_said_and_what_does_not_fit_refused():
    h = H.transverse_field_ising(6, number(1.0), number(1.0))
    with pytest.raises(NumericsError, match="largest number of iterations"):
        throw(lowest_states(h, 2, max_iterations=2))
    with pytest.raises(ValueError, match="count"):
        lowest_states(h, 65)
    with pytest.raises(ValueError, match="start"):
        lowest_states(h, 2, start=jnp.ones((1, 64), WIDE))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 12])
@pytest.mark.parametrize("complex_", [False, True])
def test_small_matrices_against_lapack(size, complex_):
    rng = np.random.default_rng(size)
    a = rng.normal(size=(3, size, size))
    if complex_:
        a = a + 1j * rng.normal(size=a.shape)
    a = a + np.swapaxes(a.conj(), 1, 2)
    a[2] = np.eye(size)  # nothing to turn
    dtype = complex_dtype(WIDE) if complex_ else WIDE
    values, vectors = jax.jit(jax.vmap(small_eigh))(jnp.asarray(a, dtype))
    scale = np.abs(a).max() * size
    np.testing.assert_allclose(values, np.linalg.eigvalsh(a), atol=10 * TIGHT * scale)
    image = a @ np.asarray(vectors)
    expected = np.asarray(vectors) * np.asarray(values)[:, None]
    np.testing.assert_allclose(image, expected, atol=10 * TIGHT * scale)


def test_it_lowers_for_other_machines():
    h = H.heisenberg(4, jnp.float32(0.25))
    assert_lowers(lambda h: lowest_states(h, 2).value, h)

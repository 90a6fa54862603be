"""Anderson's floor: below every level, above the sum of the coefficients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from test_hamiltonians import random_terms
from walls import WIDE

from physjax.operators import free_fermions as F
from physjax.operators import hamiltonians as H
from physjax.testing import assert_lowers

number = lambda x: jnp.asarray(x, WIDE)
GRID = [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]
GENERATOR = np.random.default_rng(0)
MODELS = {
    "ring": H.transverse_field_ising(6, number(1.0), number(0.7)),
    "chain": H.transverse_field_ising(6, number(1.0), number(0.7), periodic=False),
    "antiferromagnet": H.heisenberg(6, number(0.25)),
    "second neighbours": H.j1_j2(6, number(1.0), number(0.4)),
    "disorder": H.transverse_field_ising(
        6, number(GENERATOR.normal(size=6)), number(GENERATOR.normal(size=6))
    ),
    "any strings": H.pauli_sum(
        6, [(a, b, number(c)) for a, b, c in random_terms(GENERATOR, 6, 15)]
    ),
    "a constant": H.pauli_sum(2, [("ZZ", (0, 1), 1.0), ("", (), number(0.5))]),
}


@pytest.mark.parametrize("name", MODELS)
def test_below_all_levels_and_above_the_trivial_bound(name):
    h = MODELS[name]
    lowest = np.linalg.eigvalsh(h.to_sparse().toarray())[0]
    floors = [float(H.anderson_bound(h, size=size)) for size in (2, 4, 6)]
    assert all(-float(h.bound()) <= floor <= lowest for floor in floors)
    # A cluster of all sites knows the level itself.
    assert floors[-1] == pytest.approx(lowest, abs=1e-11 if X64 else 1e-2)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_clusters_of_a_ring_are_open_chains(size):
    """Each has 1 / (size - 1) of its bonds and 1 / size of its fields."""
    n = 10
    h = H.transverse_field_ising(n, number(1.0), number(0.7))
    bonds = number(np.full(size - 1, 1 / (size - 1)))
    fields = number(np.full(size, 0.7 / size))
    expected = n * F.ising_chain_levels(bonds, fields)[0]
    floor = float(H.anderson_bound(h, size=size))
    assert floor == pytest.approx(float(expected), rel=1e-12 if X64 else 1e-4)


def test_it_rises_with_the_clusters_and_is_a_floor_of_energies():
    h = H.heisenberg(10, number(0.25))
    floors = [float(H.anderson_bound(h, size=size)) for size in (2, 3, 5)]
    assert floors == sorted(floors)
    assert floors[0] == pytest.approx(-7.5, abs=1e-4)  # ten singlets
    psi = number(np.random.default_rng(1).normal(size=1024))
    bounds = H.energy_bounds(h, psi, floor=floors[-1])
    assert bounds.rigorous
    assert float(bounds.lower) == pytest.approx(floors[-1], abs=1e-3)
    assert bounds.lower <= -4.515446 <= bounds.upper


def test_clusters_of_ones_own_on_any_graph():
    h = H.heisenberg(6, number(0.25), edges=GRID)
    squares = [(0, 1, 3, 4), (1, 2, 4, 5)]
    lowest = np.linalg.eigvalsh(h.to_sparse().toarray())[0]
    floor = float(H.anderson_bound(h, clusters=squares))
    assert -float(h.bound()) < floor <= lowest
    # Without one of the squares its own bonds count with all they could.
    less = float(H.anderson_bound(h, clusters=squares[:1]))
    assert less == pytest.approx(-2 - 3 * 0.75, abs=1e-4)
    with pytest.raises(ValueError, match="clusters"):
        H.anderson_bound(h, clusters=[(0, 0)])
    with pytest.raises(ValueError, match="size"):
        H.anderson_bound(h, size=0)


def test_it_follows_the_couplings():
    def floor(field):
        model = H.transverse_field_ising(6, number(1.0), field)
        return H.anderson_bound(model, size=3)

    fields = number([0.5, 1.0])
    both = jax.jit(jax.vmap(lambda h: (floor(h), jax.grad(floor)(h))))(fields)
    for k, field in enumerate(fields):
        assert float(both[0][k]) == pytest.approx(float(floor(field)), rel=1e-5)
        step = 1e-5 if X64 else 1e-2
        slope = (floor(field + step) - floor(field - step)) / (2 * step)
        assert float(both[1][k]) == pytest.approx(float(slope), rel=1e-2)
    h = H.transverse_field_ising(4, jnp.float32(1.0), jnp.float32(1.0))
    assert_lowers(lambda h: H.anderson_bound(h, size=3), h)

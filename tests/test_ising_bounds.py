"""Bounds on the levels of Ising chains, against dense matrices."""

import jax.numpy as jnp
import numpy as np
import pytest

from physjax.operators import free_fermions as F
from physjax.operators.hamiltonians import transverse_field_ising
from physjax.solvers import ring_sector
from physjax.testing import assert_gradients

WIDE = jnp.result_type(float)
EPS = float(jnp.finfo(WIDE).eps)


def levels(j, h, g):
    """All levels, or those of states that a flip of all spins leaves alone if g = 0."""
    n = j.size
    edges = [(i, (i + 1) % n) for i in range(n)]
    one = transverse_field_ising(n, j, h, g, edges=edges)
    dense = np.asarray(one.to_dense(), float)
    if g.any():
        return np.linalg.eigvalsh(dense)
    half = 2 ** (n - 1)  # configuration b and its opposite 2^n - 1 - b
    return np.linalg.eigvalsh(dense[:half, :half] + dense[:half, half:][:, ::-1])


def chain(n, seed, *, closed=True, along=0.0):
    rng = np.random.default_rng(seed)
    j = rng.uniform(0.5, 1.5, n) * rng.choice([-1, 1], n)
    j[-1] *= closed
    arrays = j, rng.uniform(0.2, 2, n), along * rng.normal(size=n)
    return tuple(jnp.asarray(x, WIDE) for x in arrays)


@pytest.mark.parametrize(
    ("n", "closed", "along"),
    [(6, True, 0.0), (7, True, 0.0), (6, False, 0.0), (5, True, 0.3), (6, False, 0.1)],
)
def test_floors_are_below_the_levels(n, closed, along):
    for seed in range(8):
        arrays = chain(n, seed, closed=closed, along=along)
        exact = levels(*arrays)
        rounding = 400 * EPS * abs(exact[0])
        assert float(F.ising_floor(*arrays)) <= exact[0] + rounding
        assert float(F.ising_next_level_floor(*arrays)) <= exact[1] + rounding


@pytest.mark.parametrize("negative", range(7))
def test_rings_of_bonds_alike_in_size(negative):
    """Some bonds turned: with an odd number the ring is frustrated, and no other."""
    for n, h in ((6, 0.4), (6, 1.0), (7, 0.8)):
        j = jnp.where(jnp.arange(n) < negative, -1.0, 1.0).astype(WIDE)
        arrays = j, jnp.full(n, h, WIDE), jnp.zeros(n, WIDE)
        exact = levels(*arrays)
        found = float(F.ising_next_level_floor(*arrays))
        assert found <= exact[1] + 400 * EPS * abs(exact[0])


def test_uniform_rings_and_open_chains_are_exact():
    for j, h in ((1.0, 0.4), (1.0, 1.0), (1.0, 1.7)):
        arrays = (jnp.full(8, x, WIDE) for x in (j, h, 0.0))
        sector = ring_sector(8)
        matrix = sector.reduce(transverse_field_ising(8, j, h)).apply(
            jnp.eye(sector.sizes.size, dtype=WIDE)
        )
        exact = np.linalg.eigvalsh(np.asarray(matrix, float))
        found = float(F.ising_next_level_floor(*arrays))
        assert found == pytest.approx(exact[1], rel=1e3 * EPS)
    arrays = chain(6, 3, closed=False)
    found = float(F.ising_next_level_floor(*arrays))
    assert found == pytest.approx(levels(*arrays)[1], rel=1e3 * EPS)


def test_gradients_of_the_floor():
    assert_gradients(F.ising_floor, *chain(5, 1, along=0.2))

"""Symmetric sectors of rings against the whole space, and their published sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import WIDE

from physjax import throw
from physjax.operators import free_fermions as F
from physjax.operators import hamiltonians as H
from physjax.solvers import ground_state, ring_sector

TIGHT = 1e-13 if X64 else 3e-6
number = lambda x: jnp.asarray(x, WIDE)


@pytest.mark.parametrize(
    ("num_sites", "size"), [(4, 4), (6, 8), (8, 18), (10, 44), (12, 122), (16, 1162)]
)
def test_sizes_are_numbers_of_bracelets(num_sites, size):
    sector = ring_sector(num_sites)
    assert sector.representatives.shape == (size,)
    assert int(sector.sizes.sum()) == 2**num_sites


@pytest.mark.parametrize("reflection", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        H.transverse_field_ising(7, number(1.0), number(0.7)),
        H.j1_j2(7, number(1.0), number(0.4)),
    ],
)
def test_the_sector_sees_what_the_whole_space_sees(model, reflection, flip):
    sector = ring_sector(7, reflection=reflection, flip=flip)
    reduced = sector.reduce(model)
    rng = np.random.default_rng(0)
    y = jnp.asarray(rng.normal(size=(2, *reduced.shape)), WIDE)
    wide = sector.embed(y)
    np.testing.assert_allclose(sector.restrict(wide), y, atol=100 * TIGHT)
    np.testing.assert_allclose(
        jnp.sum(wide**2, -1), jnp.sum(y**2, -1), rtol=100 * TIGHT
    )
    image = sector.embed(reduced.apply(y))
    np.testing.assert_allclose(image, model.apply(wide), atol=300 * TIGHT)


def test_ground_states_in_the_sector_are_free_fermions():
    n = 14
    sector = ring_sector(n)

    @jax.jit
    def solve(h):
        return ground_state(sector.reduce(H.transverse_field_ising(n, number(1.0), h)))

    slopes = jax.jit(jax.grad(lambda h: solve(h).value.energy))
    for h in map(number, (0.2, 1.0, 1.5)):
        solution = throw(solve(h))
        level = float(F.ising_ring_levels(n, number(1.0), h)[0])
        assert float(solution.value.energy) == pytest.approx(level, rel=TIGHT)
        slope = slopes(h)
        expected = jax.grad(lambda h: F.ising_ring_levels(n, number(1.0), h)[0])(h)
        assert float(slope) == pytest.approx(
            float(expected), rel=1e-10 if X64 else 1e-4
        )


def test_what_breaks_the_symmetry_is_refused():
    sector = ring_sector(6)
    with pytest.raises(ValueError, match="flip"):
        sector.reduce(H.transverse_field_ising(6, 1.0, 1.0, 0.1))
    with pytest.raises(ValueError, match="everywhere"):
        sector.reduce(H.transverse_field_ising(6, 1.0, jnp.linspace(0.1, 1, 6)))
    with pytest.raises(ValueError, match="everywhere"):
        sector.reduce(H.transverse_field_ising(6, periodic=False))
    with pytest.raises(ValueError, match="sites"):
        sector.reduce(H.transverse_field_ising(4))
    with pytest.raises(ValueError, match="num_sites"):
        ring_sector(31)

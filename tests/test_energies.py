"""Bounds on ground energies: never violated, and Temple's wherever it is proven."""

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import WIDE

from physjax.operators import hamiltonians as H

SITES = 8


def symmetric(psi):
    """Part of states that translation, reflection and the flip of all leave alone."""
    states = np.arange(2**SITES)
    bit = lambda i: states >> i & 1
    turned = sum(bit(i) << (i + 1) % SITES for i in range(SITES))
    mirrored = sum(bit(i) << (SITES - 1 - i) for i in range(SITES))
    total, image = 0.0, psi
    for _ in range(SITES):
        image = image[..., turned]
        total = total + image
    total = total + total[..., mirrored]
    return total + total[..., states[::-1]]


def sector(matrix):
    """Levels and states of the symmetric sector, ascending."""
    images = symmetric(np.eye(2**SITES))
    left, size, _ = np.linalg.svd(images)
    basis = left[:, size > 1e-9]
    values, vectors = np.linalg.eigh(basis.T @ matrix @ basis)
    return values, basis @ vectors


@pytest.mark.parametrize("field", [0.2, 0.5, 1.0, 1.5])
def test_bounds_hold_for_a_thousand_states_near_and_far(field):
    """250 of them for each field: 232 near the ground state, 18 that are levels."""
    h = H.transverse_field_ising(SITES, 1.0, jnp.asarray(field, WIDE))
    levels, states = sector(np.asarray(h.to_dense(), float))
    rng = np.random.default_rng(0)
    noise = symmetric(rng.normal(size=(232, 2**SITES)))
    ground = states[:, 0]
    noise -= (noise @ ground)[:, None] * ground
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    # Energy errors from 1e-8 to half the gap.
    gap = levels[1] - levels[0]
    above = np.einsum("ki,ij,kj->k", noise, np.asarray(h.to_dense(), float), noise)
    wanted = np.geomspace(1e-8, gap / 2, len(noise))
    share = wanted / (above - levels[0] - wanted)
    near = ground + np.sqrt(share)[:, None] * noise
    psi = jnp.asarray(np.concatenate([near, states[:, :18].T]), WIDE)
    bounds = H.energy_bounds(h, psi, next_level=levels[1])
    lower, upper = np.asarray(bounds.lower, float), np.asarray(bounds.upper, float)
    assert psi.shape[0] == 250
    violations = np.count_nonzero((lower > levels[0]) | (upper < levels[0]))
    assert violations == 0
    assert bounds.rigorous.all()
    # Temple's value is given wherever the energy is below the proven level.
    value, residual = (np.asarray(x, float) for x in H.energy_and_residual(h, psi))
    rounding = 16 * np.finfo(psi.dtype).eps * float(h.bound())
    applies = value < levels[1] - rounding
    assert applies[:233].all()
    assert not applies[234:].any()
    temple = value - residual**2 / (levels[1] - value)
    floor = -float(h.bound())
    expected = np.where(applies, np.maximum(temple, floor), floor)
    np.testing.assert_allclose(lower, expected, atol=1e-10 if X64 else 1e-3)
    # Near the ground state it is far better than the floor.
    assert (lower[:100] > levels[0] - (1e-3 if X64 else 1e-2)).all()


def test_an_estimated_level_is_not_called_proven():
    h = H.transverse_field_ising(4)
    psi = jnp.ones(16, WIDE)
    bounds = H.energy_bounds(h, psi, next_level=10.0, proven=False)
    assert not bounds.rigorous
    assert H.energy_bounds(h, psi).rigorous
    assert float(H.energy_bounds(h, psi).lower) == pytest.approx(-8, rel=1e-4)
    assert float(H.energy_bounds(h, psi, floor=-6.0).lower) == pytest.approx(
        -6, rel=1e-4
    )


def test_states_of_another_shape_are_refused():
    h = H.transverse_field_ising(4)
    with pytest.raises(ValueError, match="shape"):
        H.energy(h, jnp.ones(8, WIDE))
    with pytest.raises(ValueError, match="amplitudes"):
        h.apply(jnp.ones(8, WIDE))

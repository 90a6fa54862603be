"""Ground energies of chains and rings of all lengths against closed forms.

Lengths to 12 in the whole space, and rings of 16 to 20 in their sector, by default; the
whole space of 4 to 20 spins takes minutes: pytest -m slow tests/test_ground_energies.py
"""

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

ISING = 1e-13 if X64 else 3e-6
EXCHANGE = 1e-11 if X64 else 3e-6
FIELDS = (0.1, 0.3, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0)
number = lambda x: jnp.asarray(x, WIDE)
slow = lambda lengths: [pytest.param(n, marks=pytest.mark.slow) for n in lengths]


find = jax.jit(lambda h: ground_state(h, max_iterations=800))


def solve(h):
    return throw(find(h)).value.energy


def close(value, expected, tolerance):
    assert abs(float(value) - float(expected)) <= tolerance * abs(float(expected))


def bethe_energy(num_sites):
    """Ground energy of the antiferromagnetic ring of S.S by Bethe's ansatz."""
    count = num_sites // 2
    quanta = np.arange(count) - (count - 1) / 2
    x = np.zeros(count)
    for _ in range(5000):
        turns = np.arctan(x[:, None] - x[None]).sum(1)
        x = np.tan((np.pi * quanta + turns) / num_sites) / 2
    return num_sites / 4 - np.sum(0.5 / (x**2 + 0.25))


@pytest.mark.parametrize("num_sites", [6, 12, *slow((4, 8, 10, 14, 16, 18, 20))])
def test_periodic_ising_rings(num_sites):
    make = lambda h: H.transverse_field_ising(num_sites, number(1.0), h)
    for field in map(number, FIELDS):
        expected = F.ising_ring_levels(num_sites, number(1.0), field)[0]
        close(solve(make(field)), expected, ISING)


@pytest.mark.parametrize("num_sites", [16, 18, 20])
def test_long_rings_in_their_sector(num_sites):
    sector = ring_sector(num_sites)
    make = lambda h: H.transverse_field_ising(num_sites, number(1.0), h)
    for field in map(number, (0.3, 1.0, 1.5)):
        expected = F.ising_ring_levels(num_sites, number(1.0), field)[0]
        close(solve(sector.reduce(make(field))), expected, ISING)


@pytest.mark.parametrize(
    "num_sites", [5, 12, *slow((4, 7, 10, 13, 15, 16, 17, 18, 20))]
)
def test_open_ising_chains(num_sites):
    for field in FIELDS[::3]:
        fields = number(np.full(num_sites, field))
        bonds = number(np.ones(num_sites - 1))
        h = H.transverse_field_ising(num_sites, bonds, fields, periodic=False)
        close(solve(h), F.ising_chain_levels(bonds, fields)[0], ISING)


@pytest.mark.parametrize("num_sites", [4, 11, *slow((6, 8, 14, 16, 17, 18, 19, 20))])
def test_disordered_open_ising_chains(num_sites):
    rng = np.random.default_rng(num_sites)
    for _ in range(2):
        bonds = number(rng.uniform(0.5, 1.5, num_sites - 1))
        fields = number(rng.uniform(0.2, 2.0, num_sites))
        h = H.transverse_field_ising(num_sites, bonds, fields, periodic=False)
        close(solve(h), F.ising_chain_levels(bonds, fields)[0], ISING)


@pytest.mark.parametrize("num_sites", [4, 6, 12, *slow((8, 10, 14, 16, 18, 20))])
def test_exchange_rings(num_sites):
    heisenberg = H.heisenberg(num_sites, number(0.25))
    close(solve(heisenberg), bethe_energy(num_sites), EXCHANGE)
    xx = H.xxz(num_sites, number(0.25), number(0.0))
    close(solve(xx), F.xx_ring_energy(num_sites, number(0.25)), EXCHANGE)


@pytest.mark.parametrize("num_sites", [16, 20])
def test_long_exchange_rings_in_their_sector(num_sites):
    """Of a multiple of four sites: else the ground state has momentum pi."""
    sector = ring_sector(num_sites)
    heisenberg = sector.reduce(H.heisenberg(num_sites, number(0.25)))
    close(solve(heisenberg), bethe_energy(num_sites), EXCHANGE)


def test_the_ansatz_against_a_published_value():
    assert bethe_energy(4) == pytest.approx(-2, abs=1e-12)
    assert bethe_energy(16) == pytest.approx(-7.142296360617, abs=1e-11)


@pytest.mark.parametrize("num_sites", [4, 12])
def test_slopes_and_susceptibilities(num_sites):
    make = lambda h: H.transverse_field_ising(num_sites, number(1.0), h)
    forward = jax.jit(
        lambda h: jax.jvp(lambda h: ground_state(make(h)).value, (h,), (number(1.0),))
    )
    exact = jax.grad(lambda h: F.ising_ring_levels(num_sites, number(1.0), h)[0])
    for field in map(number, (0.5, 1.0, 1.5)):
        _, moved = forward(field)
        close(moved.energy, exact(field), 1e-10 if X64 else 1e-4)
        chi = F.ising_fidelity_susceptibility(num_sites, number(1.0), field)
        close(jnp.sum(moved.state**2), chi, 1e-8 if X64 else 1e-2)


@pytest.mark.skipif(not X64, reason="the reference needs singular vectors in float64")
def test_slopes_of_a_disordered_chain():
    rng = np.random.default_rng(0)
    bonds = number(rng.uniform(0.5, 1.5, 7))
    fields = number(rng.uniform(0.2, 2.0, 8))

    def level(bonds, fields):
        h = H.transverse_field_ising(8, bonds, fields, periodic=False)
        return ground_state(h).value.energy

    exact = lambda *x: F.ising_chain_levels(*x)[0]
    found = jax.jit(jax.grad(level, (0, 1)))(bonds, fields)
    expected = jax.grad(exact, (0, 1))(bonds, fields)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)

"""simulators.particles: weights, fields and random numbers."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32

from physjax.simulators.particles.grid import (
    deposit,
    electric_field,
    gather,
    node_volumes,
)
from physjax.simulators.particles.random import (
    normal,
    random_words,
    spare_uniform,
    two_uniforms,
    uniform,
)
from physjax.testing import assert_gradients, assert_transforms

SHAPE, SPACING = (7, 5), (0.5, 0.25)
METHODS = ("matmul", "scatter")
KEY = jax.random.key(3)


def cloud(dtype, count=40):
    u, v, a = jax.random.uniform(KEY, (3, count), dtype)
    return u * 3.0, v * 1.0, a


# --- weights --------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_deposit_keeps_charge_and_dipole_and_is_the_adjoint_of_gather(method, dtype):
    x, y, amount = cloud(dtype)
    put = ft.partial(deposit, shape=SHAPE, spacing=SPACING, method=method)
    nodes = put(x, y, amount)
    assert nodes.dtype == dtype
    tolerance = 100 * float(jnp.finfo(dtype).eps)
    axis = jnp.arange(SHAPE[0], dtype=dtype) * SPACING[0]
    np.testing.assert_allclose(nodes.sum(), amount.sum(), rtol=tolerance)
    np.testing.assert_allclose(axis @ nodes.sum(1), amount @ x, rtol=tolerance)
    field = jax.random.normal(KEY, (2, *SHAPE), dtype)
    at = gather(x, y, field, SPACING, method=method)
    pairing = jnp.einsum("fij,ij->f", field, nodes, precision="highest")
    np.testing.assert_allclose(at @ amount, pairing, rtol=tolerance, atol=tolerance)


def test_both_formulations_are_one_function(dtype):
    x, y, amount = cloud(dtype)
    x = x.at[:4].set(jnp.array([0.0, 3.0, -1.0, 9.0], dtype))  # edges and outside
    a, b = (deposit(x, y, amount, SHAPE, SPACING, method=m) for m in METHODS)
    np.testing.assert_allclose(a, b, atol=1e-5)
    field = jax.random.normal(KEY, (2, *SHAPE), dtype)
    a, b = (gather(x, y, field, SPACING, method=m) for m in METHODS)
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_weights_under_transformations(method, dtype):
    x, y, amount = cloud(dtype, 6)
    put = lambda x, y, a: deposit(x, y, a, SHAPE, SPACING, method=method)
    field = jax.random.normal(KEY, (2, *SHAPE), dtype)
    assert_transforms(put, x, y, amount)
    assert_transforms(
        lambda x, y, f: gather(x, y, f, SPACING, method=method), x, y, field
    )


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_differentiable_within_a_cell(method):
    x = jnp.array([0.6, 1.3]) * SPACING[0]
    y = jnp.array([1.4, 2.7]) * SPACING[1]
    field = jax.random.normal(KEY, (2, *SHAPE), x.dtype)
    assert_gradients(
        lambda x, y, a: deposit(x, y, a, SHAPE, SPACING, method=method), x, y, x + 1
    )
    assert_gradients(
        lambda x, y, f: gather(x, y, f, SPACING, method=method), x, y, field
    )


def test_volumes_tile_the_device_and_uniform_charge_is_uniform():
    volumes = node_volumes(SHAPE, SPACING)
    np.testing.assert_allclose(volumes.sum(), 6 * 0.5 * 4 * 0.25)
    u = jnp.linspace(0.5, 119.5, 120) / 120
    x, y = jnp.meshgrid(3 * u, u, indexing="ij")
    density = deposit(x, y, jnp.ones_like(x), SHAPE, SPACING) / volumes
    np.testing.assert_allclose(density, density[0, 0], rtol=1e-4)


def test_field_sums_to_the_voltage_along_every_row():
    phi = jax.random.normal(KEY, SHAPE)
    along_x = electric_field(phi, SPACING)[0]
    half = jnp.ones(SHAPE[0]).at[jnp.array([0, -1])].set(0.5)
    voltage = phi[0] - phi[-1]
    np.testing.assert_allclose(half @ along_x * SPACING[0], voltage, atol=1e-5)


def test_no_particle_drives_itself():
    """On a periodic grid, the same weights both ways and central differences."""
    n = 16
    k2 = 2 - 2 * np.cos(2 * np.pi * np.arange(n) / n)
    k2 = k2[:, None] + k2[None, :]
    inverse = np.where(k2 > 0, 1 / np.where(k2 > 0, k2, 1), 0)
    x, y = jnp.array([7.3]), jnp.array([8.6])
    charge = deposit(x, y, jnp.ones(1), (n, n), (1.0, 1.0))
    potential = np.fft.ifft2(np.fft.fft2(charge) * inverse).real.astype(charge.dtype)
    potential = jnp.asarray(potential)
    field = electric_field(potential, (1.0, 1.0))
    own = gather(x, y, field, (1.0, 1.0))
    assert float(jnp.abs(field).max()) > 0.1
    np.testing.assert_allclose(own, 0, atol=1e-6)


# --- random numbers -------------------------------------------------------------------


def test_words_are_those_of_threefry():
    data = jax.random.key_data(KEY)
    first, second = random_words(KEY, 2, (8,), lane=5)
    counters = jnp.concatenate([jnp.arange(8), jnp.full(8, 5)]).astype(jnp.uint32)
    np.testing.assert_array_equal(
        jnp.concatenate([first, second]), threefry_2x32(data, counters)
    )


def test_distributions(dtype):
    words = random_words(KEY, 2, (1_000_000,))
    u, g = uniform(words[0], dtype), normal(words[1], dtype)
    assert u.dtype == g.dtype == dtype
    assert 0 < float(u.min()) < float(u.max()) < 1
    error = 1e-3
    assert abs(float(u.mean()) - 0.5) < 3 * 0.29 * error
    for power, moment, spread in ((1, 0, 1), (2, 1, 1.4), (3, 0, 3.9), (4, 3, 9.8)):
        assert abs(float((g**power).mean()) - moment) < 3.5 * spread * error
    for a, b in (two_uniforms(words[0], dtype), (u, spare_uniform(*words, dtype))):
        assert 0 < float(b.min()) < float(b.max()) < 1
        assert abs(float(b.mean()) - 0.5) < 3 * 0.29 * error
        assert abs(float(((a - 0.5) * (b - 0.5)).mean())) < 3 * error / 12


def test_bad_arguments_are_named(unchecked):
    with pytest.raises(ValueError, match="`method` is 'sort'"):
        deposit(jnp.ones(1), jnp.ones(1), jnp.ones(1), SHAPE, SPACING, method="sort")
    with pytest.raises(ValueError, match="at least two nodes"):
        gather(jnp.ones(1), jnp.ones(1), jnp.ones((1, 1, 5)), SPACING)

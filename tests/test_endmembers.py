"""Endmembers of scenes whose truth is known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax.metrics import align
from physjax.solvers import endmembers as em
from physjax.testing import assert_lowers

KEY = jax.random.key(0)
PURE = {
    "vca": em.vca,
    "nfindr": em.nfindr,
    "ppi": em.ppi,
    "atgp": lambda y, n, key: em.atgp(y, n),
}


@functools.cache
def mixed(purity=1.0, noise=0.0, pixels=400, seed=0):
    """Pixels, endmembers: flat mixtures, the first pixels as pure as any."""
    random = np.random.default_rng(seed)
    x = np.linspace(0, 1, 20)
    centers, width = np.array([0.1, 0.4, 0.8])[:, None], 0.15
    members = 0.2 + np.exp(-0.5 * ((x - centers) / width) ** 2)
    shares = random.dirichlet(np.ones(3), 4 * pixels)
    shares = shares[shares.max(1) < purity][: pixels - 3]
    corners = purity * np.eye(3) + (1 - purity) / 2 * (1 - np.eye(3))
    y = np.concatenate([corners, shares]) @ members
    y = y * random.uniform(0.7, 1.3, (len(y), 1)) + noise * random.normal(size=y.shape)
    return jnp.asarray(y), members


@pytest.mark.parametrize("name", PURE)
def test_pure_pixels_are_found(name):
    y, members = mixed()
    y = y / jnp.linalg.norm(y, axis=1, keepdims=True)
    found = PURE[name](y.at[:3].multiply(1.2), 3, KEY)
    assert sorted(found.value.pixels.tolist()) == [0, 1, 2]
    assert int(found.result) == 0
    bound = 0.05 if name == "vca" else 1e-6  # VCA gives the projections of the pixels
    assert align(found.value.spectra, members).mean_angle < bound


def test_runs_side_by_side_are_the_runs():
    y, _ = mixed(noise=0.01)
    keys = jax.random.split(KEY, 4)
    run = lambda key: em.vca(y, 3, key).value.pixels
    together = jax.jit(jax.vmap(run))(keys)
    assert together.tolist() == [run(key).tolist() for key in keys]


def test_a_larger_simplex_than_that_of_any_single_exchange():
    y, _ = mixed(noise=0.02)
    vertices = em.nfindr(y, 3, KEY)
    starts = [em.nfindr(y, 3, key, max_sweeps=0) for key in jax.random.split(KEY, 3)]
    volumes = [float(start.stats["log_volume"]) for start in starts]
    assert float(vertices.stats["log_volume"]) > max(volumes) - 1e-6


@pytest.mark.parametrize(
    ("find", "bound"), [(em.simplex_likelihood, 0.03), (em.sisal, 0.1)]
)
def test_endmembers_that_no_pixel_shows(find, bound):
    y, members = mixed(purity=0.8, noise=1e-3)
    inside = align(em.vca(y, 3, KEY).value.spectra, members).mean_angle
    outside = align(find(y, 3, KEY).value.spectra, members).mean_angle
    assert outside < bound < inside


def test_archetypes_stay_inside_the_data():
    y, members = mixed(noise=1e-3)
    y = jnp.concatenate([jnp.repeat(y[:3], 60, axis=0), y])  # pure fields
    found = em.archetypes(y, 3, KEY, num_starts=3, num_rounds=400)
    assert align(found.value.spectra, members).mean_angle < 0.1
    fits = found.stats["misfit"] <= 1.05 * jnp.min(found.stats["misfit"])
    assert fits[found.stats["chosen"]]


def test_only_linear_scenes_are_extrapolated():
    y, members = mixed(purity=0.8, noise=1e-3)
    linear = em.blind_endmembers(y, 3, KEY)
    assert bool(linear.stats["extrapolated"])
    assert align(linear.value.spectra, members).mean_angle < 0.03
    bent = em.blind_endmembers(y**2, 3, KEY)  # squares mix more than three spectra
    assert not bool(bent.stats["extrapolated"])


@pytest.mark.parametrize("count", [em.hysime, em.noise_edge])
@pytest.mark.parametrize("noise", [1e-3, 1e-2])
def test_the_number_of_endmembers(count, noise):
    y, _ = mixed(noise=noise)
    found = jax.jit(count)(y)
    assert int(found.value) == 3
    assert np.allclose(found.stats["noise"], noise, rtol=0.3)


def test_virtual_dimensionality():
    y, _ = mixed(noise=1e-2)
    one = em.hfc(y, 1e-3)
    # A sum of positive materials has a mean: one difference at least is significant.
    assert 1 <= int(one.value) <= 4
    assert int(em.hfc(y, 1e-3, whiten=True).value) <= 4
    with pytest.raises(ValueError, match="false_alarm"):
        em.hfc(y, 0.7)


def test_width_of_numbers_and_refusals():
    y, _ = mixed()
    small = y.astype(jnp.float32)
    assert em.vca(small, 3, KEY).value.spectra.dtype == jnp.float32
    assert (
        em.vca(small.astype(jnp.bfloat16), 3, KEY).value.spectra.dtype == jnp.bfloat16
    )
    with pytest.raises(ValueError, match="num_members"):
        em.nfindr(y, 21, KEY)
    assert int(em.atgp(y.at[0, 0].set(jnp.nan), 3).result) != 0


def test_lowering():
    y = mixed(noise=0.01)[0].astype(jnp.float32)
    for find in PURE.values():
        assert_lowers(functools.partial(lambda f, y: f(y, 3, KEY).value, find), y)

"""Endmembers of scenes whose truth is known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import logsumexp

from physjax.metrics import align
from physjax.solvers import endmembers as em
from physjax.solvers._blurred_exponentials import MEANS, mixture_likelihood
from physjax.solvers.unmixing import fcls, unconstrained
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
    ("find", "share"), [(em.simplex_likelihood, 0.1), (em.sisal, 0.6)]
)
def test_endmembers_that_no_pixel_shows(find, share):
    y, members = mixed(purity=0.8, noise=1e-3)
    purest = align(np.asarray(y[:3]), members).mean_angle  # no pixel is nearer
    assert align(find(y, 3, KEY).value.spectra, members).mean_angle < share * purest


def test_blurred_exponentials_and_their_slopes(dtype):
    def plain(w, sigma, log_weights):
        means, sigma = jnp.asarray(MEANS)[None, None], sigma[:, None, None]
        rate = 1 / jnp.sqrt(means**2 + (0.25 * sigma) ** 2)
        b, w = rate * sigma, w[..., None]
        density = jnp.log(rate) + 0.5 * b**2 - rate * w
        density = density + jax.scipy.special.log_ndtr(w / sigma - b)
        return jnp.sum(logsumexp(density + log_weights[:, None], axis=-1)) / w.shape[1]

    random = np.random.default_rng(0)
    w = random.normal(size=(4, 500)) * random.choice([0.05, 1, 4], size=(4, 500))
    sigma, logits = np.array([0.05, 0.1, 0.5, 1.5]), random.normal(size=(4, 5))
    log_weights = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    with jax.enable_x64(True):
        expected = jax.value_and_grad(plain, (0, 1, 2))(w, sigma, log_weights)
    inputs = (jnp.asarray(x, dtype) for x in (w, sigma, np.exp(log_weights)))
    value, along_w, along_sigma, along_weights = mixture_likelihood(*inputs)
    assert value.dtype == along_w.dtype == dtype
    np.testing.assert_allclose(jnp.sum(value), expected[0], rtol=3e-6)
    slopes = (along_w / w.shape[1], along_sigma, along_weights)
    for slope, truth in zip(slopes, expected[1], strict=True):
        np.testing.assert_allclose(slope, truth, rtol=2e-5, atol=1e-6)


def test_archetypes_stay_inside_the_data():
    y, members = mixed(noise=1e-3)
    y = jnp.concatenate([jnp.repeat(y[:3], 60, axis=0), y])  # pure fields
    found = em.archetypes(y, 3, KEY, num_starts=3)
    # Mixtures of pixels, which are mixtures of the members: no share is negative ...
    assert jnp.all(
        unconstrained(found.value.spectra, jnp.asarray(members)).value > -0.01
    )
    # ... that explain pixels of unit norm better than the purest of these do.
    unit = y / jnp.linalg.norm(y, axis=1, keepdims=True)
    residual = lambda e: float(jnp.sum(jnp.abs(unit - fcls(unit, e).value @ e)))
    assert residual(found.value.spectra) < residual(unit[:3])
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


def test_float32_sees_noise_whose_square_it_cannot_hold():
    y, _ = mixed(noise=1e-5)
    single, double = em.hysime(y.astype(jnp.float32)), em.hysime(y)
    assert int(single.value) == int(double.value) == 3
    np.testing.assert_allclose(single.stats["noise"], double.stats["noise"], rtol=1e-2)


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

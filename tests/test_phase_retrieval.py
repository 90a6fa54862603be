"""kramers_kronig_retrieval."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES

from physjax.solvers import kramers_kronig_retrieval
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

WIDE = DTYPES[-1]
retrieve = jax.jit(kramers_kronig_retrieval, static_argnames=("axis", "floor"))


def susceptibility(num_spectra, seed=0):
    """30 to 49 lines on 1000 points over 2000 wavenumbers, largest value 0.3 to 1."""
    random = np.random.default_rng(seed)
    axis = 0.1 + 2 * np.arange(1000)
    spectra = []
    for _ in range(num_spectra):
        lines = (random.integers(30, 50), 1)
        position = random.uniform(300, 1700, lines)
        width = random.uniform(2, 10, lines)
        amplitude = random.uniform(0.01, 1, lines)
        chi = np.sum(amplitude / (position - axis - 1j * width), axis=0)
        spectra.append(chi / np.max(np.abs(chi)) * random.uniform(0.3, 1))
    return np.stack(spectra)


CHI = susceptibility(200)


@pytest.mark.parametrize("background", [0.5, 1.0])
def test_flat_background_is_solved(background, dtype):
    intensity = jnp.asarray(np.abs(CHI + background) ** 2 / 2, dtype)
    raman = np.asarray(retrieve(intensity, background**2 / 2).imag, np.float64)
    assert np.mean((raman - CHI.imag) ** 2) < 3e-6
    correlation = [
        np.corrcoef(a, b)[0, 1] for a, b in zip(raman, CHI.imag, strict=True)
    ]
    assert np.median(correlation) > 0.9998


def test_modulus_is_that_of_the_intensity():
    intensity = jnp.asarray(np.abs(CHI[0] + 0.5) ** 2 / 2, WIDE)
    chi = retrieve(intensity, 0.125)
    np.testing.assert_allclose(np.abs(chi) ** 2 / 2, intensity, rtol=1e-5)


def test_four_times_the_intensity_is_twice_the_susceptibility():
    intensity = jnp.asarray(np.abs(CHI[0] + 0.5) ** 2 / 2, WIDE)
    once, four = retrieve(intensity, 0.125), retrieve(4 * intensity, 0.5)
    np.testing.assert_allclose(four, 2 * once, rtol=1e-5, atol=1e-6)


def test_reversal_of_the_axis_conjugates():
    intensity = jnp.asarray(np.abs(CHI[0] + 0.5) ** 2 / 2, WIDE)
    turned = retrieve(intensity[::-1], 0.125)[::-1]
    np.testing.assert_allclose(turned, retrieve(intensity, 0.125).conj(), atol=1e-5)


def test_without_resonance_the_background_comes_back():
    reference = jnp.linspace(1.0, 2.0, 50, dtype=WIDE)
    chi = retrieve(reference, reference)
    np.testing.assert_allclose(chi.real, jnp.sqrt(2 * reference), rtol=1e-6)
    np.testing.assert_allclose(chi.imag, 0, atol=1e-6)


def test_reference_may_be_number_curve_or_batch():
    intensity = jnp.asarray(np.abs(CHI[:3, :60] + 0.5) ** 2 / 2, WIDE)
    full = retrieve(intensity, jnp.full_like(intensity, 0.125))
    curve = jnp.full(60, 0.125, WIDE)
    for reference in (0.125, curve, curve[None], jnp.full((3, 1), 0.125, WIDE)):
        np.testing.assert_allclose(retrieve(intensity, reference), full, atol=1e-6)
    turned = retrieve(intensity.T, curve, axis=0)
    np.testing.assert_allclose(turned, full.T, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-9])
def test_finite_with_finite_gradients_where_the_intensity_vanishes(value, dtype):
    intensity = jnp.ones(16, dtype).at[5].set(value)
    energy = lambda intensity: jnp.sum(retrieve(intensity, 1.0).imag ** 2)
    both = jax.value_and_grad(energy)(intensity)
    assert np.all(np.isfinite(np.concatenate([np.ravel(x) for x in both])))


def test_transforms_gradients_and_lowering(dtype):
    random = np.random.default_rng(0)
    intensity, reference = jnp.asarray(random.uniform(0.5, 2, (2, 3, 9)), dtype)
    assert_transforms(kramers_kronig_retrieval, intensity, reference)
    assert_gradients(kramers_kronig_retrieval, intensity, reference)
    assert_lowers(kramers_kronig_retrieval, intensity, reference)


def test_bad_input_is_refused_by_name():
    x = jnp.ones((2, 5))
    z = jnp.ones((2, 5), jnp.complex64)
    with pytest.raises(TypeError, match="`intensity` must be real"):
        kramers_kronig_retrieval(z, x)
    with pytest.raises(TypeError, match="`reference` must be real"):
        kramers_kronig_retrieval(x, z)
    with pytest.raises(ValueError, match="`reference` of shape"):
        kramers_kronig_retrieval(x, jnp.ones(4))
    with pytest.raises(ValueError, match="`floor`"):
        kramers_kronig_retrieval(x, x, floor=0.0)
    with pytest.raises(ValueError, match="`axis`"):
        kramers_kronig_retrieval(x, x, axis=2)

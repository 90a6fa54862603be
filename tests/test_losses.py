"""Loss terms: they vanish for the consistent answer, and only there."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from physjax import losses
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

AXIS = np.linspace(-50, 50, 400)
CHI = 1 / (5 - AXIS - 2j)
TERMS = [
    losses.absolute_error,
    losses.squared_error,
    lambda x, y: losses.huber_error(x, y, delta=0.5),
    losses.kramers_kronig_residual,
    lambda x, y: losses.intensity_residual(x, y, x + y),
    lambda x, y: losses.smoothness(x * y, axis=0),
    losses.spectral_angle,
]


def test_a_causal_susceptibility_has_no_residual(dtype):
    real, imag = jnp.asarray(CHI.real, dtype), jnp.asarray(CHI.imag, dtype)
    residual = losses.kramers_kronig_residual(real, imag, extend="power")
    assert np.max(np.abs(residual)) < 2e-4
    wrong = losses.kramers_kronig_residual(-real, imag, extend="power")
    assert np.max(np.abs(wrong)) > 0.4


def test_the_periodic_transform_pulls_away_from_the_truth(dtype):
    real, imag = jnp.asarray(CHI.real, dtype), jnp.asarray(CHI.imag, dtype)
    error = lambda **options: float(
        jnp.mean(losses.kramers_kronig_residual(real, imag, **options) ** 2)
    )
    assert error(method="fft") > 15 * error()


def test_the_true_parts_explain_the_intensity(dtype):
    background = 0.5 + 0.2 * np.cos(AXIS / 30)
    intensity = np.abs(CHI + background) ** 2 / 2
    terms = [jnp.asarray(x, dtype) for x in (intensity, CHI.imag, background)]
    assert np.max(np.abs(losses.intensity_residual(*terms, extend="power"))) < 2e-4
    zero = losses.intensity_residual(terms[0], jnp.zeros_like(terms[0]), terms[2])
    assert np.max(np.abs(zero)) > 0.1


def test_intensity_may_be_explained_away_by_the_background_alone(dtype):
    """The trivial answer: only the smoothness of the background stands against it."""
    intensity = jnp.asarray(np.abs(CHI + 0.5) ** 2 / 2, dtype)
    background = jnp.sqrt(2 * intensity)
    residual = losses.intensity_residual(
        intensity, jnp.zeros_like(background), background
    )
    assert np.max(np.abs(residual)) < 1e-6
    flat = losses.smoothness(jnp.full_like(background, 0.5))
    assert np.max(np.abs(losses.smoothness(background))) > np.max(np.abs(flat)) + 1e-3


def test_huber_is_optax(dtype):
    x = jnp.linspace(-3.0, 3.0, 21, dtype=dtype)
    y = jnp.zeros_like(x)
    for delta in (0.5, 2.0):
        mine, theirs = (
            losses.huber_error(x, y, delta=delta),
            optax.huber_loss(x, y, delta=delta),
        )
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_smoothness_is_the_second_difference(dtype):
    x = jnp.arange(12, dtype=dtype).reshape(3, 4) ** 2
    np.testing.assert_allclose(losses.smoothness(x), 2)
    np.testing.assert_allclose(losses.smoothness(x, axis=0), 32)
    assert losses.smoothness(x).shape == (3, 2)


def test_angle_is_that_of_arccos(dtype):
    x, y = jnp.asarray(np.random.default_rng(0).standard_normal((2, 6, 9)), dtype)
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    cosine = np.sum(a * b, -1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    np.testing.assert_allclose(losses.spectral_angle(x, y), np.arccos(cosine), 1e-5)
    turned = losses.spectral_angle(x.T, y.T, axis=0)
    np.testing.assert_allclose(turned, losses.spectral_angle(x, y), 1e-5)
    np.testing.assert_allclose(losses.spectral_angle(x, -2 * x), np.pi, 1e-6)


def test_small_angles_keep_their_digits(dtype):
    x = jnp.array([1.0, 0.0], dtype)
    y = jnp.array([1.0, 1e-5], dtype)
    np.testing.assert_allclose(losses.spectral_angle(x, y), 1e-5, rtol=1e-5)


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_angle_has_a_finite_gradient_at_zero(size, dtype):
    x = jnp.full(4, size, dtype)
    gradient = jax.jit(jax.grad(losses.spectral_angle, argnums=(0, 1)))(x, x)
    assert not np.any(np.asarray(gradient))


@pytest.mark.parametrize("term", TERMS)
def test_transforms_gradients_and_lowering(term, dtype):
    x, y = jnp.asarray(np.random.default_rng(1).standard_normal((2, 3, 8)), dtype)
    assert_transforms(term, x, y)
    assert_gradients(term, x, y)
    assert_lowers(term, x, y)


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match=r"`x` of shape .* three points"):
        losses.smoothness(jnp.ones((4, 2)))

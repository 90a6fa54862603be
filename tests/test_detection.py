"""Detectors, components and classification by angle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax.solvers import components, detection
from physjax.testing import assert_lowers

KEY = jax.random.key(1)
Y = jax.random.normal(KEY, (300, 6)) @ jnp.diag(jnp.arange(1.0, 7.0)) + 3.0
TARGET = jnp.arange(6.0) ** 2


def test_detectors_against_numpy():
    y, t = np.asarray(Y, float), np.asarray(TARGET, float)
    mean = y.mean(0)
    inverse = np.linalg.inv(np.cov(y.T, bias=True))
    x, t = y - mean, t - mean
    distance = np.einsum("ni,ij,nj->n", x, inverse, x)
    match = x @ inverse @ t
    size = t @ inverse @ t
    near = {"rtol": 1e-3, "atol": 1e-4}
    assert np.allclose(detection.rx(Y), distance, **near)
    assert np.allclose(detection.matched_filter(Y, TARGET), match / size, **near)
    assert np.allclose(detection.ace(Y, TARGET), match**2 / size / distance, **near)


def test_the_mean_of_rx_is_the_number_of_bands():
    assert abs(float(jnp.mean(detection.rx(Y))) - 6) < 1e-3


def test_osp_is_least_squares_beside_the_background():
    background = Y[:2]
    both = jnp.concatenate([TARGET[None], background])
    amounts = np.linalg.lstsq(np.asarray(both.T), np.asarray(Y.T), rcond=None)[0][0]
    assert np.allclose(detection.osp(Y, TARGET, background), amounts, atol=1e-4)
    assert not jnp.any(detection.osp(Y, background[0], background))


def test_classification_does_not_see_brightness():
    references = Y[:4]
    assert detection.classify_by_angle(7 * references, references).tolist() == [
        *range(4)
    ]
    far = detection.classify_by_angle(-references[:1], references[:1], max_angle=0.1)
    assert far.tolist() == [-1]


def test_components_are_uncorrelated_and_invert():
    model = components.pca(Y)
    x = model.transform(Y)
    assert np.allclose(np.cov(x.T, bias=True), np.diag(model.values), atol=2e-4 * 36)
    assert np.allclose(model.inverse(x), Y, atol=1e-4)


def test_noise_fractions_have_white_noise():
    grid = jnp.linspace(0, 1, 72)
    smooth = jnp.sin(3 * grid[:, None] + 2 * grid[None, :])
    smooth = smooth[..., None] * TARGET[:4][None, None]
    colours = jnp.array([0.1, 0.5, 1.0, 2.0])
    noise = colours[None, None] * jax.random.normal(KEY, (72, 72, 4))
    model = components.mnf(smooth + noise)
    x = model.transform(noise + 0.0)
    assert np.allclose(np.cov(x.reshape(-1, 4).T), np.eye(4), atol=0.2)
    assert np.allclose(model.inverse(model.transform(smooth)), smooth, atol=1e-3)
    assert model.values[0] > 10 > 1 > model.values[1]


def test_refusals_and_lowering():
    with pytest.raises(ValueError, match="num_components"):
        components.pca(Y, 7)
    y = Y.astype(jnp.float32)
    assert_lowers(detection.rx, y)
    assert_lowers(lambda y: components.pca(y).values, y)

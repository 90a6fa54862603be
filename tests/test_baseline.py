"""whittaker_smoother, asymmetric_least_squares."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES
from scipy.linalg import solveh_banded

from physjax import NumericsError
from physjax.solvers import asymmetric_least_squares, whittaker_smoother
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

WIDE = DTYPES[-1]
smooth = jax.jit(whittaker_smoother)
baseline = jax.jit(
    asymmetric_least_squares, static_argnames=("num_iterations", "axis", "asymmetry")
)


def reference(y, weights, smoothness):
    """Normal equations, banded, in float64."""
    n = len(y)
    difference = np.diff(np.eye(n), 2, axis=0)
    matrix = smoothness * difference.T @ difference + np.diag(weights)
    bands = [np.pad(np.diagonal(matrix, -k), (0, k)) for k in range(3)]
    return solveh_banded(np.stack(bands), weights * y, lower=True)


def spectra(num, n, seed=0):
    """Peaks on slopes."""
    random = np.random.default_rng(seed)
    x = np.linspace(-1, 1, n)
    centre, size = random.uniform(-1, 1, (2, num, 4, 1))
    peaks = np.sum(np.abs(size) * np.exp(-(((x - centre) / 0.03) ** 2)), axis=1)
    slope = random.uniform(-1, 1, (num, 1)) * x + 0.3 * np.cos(2 * x)
    return peaks + slope + 1e-3 * random.standard_normal((num, n))


@pytest.mark.parametrize("n", [3, 4, 1500])
@pytest.mark.parametrize("smoothness", [1e2, 1e5])
def test_smoother_solves_the_normal_equations(n, smoothness, dtype):
    random = np.random.default_rng(1)
    y = np.cumsum(random.standard_normal(n)) * 0.05 + 1
    weights = np.where(random.random(n) < 0.6, 1e-3, 1 - 1e-3)
    weights[n // 3 : n // 2] = 1e-3
    z = smooth(jnp.asarray(y, dtype), jnp.asarray(weights, dtype), smoothness)
    error = np.max(
        np.abs(np.asarray(z, np.float64) - reference(y, weights, smoothness))
    )
    assert error < (1e-8 if dtype == jnp.float64 else 3e-5)


def test_smoother_leaves_straight_lines(dtype):
    line = jnp.linspace(-1.0, 2.0, 1000, dtype=dtype)
    random = np.random.default_rng(0)
    weights = jnp.asarray(10 ** random.uniform(-3, 0, 1000), dtype)
    for smoothness in (1.0, 1e5, 1e9):
        np.testing.assert_allclose(smooth(line, weights, smoothness), line, atol=1e-5)


def test_smoother_of_very_large_smoothness_is_the_straight_line_fit(dtype):
    random = np.random.default_rng(0)
    y, w = random.standard_normal(50), random.uniform(0.1, 1, 50)
    x = np.arange(50)
    line = np.polyval(np.polyfit(x, y, 1, w=np.sqrt(w)), x)
    z = smooth(jnp.asarray(y, dtype), jnp.asarray(w, dtype), 1e10)
    np.testing.assert_allclose(z, line, atol=1e-3)


def test_smoother_needs_three_points_to_do_anything():
    y = jnp.array([1.0, 5.0])
    np.testing.assert_array_equal(whittaker_smoother(y, jnp.ones(2), 1e5), y)


def test_baseline_is_the_published_iteration(dtype):
    y = spectra(3, 400)
    solution = baseline(jnp.asarray(y, dtype), smoothness=1e4, asymmetry=0.01)
    for found, spectrum in zip(np.asarray(solution.value), y, strict=True):
        weights = np.ones_like(spectrum)
        for _ in range(10):
            z = reference(spectrum, weights, 1e4)
            weights = np.where(spectrum > z, 0.01, 0.99)
        atol = 1e-7 if dtype == jnp.float64 else 1e-4
        np.testing.assert_allclose(found, z, atol=atol)


def test_baseline_runs_under_the_peaks():
    x = np.linspace(-1, 1, 500)
    truth = 0.5 + 0.3 * x - 0.2 * x**2
    y = truth + np.exp(-((x / 0.03) ** 2)) + 0.5 * np.exp(-(((x - 0.5) / 0.02) ** 2))
    solution = baseline(jnp.asarray(y, WIDE))
    assert np.max(np.abs(solution.value - truth)) < 0.02
    assert solution.message == "converged"
    assert solution.stats["num_changed"] == 0


def test_any_axis_and_batch():
    y = jnp.asarray(spectra(4, 60).reshape(2, 2, 60), WIDE)
    full = baseline(y)
    assert full.result.shape == (2, 2)
    single = baseline(y[1, 0])
    np.testing.assert_allclose(single.value, full.value[1, 0], atol=1e-5)
    moved = baseline(jnp.moveaxis(y, -1, 0), axis=0)
    np.testing.assert_allclose(jnp.moveaxis(moved.value, 0, -1), full.value, atol=1e-5)


def test_the_result_says_what_happened():
    y = spectra(2, 60)
    y[1, 3] = np.nan
    solution = baseline(jnp.asarray(y, WIDE), num_iterations=1)
    assert solution.result.tolist() == [1, 2]
    with pytest.raises(NumericsError, match="2 of 2 problems failed"):
        asymmetric_least_squares(jnp.asarray(y, WIDE), num_iterations=1, throw=True)


def test_transforms_and_lowering():
    y = jnp.asarray(spectra(1, 40)[0], jnp.float32)
    fn = lambda y: asymmetric_least_squares(y, smoothness=10.0, num_iterations=3).value
    assert_transforms(fn, y)
    assert_lowers(fn, y)


def test_gradients_in_data_weights_and_smoothness(dtype):
    y = jnp.asarray(spectra(1, 20)[0], dtype)
    weights = jnp.linspace(0.1, 1.0, 20, dtype=dtype)
    assert_gradients(whittaker_smoother, y, weights, jnp.asarray(10.0, dtype))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"smoothness": 0.0}, "`smoothness`"),
        ({"asymmetry": 1.0}, "`asymmetry`"),
        ({"num_iterations": 0}, "`num_iterations`"),
        ({"axis": 3}, "`axis` 3"),
    ],
)
def test_bad_options_are_refused_by_name(options, word):
    with pytest.raises(ValueError, match=word):
        asymmetric_least_squares(jnp.ones(5), **options)


def test_complex_input_is_refused():
    with pytest.raises(TypeError, match="`y` must be real"):
        asymmetric_least_squares(jnp.ones(5, jnp.complex64))

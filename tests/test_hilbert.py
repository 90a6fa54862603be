"""hilbert_transform, analytic_signal, envelope, instantaneous_phase."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
import scipy.special
from conftest import DTYPES
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from physjax.operators import (
    analytic_signal,
    envelope,
    hilbert_transform,
    instantaneous_phase,
)
from physjax.operators._hilbert_constants import good_length
from physjax.testing import (
    assert_adjoint,
    assert_gradients,
    assert_lowers,
    assert_transforms,
)

WIDE = DTYPES[-1]
TOLERANCE = 1e-12 if jnp.float64 == WIDE else 1e-5
METHODS = [
    {"method": "fft"},
    {"method": "ideal", "extend": "power", "exponent": 1.5},
    {"method": "matrix", "extend": "power"},
]
numbers = lambda n: arrays(np.float64, n, elements=st.floats(-1, 1))
sample = lambda *shape: np.random.default_rng(3).standard_normal(shape)


compiled = jax.jit(
    hilbert_transform, static_argnames=("axis", "method", "extend", "exponent")
)


# What defines it.


@pytest.mark.parametrize("n", [15, 16])
def test_the_cosine_gives_the_sine(n, dtype):
    t = 2 * jnp.pi * 3 * jnp.arange(n, dtype=dtype) / n
    y = compiled(jnp.cos(t), method="fft")
    np.testing.assert_allclose(y, jnp.sin(t), atol=20 * jnp.finfo(dtype).eps)


@given(numbers(31))
def test_twice_is_minus_one_for_periodic_functions_of_mean_zero(x):
    x = jnp.asarray(x - x.mean(), WIDE)
    twice = compiled(compiled(x, method="fft"), method="fft")
    np.testing.assert_allclose(twice, -x, atol=TOLERANCE)


@pytest.mark.parametrize("method", ["fft", "ideal", "matrix"])
@given(numbers(16), numbers(16), st.floats(-2, 2))
def test_linear_antisymmetric_and_odd_under_reversal(method, x, y, a):
    h = lambda u: np.asarray(compiled(jnp.asarray(u, WIDE), method=method))
    np.testing.assert_allclose(h(x + a * y), h(x) + a * h(y), atol=TOLERANCE)
    np.testing.assert_allclose(h(x[::-1]), -h(x)[::-1], atol=TOLERANCE)
    assert_adjoint(h, lambda u: -h(u), x.astype(WIDE), y.astype(WIDE), rtol=TOLERANCE)


def test_gaussian_gives_dawson(dtype):
    x = np.linspace(-10, 10, 512)
    y = compiled(jnp.asarray(np.exp(-(x**2)), dtype))
    exact = 2 / np.sqrt(np.pi) * scipy.special.dawsn(x)
    bound = 1e-12 if dtype == jnp.float64 else 5e-6
    assert np.max(np.abs(np.asarray(y, np.float64) - exact)) < bound


@pytest.mark.parametrize(
    ("extend", "inner", "everywhere"),
    [("zero", 1e-4, 5e-4), ("edge", 1e-4, 2e-4), ("power", 1e-5, 1e-5)],
)
def test_lorentzian_gives_its_dispersion(extend, inner, everywhere):
    x = np.linspace(-100, 100, 1000)
    absorption = jnp.asarray(2 / (4 + x**2), WIDE)
    y = compiled(absorption, extend=extend, exponent=2.0)
    error = np.abs(np.asarray(y) - x / (4 + x**2))
    assert np.max(error[np.abs(x) < 80]) < inner
    assert np.max(error) < everywhere


# Outside references.


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_periodic_form_is_scipys(n):
    dtype = WIDE
    x = sample(3, n).astype(dtype)
    z = jax.jit(analytic_signal, static_argnames="method")(x, method="fft")
    reference = scipy.signal.hilbert(x.astype(np.float64))
    np.testing.assert_allclose(z, reference, atol=20 * jnp.finfo(dtype).eps)


@pytest.mark.parametrize("n", [1, 2, 8, 33])
@pytest.mark.parametrize("method", ["ideal", "matrix"])
def test_ideal_form_is_the_sum(n, method):
    dtype, x = WIDE, sample(n)
    k = np.subtract.outer(np.arange(n), np.arange(n))
    kernel = np.where(k % 2 == 1, 2 / (np.pi * np.where(k == 0, 1, k)), 0)
    y = compiled(jnp.asarray(x, dtype), method=method)
    np.testing.assert_allclose(y, kernel @ x, atol=50 * jnp.finfo(dtype).eps)


@pytest.mark.parametrize(("n", "exponent"), [(2, 1.0), (9, 2.5), (64, 2.0)])
def test_power_tail_is_padding_without_end(n, exponent):
    x, pad = sample(n), 20000
    d = (n - 1) / 2
    tail = (d / (d + np.arange(1, pad + 1))) ** exponent
    padded = np.concatenate([x[0] * tail[::-1], x, x[-1] * tail])
    by_padding = np.asarray(compiled(jnp.asarray(padded, WIDE)))
    y = compiled(jnp.asarray(x, WIDE), extend="power", exponent=exponent)
    # The padding leaves the rest of the tail out; the values add as 1 / j^(1 + p).
    rest = np.abs(x).max() * (d / pad) ** exponent / (np.pi * exponent) * 2
    difference = np.abs(by_padding[pad : pad + n] - y)
    assert np.max(difference) < 1.01 * rest + 100 * TOLERANCE


def test_edge_tail_is_padding_up_to_a_constant():
    x, pad = sample(9), 20000
    padded = np.pad(x, pad, mode="edge")
    by_padding = np.asarray(compiled(jnp.asarray(padded, WIDE)))[pad:-pad]
    y = np.asarray(compiled(jnp.asarray(x, WIDE), extend="edge"))
    difference = by_padding - y
    assert np.ptp(difference) < 2e-3
    centre = compiled(jnp.asarray(x, WIDE))[4]
    np.testing.assert_allclose(y[4], centre, atol=TOLERANCE)


@pytest.mark.parametrize("n", [1, 8, 9])
def test_edge_tail_makes_a_constant_vanish(n):
    y = compiled(jnp.full(n, 3.0, WIDE), extend="edge")
    np.testing.assert_allclose(y, 0, atol=TOLERANCE)


@pytest.mark.parametrize("extend", ["zero", "edge", "power"])
def test_matrix_is_ideal(extend):
    x = jnp.asarray(sample(2, 50), WIDE)
    ideal, matrix = (
        compiled(x, method=method, extend=extend, exponent=1.3)
        for method in ("ideal", "matrix")
    )
    np.testing.assert_allclose(ideal, matrix, atol=TOLERANCE)


def test_lengths_are_even_and_smooth():
    assert [good_length(n) for n in (1, 2, 11, 1999, 2187)] == [2, 2, 12, 2000, 2240]


# The analytic signal.


def test_envelope_and_phase_of_a_chirp(dtype):
    t = np.linspace(-1, 1, 400)
    amplitude, phase = np.exp(-4 * t**2), 2 * np.pi * (20 * t + 2 * t**2)
    x = jnp.asarray(amplitude * np.cos(phase), dtype)
    middle = slice(100, 300)
    np.testing.assert_allclose(
        jax.jit(envelope)(x)[middle], amplitude[middle], atol=2e-3
    )
    found = np.asarray(jax.jit(instantaneous_phase)(x))[middle]
    np.testing.assert_allclose(found - found[0], phase[middle] - phase[100], atol=1e-2)
    wrapped = instantaneous_phase(x, unwrap=False)
    np.testing.assert_allclose(wrapped, np.angle(analytic_signal(x)), atol=1e-5)


def test_zero_signal_has_zero_gradients(dtype):
    x = jnp.zeros(8, dtype)
    for fn in (envelope, instantaneous_phase):
        assert not np.any(jax.jit(jax.grad(lambda x, fn=fn: jnp.sum(fn(x))))(x))


def test_envelope_scales_beyond_the_square_root_of_the_range(dtype):
    x = jnp.asarray(sample(8), dtype)
    size = float(jnp.finfo(dtype).max) ** 0.75
    for factor in (size, 1 / size):
        np.testing.assert_allclose(envelope(x * factor), envelope(x) * factor, 1e-5)


# Plumbing.


@pytest.mark.parametrize("options", METHODS)
def test_transforms_gradients_and_dtype(options, dtype):
    x = jnp.asarray(sample(2, 7), dtype)
    fn = lambda x: hilbert_transform(x, **options)
    assert_transforms(fn, x)
    assert_gradients(fn, x)


@pytest.mark.parametrize("fn", [analytic_signal, envelope, instantaneous_phase])
def test_transforms_of_the_analytic_signal(fn, dtype):
    x = jnp.asarray(sample(2, 9), dtype)
    assert_transforms(fn, x)
    assert_gradients(fn, x)
    assert_lowers(fn, x)


@pytest.mark.parametrize("options", METHODS)
def test_lowers_for_machines_that_are_not_here(options):
    assert_lowers(
        lambda x: hilbert_transform(x, **options),
        jax.ShapeDtypeStruct((4, 30), jnp.float32),
    )


@pytest.mark.parametrize("options", METHODS[:2])
def test_any_axis_and_batch(options):
    x = jnp.asarray(sample(3, 5, 4), WIDE)
    fn = lambda x, axis=-1: np.asarray(compiled(x, axis=axis, **options))
    for axis in (0, -2):
        moved = np.moveaxis(fn(jnp.moveaxis(x, axis, -1)), -1, axis)
        np.testing.assert_allclose(fn(x, axis), moved, atol=TOLERANCE)
    assert fn(x[:0]).shape == (0, 5, 4)
    np.testing.assert_allclose(fn(x[0, 0]), fn(x)[0, 0], atol=TOLERANCE)


def test_number_types():
    assert compiled(np.arange(4)).dtype == jnp.result_type(float)
    half = compiled(jnp.ones(4, jnp.bfloat16), extend="power")
    assert half.dtype == jnp.bfloat16
    assert envelope(jnp.ones(4, jnp.float16)).dtype == jnp.float16
    assert analytic_signal(jnp.ones(4, jnp.float16)).dtype == jnp.complex64


# Bad input.


def test_complex_input_is_refused():
    for fn in (hilbert_transform, analytic_signal, envelope, instantaneous_phase):
        with pytest.raises(TypeError, match="`x` must be real; got complex"):
            fn(jnp.ones(3, jnp.complex64))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"axis": 1}, "`axis` 1"),
        ({"method": "dct"}, "`method`"),
        ({"extend": "reflect"}, "`extend`"),
        ({"extend": "edge", "method": "fft"}, '`extend`.*"ideal"'),
        ({"extend": "power", "exponent": 0.0}, "`exponent`"),
        ({"extend": "power", "exponent": float("nan")}, "`exponent`"),
    ],
)
def test_bad_options_are_refused_by_name(options, word):
    with pytest.raises(ValueError, match=word):
        hilbert_transform(jnp.ones(4), **options)


def test_no_points_are_refused():
    with pytest.raises(ValueError, match=r"`x`.*no point"):
        hilbert_transform(jnp.ones((3, 0)))

"""Number types, and safe functions at their singular points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax import _numerics as num
from physjax.operators._half_angles import safe_arccos
from physjax.testing import assert_gradients, assert_transforms

SAFE = [
    (num.safe_sqrt, jnp.sqrt, [0.2, 1.0, 9.0]),
    (num.safe_log, jnp.log, [0.2, 1.0, 9.0]),
    (safe_arccos, jnp.arccos, [-0.9, 0.0, 0.5]),
    (num.safe_norm, jnp.linalg.norm, [3.0, 0.0, -4.0]),
    (lambda x: num.safe_divide(jnp.ones_like(x), x), lambda x: 1 / x, [-2.0, 0.5, 4.0]),
]


@pytest.mark.parametrize(("safe", "plain", "values"), SAFE)
def test_safe_is_plain_where_that_is_regular(safe, plain, values, dtype):
    x = jnp.array(values, dtype)
    np.testing.assert_allclose(safe(x), plain(x), rtol=1e-6)
    assert_transforms(safe, x)
    assert_gradients(safe, x)


@pytest.mark.parametrize(
    ("safe", "point", "value"),
    [
        (num.safe_sqrt, 0.0, 0.0),
        (num.safe_sqrt, -1.0, 0.0),
        (safe_arccos, 1.0, 0.0),
        (safe_arccos, -1.0, np.pi),
        (safe_arccos, 1.1, 0.0),
        (lambda x: num.safe_divide(jnp.ones_like(x), x), 0.0, 0.0),
        (lambda x: num.safe_norm(jnp.stack([x, x])), 0.0, 0.0),
    ],
)
def test_finite_with_zero_gradient_at_the_singular_point(safe, point, value, dtype):
    x = jnp.asarray(point, dtype)
    both = jax.jit(lambda x: (*jax.jvp(safe, (x,), (x * 0 + 1,)), jax.grad(safe)(x)))
    assert both(x) == pytest.approx((value, 0, 0), rel=1e-6)


@pytest.mark.parametrize("point", [0.0, -1.0])
def test_log_stops_at_the_smallest_normal_number(point, dtype):
    x = jnp.asarray(point, dtype)
    assert num.safe_log(x) == pytest.approx(np.log(float(jnp.finfo(dtype).tiny)))
    assert jax.grad(num.safe_log)(x) == 0


def test_norm_neither_overflows_nor_underflows(dtype):
    limits = jnp.finfo(dtype)
    gradient = jax.jit(jax.grad(num.safe_norm))
    for size in (float(limits.max) / 10, float(limits.tiny) * 10):
        x = jnp.array([3.0, 4.0], dtype) * size / 5
        np.testing.assert_allclose(num.safe_norm(x), size, rtol=1e-6)
        np.testing.assert_allclose(gradient(x), [0.6, 0.8], rtol=1e-6)


def test_norm_of_complex_numbers():
    x = jnp.array([[3 + 0j, 4j], [0, 0]], jnp.complex64)
    np.testing.assert_allclose(num.safe_norm(x), [5, 0])
    assert np.all(np.isfinite(jax.jit(jax.grad(lambda x: num.safe_norm(x).sum()))(x)))


def test_number_types(dtype):
    assert num.as_inexact(3, "x").dtype == jnp.result_type(float)
    assert num.as_inexact(np.arange(3), "x").dtype == jnp.result_type(float)
    assert num.as_inexact(jnp.ones(2, dtype), "x").dtype == dtype
    assert num.real_dtype(num.complex_dtype(dtype)) == dtype
    assert num.real_dtype(dtype) == dtype
    assert num.working_dtype(dtype) == dtype
    assert num.working_dtype(jnp.float16) == jnp.float32
    assert num.complex_dtype(jnp.bfloat16) == jnp.complex64


@pytest.mark.parametrize("bad", ["text", None, np.array([True]), np.array([object()])])
def test_what_is_not_a_number_is_refused_by_name(bad):
    with pytest.raises(TypeError, match="`field`"):
        num.as_inexact(bad, "field")


def test_complex_and_missing_axes_are_refused_by_name():
    with pytest.raises(TypeError, match="`field` must be real; got complex"):
        num.as_real(1j, "field")
    with pytest.raises(ValueError, match="`axis` 2 is not an axis of `field`"):
        num.check_axis(jnp.ones((2, 3)), 2, "field")
    with pytest.raises(ValueError, match="no point"):
        num.check_axis(jnp.ones((2, 0)), 1, "field")
    assert num.check_axis(jnp.ones((2, 3)), 0, "field") == -2

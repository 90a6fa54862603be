"""Every assertion holds for what is right, and fails for what is wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax import testing

X = jnp.linspace(0.5, 1.0, 6, dtype=jnp.float32)


def test_transforms_hold_for_trees_and_integers(dtype):
    tree = {"a": jnp.ones((2, 3), dtype), "n": jnp.arange(3)}
    testing.assert_transforms(lambda t: (t["a"] * 2, t["n"]), tree)
    testing.assert_transforms(lambda n: n + 1, jnp.arange(3))


def test_transforms_find_a_dtype_that_widens_or_narrows():
    with pytest.raises(AssertionError, match="bits wide"):
        testing.assert_transforms(lambda x: x.astype(jnp.bfloat16), X)


def test_transforms_find_what_depends_on_the_trace():
    calls = []

    def impure(x):
        calls.append(0)
        return x * len(calls)

    with pytest.raises(AssertionError, match="`jit`"):
        testing.assert_transforms(impure, X)


def test_transforms_find_what_mixes_the_batch():
    wrong = jax.custom_batching.custom_vmap(lambda x: x)
    wrong.def_vmap(lambda size, batched, x: (x[::-1], True))
    with pytest.raises(AssertionError, match="`vmap`"):
        testing.assert_transforms(wrong, X)


def test_gradients_hold_for_complex_and_several_arguments(dtype):
    x = jnp.linspace(0.5, 1.0, 6, dtype=dtype)
    fn = lambda x, y: {"z": jnp.exp(jax.lax.complex(x, y)), "s": jnp.sum(x * y)}
    testing.assert_gradients(fn, x, x**2)


def test_gradients_find_a_wrong_rule():
    @jax.custom_jvp
    def wrong(x):
        return x**2

    wrong.defjvp(lambda p, t: (p[0] ** 2, p[0] * t[0]))
    with pytest.raises(AssertionError, match="differs from differences"):
        testing.assert_gradients(wrong, X)


def test_gradients_find_poles():
    with pytest.raises(AssertionError, match="not finite"):
        testing.assert_gradients(jnp.sqrt, jnp.zeros(3))


def test_gradients_find_modes_that_disagree():
    wrong = lambda x: jax.lax.custom_linear_solve(
        lambda u: 2 * u, x, lambda _, b: b / 2, lambda _, b: b / 3
    )
    with pytest.raises(AssertionError, match="`jvp` and `vjp`"):
        testing.assert_gradients(wrong, X)


def test_adjoint_conjugates():
    a = jnp.asarray(np.random.default_rng(0).standard_normal((3, 2, 2)), jnp.float32)
    a = jax.lax.complex(a[..., 0], a[..., 1])
    x = jnp.array([1 + 2j, 3 - 1j], jnp.complex64)
    y = jnp.array([1j, 2, 1 - 1j], jnp.complex64)
    testing.assert_adjoint(lambda u: a @ u, lambda v: a.conj().T @ v, x, y)
    with pytest.raises(AssertionError, match="not adjoint"):
        testing.assert_adjoint(lambda u: a @ u, lambda v: a.T @ v, x, y)


def test_order_is_the_slope():
    h = np.array([0.1, 0.05, 0.025])
    assert testing.observed_order(3 * h**2, h) == pytest.approx(2)
    with pytest.raises(ValueError, match="`errors`"):
        testing.observed_order([1.0], [1.0])


def test_lowering_names_the_platform():
    testing.assert_lowers(jnp.sin, jax.ShapeDtypeStruct((3,), jnp.float32))
    callback = lambda x: jax.pure_callback(np.sin, x, x)
    with pytest.raises(AssertionError, match="does not lower for cpu"):
        testing.assert_lowers(callback, X)

"""Operators on callables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import WIDE

from physjax import Periodic
from physjax.operators import differences, pointwise, spectral
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

TIGHT = 1e-10 if X64 else 1e-3
POINT = jnp.asarray([0.4, -0.7], WIDE)
# In numbers: u, its derivatives by hand, a coefficient.
U = lambda x: jnp.sin(2 * x[0]) * jnp.exp(x[1])
SIGMA = lambda x: 1 + x[0] ** 2


def network(weights, x):
    for w in weights[:-1]:
        x = jnp.tanh(w @ x)
    return jnp.sum(weights[-1] @ x)


def weights():
    random = np.random.default_rng(0)
    shapes = [(8, 2), (8, 8), (1, 8)]
    return [jnp.asarray(random.standard_normal(s) / 2, WIDE) for s in shapes]


def test_against_derivatives_by_hand():
    s, c, e = np.sin(0.8), np.cos(0.8), np.exp(-0.7)
    pairs = [
        (pointwise.gradient(U), [2 * c * e, s * e]),
        (pointwise.laplacian(U), -3 * s * e),
        (pointwise.laplacian(U, mode="taylor"), -3 * s * e),
        (pointwise.biharmonic(U), 9 * s * e),  # (-4 + 1)^2 u
        (pointwise.div_sigma_grad(U, SIGMA), -1.16 * 3 * s * e + 0.8 * 2 * c * e),
        (pointwise.div_sigma_grad(U, 2.0), -6 * s * e),
    ]
    found = jax.jit(lambda x: [fn(x) for fn, _ in pairs])(POINT)
    for value, (_, expected) in zip(found, pairs, strict=True):
        np.testing.assert_allclose(value, expected, rtol=TIGHT)


def test_both_modes_agree_on_a_network_and_train_it():
    values = [
        jax.jit(jax.grad(lambda w, mode=mode: residual(w, mode)))(weights())
        for mode in ("reverse", "taylor")
    ]
    for a, b in zip(*values, strict=True):
        np.testing.assert_allclose(a, b, rtol=100 * TIGHT, atol=TIGHT)


def residual(weights, mode):
    u = lambda x: network(weights, x)
    return pointwise.laplacian(u, mode=mode)(POINT) ** 2


def test_fields_of_vectors_and_of_complex_numbers():
    vector = lambda x: jnp.stack([U(x), x[0] ** 2])
    assert pointwise.gradient(vector)(POINT).shape == (2, 2)
    second = pointwise.laplacian(vector)(POINT)
    np.testing.assert_allclose(second[0], pointwise.laplacian(U)(POINT), rtol=TIGHT)
    np.testing.assert_allclose(second[1], 2.0, rtol=TIGHT)
    wave = lambda x: jnp.exp(jax.lax.complex(0 * x[0], x[0] + 2 * x[1]))
    np.testing.assert_allclose(
        pointwise.laplacian(wave)(POINT), -5 * wave(POINT), rtol=TIGHT
    )


def test_a_callable_and_its_samples_are_exchangeable():
    """Spectral derivatives of periodic samples are those of the function."""
    n = 32
    h = 2 * np.pi / n
    x = jnp.arange(n, dtype=WIDE) * h
    x = jnp.stack(jnp.meshgrid(x, x, indexing="ij"), -1)
    u = lambda x: jnp.exp(jnp.sin(x[0])) * jnp.cos(x[1])
    sampled = lambda fn: jax.jit(jax.vmap(jax.vmap(fn)))(x)
    values = sampled(u)
    atol = 1e-10 if X64 else 1e-3
    exact = sampled(pointwise.laplacian(u))
    found = spectral.laplacian(values, (h, h))
    np.testing.assert_allclose(found, exact, atol=atol)
    exact = jnp.moveaxis(sampled(pointwise.gradient(u)), -1, 0)
    found = jnp.stack(spectral.gradient(values, (h, h)))
    np.testing.assert_allclose(found, exact, atol=atol)
    wall = (Periodic(), Periodic())
    found = differences.laplacian(values, (h, h), [wall, wall], order=8)
    exact = sampled(pointwise.laplacian(u))
    np.testing.assert_allclose(found, exact, atol=1e-3)


def test_integrals_of_polynomials_are_exact():
    u = lambda x: x[0] ** 3 * x[1] ** 2
    low, high = jnp.asarray([0.0, 1.0], WIDE), jnp.asarray([2.0, 4.0], WIDE)
    found = pointwise.integrate(u, low, high, points=2)
    np.testing.assert_allclose(found, 4.0 * 21.0, rtol=TIGHT)
    energy = pointwise.dirichlet_energy(lambda x: x[0] * x[1], 2.0, low, high, points=2)
    np.testing.assert_allclose(energy, 2 * 21.0 + 3 * 8 / 3, rtol=TIGHT)


@pytest.mark.parametrize(
    "fn",
    [
        pointwise.gradient(U),
        pointwise.laplacian(U),
        pointwise.laplacian(U, mode="taylor"),
        pointwise.div_sigma_grad(U, SIGMA),
        lambda x: pointwise.integrate(U, x, 2 * x, points=4),
    ],
)
def test_transforms_gradients_and_dtype(fn, dtype):
    x = POINT.astype(dtype)
    assert_transforms(fn, x)
    assert_gradients(fn, x)
    assert_lowers(fn, x)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: pointwise.gradient(3.0), TypeError, "`u`.*3.0"),
        (lambda: pointwise.gradient(U)(jnp.ones((2, 2))), ValueError, "`x`.*vmap"),
        (lambda: pointwise.laplacian(U)(np.ones(2) * 1j), TypeError, "`x`"),
        (lambda: pointwise.divergence(U)(POINT), ValueError, "`flux`.*length 2"),
        (lambda: pointwise.laplacian(U, mode="forward"), ValueError, "`mode`"),
        (lambda: pointwise.integrate(U, [0.0], [1.0, 1.0]), ValueError, "`low`"),
        (
            lambda: pointwise.integrate(U, [0.0], [1.0], points=0),
            ValueError,
            "`points`",
        ),
    ],
)
def test_bad_input_names_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()

"""Spectral derivatives of periodic fields."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import WIDE

from physjax.operators import spectral
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

TIGHT = 1e-10 if X64 else 1e-3
sample = lambda *shape, seed=3: jnp.asarray(
    np.random.default_rng(seed).standard_normal(shape), WIDE
)


@pytest.mark.parametrize("n", [15, 16])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_exact_for_waves(n, order):
    x = np.arange(n) * 0.7
    k = 2 * np.pi * 3 / (0.7 * n)
    phase = order * np.pi / 2
    u = jnp.asarray(np.stack([np.cos(k * x), np.sin(k * x)]), WIDE)
    found = spectral.derivative(u, 0.7, order=order)
    expected = k**order * np.stack([np.cos(k * x + phase), np.sin(k * x + phase)])
    np.testing.assert_allclose(found, expected, atol=TIGHT * k**order)
    along = spectral.derivative(u.T, 0.7, axis=0, order=order)
    np.testing.assert_allclose(along, found.T, atol=TIGHT * k**order)
    wave = jax.lax.complex(u[0], u[1])
    found = spectral.derivative(wave, 0.7, order=order)
    np.testing.assert_allclose(found, (1j * k) ** order * wave, atol=TIGHT * k**order)


@pytest.mark.parametrize("shape", [(6, 8), (7, 9)])
def test_adjoint_symmetric_and_without_loss(shape):
    h = (0.3, 0.5)
    u, v, q = sample(2, *shape, seed=1), sample(2, *shape, seed=2), sample(2, 2, *shape)
    grads = spectral.gradient(u, h)
    left = sum(jnp.sum(a * b) for a, b in zip(q, grads, strict=True))
    right = jnp.sum(u * spectral.divergence(list(q), h))
    np.testing.assert_allclose(left, -right, rtol=TIGHT)
    for fn in (spectral.laplacian, spectral.biharmonic):
        left, right = jnp.sum(v * fn(u, h)), jnp.sum(u * fn(v, h))
        np.testing.assert_allclose(left, right, rtol=TIGHT)
        total = jnp.sum(fn(u, h), axis=(1, 2))
        np.testing.assert_allclose(total, 0, atol=10 * TIGHT)
    twice = spectral.laplacian(spectral.laplacian(u, h), h)
    np.testing.assert_allclose(spectral.biharmonic(u, h), twice, rtol=TIGHT)
    complex_field = jax.lax.complex(u, v)
    found = spectral.laplacian(complex_field, h)
    np.testing.assert_allclose(found.imag, spectral.laplacian(v, h), rtol=TIGHT)


def test_transforms_gradients_and_dtype(dtype):
    def fn(u, h):
        parts = spectral.gradient(u, (h, 0.5))
        return (
            parts,
            spectral.divergence(parts, (h, 0.5)),
            spectral.laplacian(u, (h, h)),
        )

    u, h = sample(6, 5).astype(dtype), jnp.asarray(0.9, dtype)
    assert_transforms(lambda u: fn(u, 0.9), u)
    assert_gradients(fn, u, h)
    assert_lowers(fn, jax.ShapeDtypeStruct((4, 8, 8), jnp.float32), jnp.float32(1))
    assert spectral.laplacian(jnp.ones(4, jnp.bfloat16), (1.0,)).dtype == jnp.bfloat16


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda u: spectral.derivative(u, 1.0, order=0), "`order`.*0"),
        (lambda u: spectral.derivative(u, -1.0), "`spacing`.*-1.0"),
        (lambda u: spectral.derivative(u, 1.0, axis=3), "`axis` 3"),
        (lambda u: spectral.laplacian(u, (1.0, 1.0, 1.0)), "`u`.*3 of them"),
        (lambda u: spectral.divergence([u], (1.0, 1.0)), "`flux`"),
    ],
)
def test_bad_input_names_the_argument(call, words):
    with pytest.raises(ValueError, match=words):
        call(jnp.ones((3, 4), WIDE))

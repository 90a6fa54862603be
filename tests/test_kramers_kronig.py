"""imag_from_real, real_from_imag."""

import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES

from physjax.operators import imag_from_real, real_from_imag
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

WIDE = DTYPES[-1]
AXIS = np.linspace(-100, 100, 1000)


def resonance(axis=AXIS, position=0.0, width=2.0):
    chi = 1 / (position - axis - 1j * width)
    return jnp.asarray(chi.real, WIDE), jnp.asarray(chi.imag, WIDE)


def test_an_ascending_axis_has_a_positive_imaginary_part():
    real, imag = resonance()
    assert np.all(np.asarray(imag) > 0)
    found = np.asarray(imag_from_real(real))
    assert found[np.argmax(imag)] > 0.4
    assert np.argmax(found) in (499, 500)


def test_the_parts_of_a_resonance_give_each_other():
    real, imag = resonance()
    np.testing.assert_allclose(real_from_imag(imag, extend="power"), real, atol=1e-5)
    np.testing.assert_allclose(imag_from_real(real, extend="power"), imag, atol=1e-4)


def test_there_and_back():
    _, imag = resonance()
    back = imag_from_real(real_from_imag(imag, extend="power"), extend="power")
    np.testing.assert_allclose(back, imag, atol=1e-4)


def test_reversal_of_the_axis_changes_the_sign():
    real, imag = resonance(position=10.0)
    turned = real_from_imag(imag[::-1], extend="power")[::-1]
    np.testing.assert_allclose(turned, -real, atol=1e-4)


def test_a_constant_is_left_out_by_the_edge():
    real, imag = resonance()
    found = imag_from_real(real + 1.0, extend="edge")
    np.testing.assert_allclose(found, imag_from_real(real, extend="edge"), atol=1e-5)
    assert np.max(np.abs(found - imag)[50:-50]) < 1e-2


@pytest.mark.parametrize("fn", [imag_from_real, real_from_imag])
def test_transforms_gradients_and_lowering(fn, dtype):
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 9)), dtype)
    operator = lambda x: fn(x, axis=0, extend="power")
    assert_transforms(operator, x)
    assert_gradients(operator, x)
    assert_lowers(operator, x)


def test_complex_input_is_refused_by_name():
    with pytest.raises(TypeError, match="`real` must be real"):
        imag_from_real(jnp.ones(3, jnp.complex64))
    with pytest.raises(TypeError, match="`imag` must be real"):
        real_from_imag(jnp.ones(3, jnp.complex64))

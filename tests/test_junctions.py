"""built_in_potential, depletion_width, short_diode_current."""

import jax.numpy as jnp
import numpy as np
import pytest

from physjax._constants import ELEMENTARY_CHARGE, VACUUM_PERMITTIVITY_CM
from physjax.operators import (
    built_in_potential,
    depletion_width,
    short_diode_current,
)
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

DIODE = (1e17, 3e16, 1e10, 800.0, 300.0, 1.2e-5, 1.4e-5)


def numbers(dtype, *values):
    return [jnp.asarray(value, dtype) for value in values]


def test_silicon_and_gallium_arsenide(dtype):
    n_a, n_d, n_si, n_gaas = numbers(dtype, 1e17, 1e17, 1e10, 1.8e6)
    v_si = built_in_potential(n_a, n_d, n_si)
    v_gaas = built_in_potential(n_a, n_d, n_gaas)
    np.testing.assert_allclose([v_si, v_gaas], [0.83337, 1.27919], rtol=1e-5)
    widths = [
        depletion_width(n_a, n_d, v_si, *numbers(dtype, 11.7)),
        depletion_width(n_a, n_d, v_gaas, *numbers(dtype, 12.9)),
    ]
    np.testing.assert_allclose(widths, [146.8e-7, 191.0e-7], rtol=1e-3)
    assert v_si.dtype == widths[0].dtype == dtype


def test_the_depleted_charges_balance_and_hold_the_barrier(dtype):
    n_a, n_d, barrier, permittivity = numbers(dtype, 4e16, 1e17, 0.7, 11.7)
    width = depletion_width(n_a, n_d, barrier, permittivity)
    x_p, x_n = width * n_d / (n_a + n_d), width * n_a / (n_a + n_d)
    np.testing.assert_allclose(x_p * n_a, x_n * n_d, rtol=1e-6)
    field = ELEMENTARY_CHARGE * n_a * x_p / (VACUUM_PERMITTIVITY_CM * permittivity)
    np.testing.assert_allclose(0.5 * field * width, barrier, rtol=1e-5)


def test_current_grows_tenfold_per_sixty_millivolts_and_saturates(dtype):
    volts = jnp.asarray([-1.0, 0.0, 0.4, 0.4 + 0.0595265], dtype)
    reverse, none, low, high = short_diode_current(volts, *numbers(dtype, *DIODE))
    assert none == 0
    np.testing.assert_allclose(high / low, 10.0, rtol=1e-4)
    saturation = low / jnp.exp(volts[2] / 0.025852)
    np.testing.assert_allclose(reverse, -saturation, rtol=1e-4)


def test_transforms_gradients_and_lowering(dtype):
    v, *diode = numbers(dtype, 0.4, *DIODE)

    def all_three(v, scale):
        n_a, n_d, n_i = diode[0] * scale, diode[1], diode[2]
        barrier = built_in_potential(n_a, n_d, n_i) - v
        width = depletion_width(n_a, n_d, barrier, 11.7)
        current = short_diode_current(v, n_a, *diode[1:])
        return barrier, 1e5 * width, jnp.log(current)

    one = jnp.ones((), dtype)
    assert_transforms(all_three, v, one)
    # Differences of a logarithm of a current that grows by exp(40 v).
    assert_gradients(all_three, v, one, rtol=1e-7 if dtype == jnp.float64 else 2e-2)
    assert_lowers(all_three, v, one)


@pytest.mark.parametrize("temperature", [250, 300])
def test_plain_numbers_do(temperature):
    v = built_in_potential(10**17, 1e17, 1e10, temperature=temperature)
    np.testing.assert_allclose(v, 0.833370 * temperature / 300, rtol=1e-5)

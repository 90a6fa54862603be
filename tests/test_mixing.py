"""operators.mixing."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES

from physjax.operators import _angles as angles
from physjax.operators import mixing
from physjax.operators._half_angles import folded_angle
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

WIDE = DTYPES[-1]
RANDOM = np.random.default_rng(0)
ENDMEMBERS = RANDOM.uniform(0.1, 0.9, (4, 12))
ABUNDANCES = RANDOM.dirichlet(np.ones(4), (3, 2))
AXIS = np.linspace(400.0, 1000.0, 61)


def arrays(dtype, *values):
    return [jnp.asarray(value, dtype) for value in values]


def test_a_pure_pixel_is_its_endmember(dtype):
    (endmembers,) = arrays(dtype, ENDMEMBERS)
    for mix in (mixing.linear_mixing, mixing.fan_mixing):
        np.testing.assert_allclose(mix(jnp.eye(4, dtype=dtype), endmembers), endmembers)


def test_brightness_scales_the_mixture(dtype):
    abundances, endmembers = arrays(dtype, ABUNDANCES, ENDMEMBERS)
    brightness = jnp.full((3, 2), 0.5, dtype)
    for mix in (mixing.linear_mixing, mixing.fan_mixing):
        half = mix(abundances, endmembers, brightness)
        np.testing.assert_allclose(half, mix(abundances, endmembers) / 2, rtol=1e-5)


def test_fan_adds_every_pair_once(dtype):
    abundances, endmembers = arrays(dtype, ABUNDANCES, ENDMEMBERS)
    pairs = sum(
        ABUNDANCES[..., i, None]
        * ABUNDANCES[..., j, None]
        * ENDMEMBERS[i]
        * ENDMEMBERS[j]
        for j in range(4)
        for i in range(j)
    )
    for strength in (0.0, 0.3):
        found = mixing.fan_mixing(abundances, endmembers, strength=strength)
        expected = ABUNDANCES @ ENDMEMBERS + strength * pairs
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_post_nonlinear_is_a_parabola(dtype):
    abundances, endmembers, b = arrays(
        dtype, ABUNDANCES, ENDMEMBERS, ABUNDANCES[..., 0]
    )
    found = mixing.post_nonlinear_mixing(abundances, endmembers, b)
    x = ABUNDANCES @ ENDMEMBERS
    np.testing.assert_allclose(found, x + ABUNDANCES[..., :1] * x**2, rtol=1e-5)


def test_angles_keep_their_digits(dtype):
    """Against float64, from right angles down to 1e-5 rad."""
    x = RANDOM.uniform(0.05, 1, (40, 200)).astype(dtype).astype(np.float64)
    error = 0.0
    for size in (1.0, 1e-2, 1e-4, 1e-5):
        y = x * (1 + size * RANDOM.standard_normal(x.shape))
        y = y.astype(dtype).astype(np.float64)
        a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (x, y))
        exact = 2 * np.arctan2(
            np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)
        )
        found = mixing.spectral_angle(*arrays(dtype, x, y))
        error = max(error, np.max(np.abs(np.asarray(found) - exact)))
    assert error < (1e-6 if dtype == jnp.float32 else 1e-14)


def test_angles_do_not_know_brightness(dtype):
    x, y = arrays(dtype, *RANDOM.uniform(0.05, 1, (2, 300, 200)))
    angle = mixing.spectral_angle(x, y)
    for factor in (3e-7, 0.7, 1e20):
        scaled = mixing.spectral_angle(jnp.asarray(factor, dtype) * x, y)
        assert np.max(np.abs(scaled - angle)) < 2e-7
        same = mixing.spectral_angle(jnp.asarray(factor, dtype) * x, x)
        assert np.max(same) < 2e-7


def test_angles_to_all_endmembers_are_those_to_each(dtype):
    members = RANDOM.uniform(0.05, 1, (3, 60))
    members = np.concatenate([members, members[:1], np.zeros((1, 60))])
    small = members[0] * (1 + 1e-4 * RANDOM.standard_normal((6, 60)))
    spectra = np.concatenate([small, RANDOM.uniform(0, 1, (5, 60)), np.zeros((1, 60))])
    y, e = arrays(dtype, spectra, members)
    each = jax.vmap(lambda m: mixing.spectral_angle(y, jnp.broadcast_to(m, y.shape)))(e)
    np.testing.assert_allclose(mixing.spectral_angles(y, e), each.T, atol=1e-6)
    gradient = jax.grad(lambda y: jnp.sum(mixing.spectral_angles(y, e)))(e)
    assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("other", [0.0, 1.0])
def test_a_zero_spectrum_is_at_right_angles_to_all(other, dtype):
    zero, y = jnp.zeros(5, dtype), jnp.full(5, other, dtype)
    for pair in ((zero, y), (y, zero)):
        value, gradient = jax.value_and_grad(mixing.spectral_angle, (0, 1))(*pair)
        np.testing.assert_allclose(value, np.pi / 2, rtol=1e-6)
        assert not np.any(np.asarray(gradient))


def test_information_divergence_is_that_of_the_shapes(dtype):
    x, y = RANDOM.uniform(0.05, 1, (2, 6, 20))
    p, q = (v / v.sum(-1, keepdims=True) for v in (x, y))
    exact = np.sum(p * np.log(p / q) + q * np.log(q / p), -1)
    found = mixing.spectral_information_divergence(*arrays(dtype, 3 * x, y))
    np.testing.assert_allclose(found, exact, rtol=1e-4)
    zero = jnp.zeros(4, dtype)
    gradient = jax.grad(mixing.spectral_information_divergence)(zero, zero + 1)
    assert np.all(np.isfinite(gradient))


def test_the_simplex_is_projected_to_by_the_nearest_point(dtype):
    x = RANDOM.normal(0, 2, (50, 5))
    (found,) = arrays(dtype, mixing.project_simplex(jnp.asarray(x, dtype)))
    found = np.asarray(found, np.float64)
    np.testing.assert_allclose(np.sum(found, -1), 1, atol=1e-6)
    assert np.min(found) >= 0
    # The obtuse angle at the nearest point, towards every corner.
    slope = (x - found)[:, None, :] * (np.eye(5)[None] - found[:, None, :])
    assert np.max(np.sum(slope, -1)) < 1e-5
    again = mixing.project_simplex(jnp.asarray(found, dtype))
    np.testing.assert_allclose(again, found, atol=1e-6)


def test_the_continuum_is_the_upper_hull(dtype):
    x = RANDOM.uniform(0.2, 1, (5, 30))
    axis = np.cumsum(RANDOM.uniform(0.5, 2, 30))
    hull = np.empty_like(x)
    for row, out in zip(x, hull, strict=True):
        for k in range(30):
            chords = [
                row[i]
                + (axis[k] - axis[i])
                / max(axis[j] - axis[i], 1e-30)
                * (row[j] - row[i])
                for i in range(k + 1)
                for j in range(k, 30)
            ]
            out[k] = max(chords)
    found = mixing.continuum_removal(*arrays(dtype, x, axis))
    np.testing.assert_allclose(found, x / hull, rtol=1e-5)


def test_indices_choose_bands_by_wavelength():
    spectra, axis = arrays(WIDE, RANDOM.uniform(0.1, 1, (3, 61)), AXIS)
    found = mixing.normalized_difference(spectra, axis, 861.0, 672.0)
    red, infrared = spectra[:, 27], spectra[:, 46]
    np.testing.assert_allclose(found, (infrared - red) / (infrared + red), rtol=1e-6)
    turned = mixing.band_index(spectra[:, ::-1], axis[::-1], "ndwi")
    np.testing.assert_allclose(turned, mixing.band_index(spectra, axis, "ndwi"))
    with pytest.raises(ValueError, match="in nm"):
        mixing.band_index(spectra, axis / 1000, "ndvi")
    with pytest.raises(ValueError, match="one of"):
        mixing.band_index(spectra, axis, "ndxi")


@pytest.mark.parametrize("width", [0.5, 7.0, 60.0])
def test_resampling_keeps_constants_and_lines(width, dtype):
    new = np.linspace(560, 840, 9)
    source = np.sort(np.append(AXIS, [613.0, 617.0]))
    response = mixing.gaussian_response(*arrays(dtype, source, new, np.full(9, width)))
    np.testing.assert_allclose(np.sum(np.asarray(response), -1), 1, atol=1e-6)
    assert np.min(response) >= 0
    line = mixing.resample(jnp.asarray(source, dtype), response)
    np.testing.assert_allclose(line, new, rtol=1e-5)


def test_resampling_convolves():
    fine = np.linspace(400, 1000, 6001)
    spectrum = 0.5 + 0.3 * np.sin(fine / 25)
    response = mixing.gaussian_response(
        *arrays(WIDE, fine, np.array([600.0, 700.0]), np.array([40.0, 20.0]))
    )
    sigma = np.array([40.0, 20.0]) / np.sqrt(8 * np.log(2))
    exact = 0.5 + 0.3 * np.sin(np.array([600, 700]) / 25) * np.exp(
        -((sigma / 25) ** 2) / 2
    )
    found = mixing.resample(jnp.asarray(spectrum, WIDE), response)
    np.testing.assert_allclose(found, exact, atol=2e-5)
    with pytest.raises(ValueError, match="do not, the first is 1400"):
        mixing.gaussian_response(*arrays(WIDE, fine, [1400.0], [10.0]))


OPERATORS = {
    "linear": lambda a, e: mixing.linear_mixing(a, e, a[..., 0]),
    "fan": lambda a, e: mixing.fan_mixing(a, e, a[..., 0]),
    "post_nonlinear": lambda a, e: mixing.post_nonlinear_mixing(a, e, a[..., 0]),
    "angle": lambda a, e: mixing.spectral_angle(e[:2], e[2:]),
    "angles": lambda a, e: mixing.spectral_angles(e[:2], e[2:]),
    "divergence": lambda a, e: mixing.spectral_information_divergence(e[:2], e[2:]),
    "simplex": lambda a, e: mixing.project_simplex(2 * a - 1),
    "continuum": lambda a, e: mixing.continuum_removal(
        e, jnp.arange(12, dtype=e.dtype)
    ),
    "response": lambda a, e: mixing.resample(
        e,
        mixing.gaussian_response(
            jnp.arange(12, dtype=e.dtype), 3 + 5 * a[0, 0], 1 + a[0, 1]
        ),
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_transforms_gradients_and_lowering(name, dtype):
    args = arrays(dtype, ABUNDANCES, ENDMEMBERS)
    assert_transforms(OPERATORS[name], *args)
    assert_gradients(
        OPERATORS[name], *args, step=1e-3 if dtype == jnp.float32 else None
    )
    assert_lowers(OPERATORS[name], *args)


def test_the_inverse_cosine_is_the_same_angle_with_fewer_digits(dtype):
    """Its error is that of sums of 200 terms, over the angle."""
    e = RANDOM.uniform(0.05, 1, (6, 200))
    y = e[0] * (1 + 0.05 * RANDOM.standard_normal((40, 200)))
    y, e = arrays(dtype, y, e)
    exact = mixing.spectral_angles(y, e)
    found = mixing.spectral_angles(y, e, method="cosine")
    bound = 200**0.5 * float(jnp.finfo(dtype).eps) / exact
    assert np.all(np.abs(found - exact) < bound)
    each = mixing.spectral_angle(y, jnp.broadcast_to(e[0], y.shape), method="cosine")
    assert np.all(np.abs(each - exact[:, 0]) < bound[:, 0])
    zero = jnp.zeros(5, dtype)
    slope = jax.grad(ft.partial(mixing.spectral_angle, method="cosine"))(zero, zero + 1)
    assert not np.any(np.asarray(slope))


@pytest.mark.usefixtures("unchecked")
def test_methods_that_do_not_exist_are_refused():
    one = jnp.ones((2, 3))
    for function in (mixing.spectral_angle, mixing.spectral_angles):
        with pytest.raises(ValueError, match="accurate"):
            function(one, one, method="sine")


def test_an_angle_by_its_distances(dtype):
    half = np.linspace(0, np.pi / 4, 10_001)
    n, f = arrays(dtype, 9 * np.sin(half) ** 2, 9 * np.cos(half) ** 2)
    exact = 2 * np.arctan2(*(np.sqrt(np.asarray(z, np.float64)) for z in (n, f)))
    eps = float(jnp.finfo(dtype).eps)
    acute = lambda n, f: folded_angle(n, f, jnp.zeros(n.shape, bool))
    # Roundings of ratio, root and arctangent, and in float64 the reference's own; the
    # polynomial's 1e-9 is less.
    np.testing.assert_allclose(acute(n, f), exact, rtol=3 * eps, atol=0)
    obtuse = folded_angle(n, f, jnp.ones(n.shape, bool))
    np.testing.assert_allclose(obtuse, np.pi - exact, rtol=3 * eps, atol=0)
    assert_gradients(acute, n[2000:-1:2000], f[2000:-1:2000])
    slope = jax.grad(acute, (0, 1))(n[0] * 0, f[0])
    assert slope[0] == slope[1] == 0


def test_cubes_are_taken_in_blocks():
    """Angles of more pixels than a block has are those of each."""
    random = np.random.default_rng(0)
    for count in (5 * angles._ROWS_IN_CACHE // 2, angles._ROWS_IN_CACHE + 1):
        y, e = arrays(jnp.float32, random.uniform(size=(count, 7)), np.eye(3, 7) + 0.1)
        some = slice(count - 3, count)
        whole = mixing.spectral_angles(y, e)
        assert whole.shape == (count, 3)
        few = mixing.spectral_angles(y[some], e)
        np.testing.assert_allclose(whole[some], few, rtol=1e-5)

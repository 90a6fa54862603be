"""simulators.cars: the data model, and the published generators' statistics."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from scipy.ndimage import gaussian_filter1d

from physjax.operators import real_from_imag
from physjax.simulators import backgrounds, cars, spectrometer
from physjax.testing import assert_lowers

GENERATORS = {
    "specnet": cars.specnet,
    "lut": lambda key: cars.lut(key, background="polynomial"),
    "vector": lambda key: cars.vector(key, "2b"),
    "crimson": cars.crimson,
    "broad": cars.broad,
}


def many(generator, count, seed=0):
    return jax.jit(jax.vmap(generator))(jax.random.split(jax.random.key(seed), count))


@pytest.mark.parametrize("name", ["specnet", "lut", "vector"])
def test_intensity_is_half_the_squared_sum_and_real_part_follows_from_raman(name):
    """I - |chi_R + B|^2 / 2 is noise alone when Re chi_R = -H[Im chi_R].

    Judged at the median of 20 spectra: some have lines on the edge of the window.
    """
    spectrum = many(GENERATORS[name], 20)
    real = real_from_imag(spectrum.raman)
    model = ((real + spectrum.background) ** 2 + spectrum.raman**2) / 2
    scale = spectrum.intensity.max(-1, keepdims=True)
    residual = ((model - spectrum.intensity) / scale)[:, 100:-100]
    rms = jnp.sqrt(jnp.mean(residual**2, -1))
    assert float(jnp.median(rms)) < 0.01


def test_susceptibility_closed_form():
    nu = jnp.linspace(0.0, 100.0, 7)
    lines = cars.Lines(jnp.array([2.0, 0.0]), jnp.array([40.0, 10.0]), 3 * jnp.ones(2))
    real, imag = cars.susceptibility(nu, lines)
    exact = 2.0 / (40.0 - np.asarray(nu) - 3j)
    np.testing.assert_allclose(real, exact.real, rtol=1e-5)
    np.testing.assert_allclose(imag, exact.imag, rtol=1e-5)
    assert (imag > 0).all()


def test_at_resolution_is_exact_without_blur():
    x = jnp.linspace(0.0, 1.0, 400)
    lines = cars.Lines(
        jnp.array([0.02, 0.01]), jnp.array([0.3, 0.6]), 0.01 * jnp.ones(2)
    )
    background = 0.5 + 0.2 * x
    intensity, raman = cars.at_resolution(x, lines, background, jnp.array(0.0))
    real, imag = cars.susceptibility(x, lines)
    exact = ((real + background) ** 2 + imag**2) / 2
    np.testing.assert_allclose(intensity, exact, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(raman, imag, atol=1e-5 * imag.max())


@pytest.mark.parametrize(("width", "atol"), [(0.002, 1e-3), (0.004, 2e-4)])
def test_at_resolution_is_the_retrieval_of_the_blurred_intensity(width, atol):
    """Against SciPy on a grid 16 times finer and 9 times longer."""
    sigma, factor, level = 3.0, 16, 0.5
    x = jnp.linspace(0.0, 1.0, 1000)
    lines = cars.Lines(jnp.full(2, 1e-3), jnp.array([0.3, 0.6]), jnp.full(2, width))
    got = cars.at_resolution(x, lines, jnp.full(1000, level), jnp.array(sigma))

    fine = np.arange(-4.0, 5.0, 1 / 999 / factor)
    chi = sum(1e-3 / (centre - fine - 1j * width) for centre in (0.3, 0.6))
    sharp = np.abs(chi + level) ** 2 / 2
    blurred = gaussian_filter1d(sharp, sigma * factor)
    change = scipy.signal.hilbert(0.5 * np.log(blurred / sharp)).imag
    phase = np.angle(chi + level) + change
    raman = np.sqrt(2 * blurred) * np.maximum(np.sin(phase), 0)
    at_points = lambda y: np.interp(np.asarray(x), fine, y)
    np.testing.assert_allclose(got[0], at_points(blurred), atol=1e-4 * blurred.max())
    np.testing.assert_allclose(got[1], at_points(raman), atol=atol)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_key_makes_one_spectrum_and_another_another(name):
    make = jax.jit(GENERATORS[name])
    a, b, c = make(jax.random.key(1)), make(jax.random.key(1)), make(jax.random.key(2))
    assert all((x == y).all() for x, y in zip(a, b, strict=True))
    assert (a.intensity != c.intensity).any()
    assert all(x.dtype == jnp.float32 for x in a)
    assert all(np.isfinite(x).all() for x in a)


def test_generators_lower_for_accelerators():
    def numbers(data):
        return cars.broad(jax.random.wrap_key_data(data), num_points=64).intensity

    assert_lowers(numbers, jax.random.key_data(jax.random.key(0)))


def test_raman_is_positive_and_scaled_as_published():
    """max |chi_R| is U(0.3, 1): the largest Raman value stays below 1."""
    batch = many(lambda key: cars.vector(key, "1a"), 400)
    top = batch.raman.max(-1)
    assert (batch.raman >= 0).all()
    assert 0.6 < float(top.mean()) < 0.68
    assert float(top.max()) <= 1


def test_specnet_is_lut_with_two_sigmoids():
    a = cars.specnet(jax.random.key(5))
    b = cars.lut(jax.random.key(5), background="two_sigmoid")
    assert (a.intensity == b.intensity).all()


def test_more_lines_and_wider_ones_by_set():
    mean = {
        name: float(many(lambda key, n=name: cars.vector(key, n), 300).raman.mean())
        for name in ("1a", "1c", "3a", "3c")
    }
    assert mean["1a"] < mean["1c"] < mean["3c"]
    assert mean["1a"] < mean["3a"] < mean["3c"]


def test_crimson_drops_lines_below_the_noise():
    batch = many(cars.crimson, 300)
    faint = batch.raman.max(-1) == 0
    assert not faint.all()
    assert (batch.raman >= 0).all()


@pytest.fixture(scope="module")
def broad_spectra():
    return many(cars.broad, 300)


def test_broad_covers_weak_and_strong_resonances(broad_spectra):
    batch = broad_spectra
    share = batch.raman.max(-1) / jnp.sqrt(2 * batch.intensity.max(-1))
    assert float(jnp.quantile(share, 0.1)) < 0.1
    assert float(jnp.quantile(share, 0.9)) > 0.4


def test_excitation_profiles_are_positive_with_maximum_one():
    x = jnp.linspace(0.0, 1.0, 200)
    keys = jax.random.split(jax.random.key(0), 50)
    for shape in (backgrounds.excitation_profile, backgrounds.stokes_envelope):
        profiles = jax.vmap(shape, (0, None))(keys, x)
        np.testing.assert_allclose(profiles.max(-1), 1.0, rtol=1e-6)
        assert (profiles > 0).all()


def test_saturated_spectra_have_a_flat_top(broad_spectra):
    batch = broad_spectra
    at_top = (batch.intensity == batch.intensity.max(-1, keepdims=True)).sum(-1)
    assert 0.15 < float((at_top > 1).mean()) < 0.4


def test_spectrometer_counts_scale_and_dark():
    nu = jnp.asarray(spectrometer.pixel_axis(), jnp.float32)
    spectrum = spectrometer.record(jax.random.key(0), nu)
    assert nu.shape == (1340,)
    assert (jnp.diff(nu) > 0).all()
    assert 6.0e4 < float(spectrum.intensity.max()) < 6.2e4
    assert 400 < float(spectrum.intensity.min()) < 1500
    strongest = nu[jnp.argmax(spectrum.raman)]
    assert abs(float(strongest) - 1003.6) < 2


def test_unknown_names_are_named(unchecked):
    with pytest.raises(ValueError, match="9z"):
        cars.vector(jax.random.key(0), "9z")
    with pytest.raises(ValueError, match="step"):
        cars.lut(jax.random.key(0), background="step")


@pytest.fixture(scope="module")
def vector_files():
    folder = os.environ.get("PHYSJAX_SHARED_DATA")
    if not folder:
        pytest.skip("PHYSJAX_SHARED_DATA is not set: no published sets to compare with")
    return np.load(Path(folder) / "cars" / "vector9_first50.npz")


@pytest.mark.parametrize("name", cars.VECTOR_SETS)
def test_mean_raman_agrees_with_the_published_sets(name, vector_files):
    """Within 15 %, or where 50 spectra say less than that within 2 standard errors."""
    per_file = vector_files[f"{name}_raman"].mean(-1)
    ours = many(lambda key: cars.vector(key, name), 1000).raman.mean()
    error = 2 * per_file.std() / len(per_file) ** 0.5
    assert abs(float(ours) - per_file.mean()) < max(0.15 * per_file.mean(), error)

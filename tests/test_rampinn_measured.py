"""The shipped weights on published sets and on real spectra, against their floors.

The files are found through PHYSJAX_SHARED_DATA; nothing was chosen on them.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from physjax import io, training
from physjax.systems import load
from physjax.systems.rampinn.lines import find_lines, match_lines
from physjax.systems.rampinn.predict import predict_spectra

FLOORS = {
    "1a": 2.3e-3,
    "1b": 3.9e-3,
    "1c": 4.7e-3,
    "2a": 2.7e-3,
    "2b": 4.5e-3,
    "2c": 5.9e-3,
    "3a": 7.0e-3,
    "3b": 1.3e-2,
    "3c": 1.6e-2,
}
TOLUENE = np.array([521.7, 786.5, 1003.6, 1030.6, 1211.4, 1605.1])


@pytest.fixture(scope="module")
def folder():
    shared = os.environ.get("PHYSJAX_SHARED_DATA")
    if not shared:
        pytest.skip("PHYSJAX_SHARED_DATA is not set: no measured spectra to judge by")
    return Path(shared) / "cars"


@pytest.fixture(scope="module")
def shipped():
    return training.load_model(load("rampinn"))


def test_mean_absolute_error_on_the_vector_sets(folder, shipped):
    config, model = shipped
    figures = load("rampinn").evaluate(
        config, model, data=folder / "vector9_first50.npz"
    )
    errors = {name: figures[name]["model"]["mae"] for name in FLOORS}
    missed = {k: v for k, v in errors.items() if v > FLOORS[k]}
    assert not missed, errors
    for methods in figures.values():
        assert methods["model"]["mae"] < methods["kramers_kronig"]["mae"]
        assert methods["model"]["mae"] < methods["zero"]["mae"]


@pytest.mark.parametrize("exposure", ["000", "010"])
def test_lines_of_real_toluene(folder, shipped, exposure):
    measured = io.read_spectra(folder / f"toluene_1ms_cars_spec_{exposure}.csv")
    nu = measured.wavenumber
    raman, _ = predict_spectra(shipped[1], measured.load().reshape(-1), nu)
    found = find_lines(nu, raman)
    offsets = match_lines(found, TOLUENE)
    assert (np.abs(offsets) <= 4).sum() >= 4, offsets
    assert ((found > 1800) & (found < 2700)).sum() <= 10
    assert ((found > 450) & (found < 1750)).sum() <= 20


@pytest.mark.parametrize("pixel", ["50_50", "75_100"])
def test_real_cells_give_a_finite_and_positive_spectrum(folder, shipped, pixel):
    measured = io.read_spectra(folder / f"hepg2_pixel_{pixel}.csv")
    intensity = measured.load().reshape(-1)
    raman, background = predict_spectra(shipped[1], intensity, measured.wavenumber)
    assert np.isfinite(background).all()
    assert raman.min() > -0.02 * raman.max()


def test_four_times_the_intensity_and_a_reversed_axis(folder, shipped):
    data = np.load(folder / "vector9_first50.npz")
    nu, cars = data["wavenumber"], data["2b_cars"][:4]
    raman, background = predict_spectra(shipped[1], cars, nu)
    four, back = predict_spectra(shipped[1], 4 * cars, nu)
    np.testing.assert_allclose(four, 2 * raman, atol=1e-5 * raman.max())
    np.testing.assert_allclose(back, 2 * background, atol=1e-5 * background.max())
    reversed_, _ = predict_spectra(shipped[1], cars[:, ::-1], nu[::-1])
    np.testing.assert_allclose(reversed_[:, ::-1], raman, atol=1e-5 * raman.max())

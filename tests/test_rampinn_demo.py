"""`physjax demo rampinn`: the tour leaves a report, pictures and a run."""

import jax
import numpy as np

from physjax import io
from physjax.systems import load
from physjax.systems.rampinn.config import PRESETS
from physjax.systems.rampinn.demo import demo, write_simulated_csv


def small_model():
    config = PRESETS["small"]
    return config, load("rampinn").make_model(config, jax.random.key(0))


def test_simulated_csv_says_so_and_reads_back(tmp_path):
    path = tmp_path / "toluene.csv"
    write_simulated_csv(path)
    assert "simulated" in path.read_text().splitlines()[0]
    spectra = io.read_spectra(path)
    assert spectra.wavenumber.shape == (1340,)
    steps = np.diff(spectra.wavenumber)
    assert steps.max() > 1.3 * steps.min()  # pixels uniform in wavelength


def test_the_tour_and_a_second_one_with_a_file_of_ones_own(tmp_path, capsys):
    config, model = small_model()
    folder = tmp_path / "tour"
    report = demo(config, model, folder, steps=2)
    text = report.read_text()
    for name in ("raman.png", "raman.csv", "toluene_simulated.csv", "small/report.md"):
        assert (folder / name).stat().st_size > 0
    assert "| 1003.6 |" in text
    assert "physjax predict rampinn" in capsys.readouterr().out

    own = tmp_path / "own.csv"
    write_simulated_csv(own, seed=1)
    text = demo(config, model, folder, input=own, steps=2).read_text()
    assert "own.csv" in text
    assert (folder / "small-2" / "report.md").exists()

"""Prediction knows nothing of batches, directions and grids that its answers show."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in import StandIn

from physjax._errors import DataError, NumericsError
from physjax.systems.rampinn.predict import make_grid, predict_file, predict_spectra

TRACES = []


class Counting(StandIn):
    """A model that notes each time it is traced."""

    def __call__(self, intensity):
        TRACES.append(intensity.shape)
        return super().__call__(intensity)


MODEL = StandIn()
N = 64
AXIS = np.linspace(600.0, 1700.0, N)
SPECTRA = np.random.default_rng(0).uniform(0.1, 2.0, (2, 5, N)).astype(np.float32)
CURVED = 600 + 1100 * np.linspace(0, 1, N) ** 1.2


def lorentz(x, centre, width):
    return width**2 / ((x - centre) ** 2 + width**2)


def test_four_times_the_intensity_is_twice_the_answer():
    once = predict_spectra(MODEL, SPECTRA, AXIS)
    four = predict_spectra(MODEL, 4 * SPECTRA, AXIS)
    for a, b in zip(once, four, strict=True):
        np.testing.assert_allclose(b, 2 * a, atol=1e-5 * np.abs(a).max())


@pytest.mark.parametrize("axis", [AXIS, CURVED], ids=["uniform", "curved"])
def test_a_reversed_axis_gives_the_reversed_curve(axis):
    there = predict_spectra(MODEL, SPECTRA, axis)
    back = predict_spectra(MODEL, SPECTRA[..., ::-1], axis[::-1])
    for a, b in zip(there, back, strict=True):
        np.testing.assert_array_equal(b[..., ::-1], a)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(), (1,), (7,), (2, 5), (2, 1, 3)]), st.integers(1, 2))
def test_leading_axes_and_batches_leave_no_trace(leading, batch_size):
    rng = np.random.default_rng(len(leading))
    intensity = rng.uniform(0.1, 1, (*leading, N))
    got = predict_spectra(MODEL, intensity, AXIS, batch_size=batch_size)
    want = predict_spectra(MODEL, intensity, AXIS)
    for a, b in zip(got, want, strict=True):
        assert a.shape == intensity.shape
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_uniform_axis_passes_untouched_even_when_rounded():
    assert make_grid(np.round(AXIS, 1)).uniform is None
    assert make_grid(CURVED).uniform is not None
    assert make_grid(np.array([1.0, 2.0])).uniform is None


@pytest.mark.parametrize("points", [2, 3, 5])
def test_the_shortest_axes(points):
    axis = np.array([1.0, 2.0, 4.0, 5.0, 9.0])[:points]
    raman, background = predict_spectra(MODEL, np.ones((3, points)), axis)
    np.testing.assert_allclose(background, np.sqrt(2), rtol=1e-6)
    np.testing.assert_allclose(raman, 0, atol=1e-6)


def test_resampling_there_and_back_keeps_a_line():
    """A line of half width 5 cm^-1 on a spectrometer's axis, steps 1.5 to 2.7 cm^-1."""
    axis = 400 + 2800 * np.linspace(0, 1, 1340)
    axis = axis + 760 * np.sin(np.pi * (axis - 400) / 2800) / np.pi
    curve = sum(lorentz(axis, c, 5.0) for c in (700, 1003.6, 2900))
    grid = make_grid(axis)
    back = grid.restore(grid.to_uniform(curve[None]))[0]
    assert np.diff(axis).max() / np.diff(axis).min() > 1.4
    assert np.abs(back - curve).max() < 0.01
    linear = np.interp(axis, grid.uniform, np.interp(grid.uniform, axis, curve))
    assert np.abs(back - curve).max() < 0.2 * np.abs(linear - curve).max()


@pytest.mark.parametrize(
    ("intensity", "axis", "words"),
    [
        (SPECTRA * np.nan, AXIS, r"nan at index \[0, 0, 0\]"),
        (SPECTRA.T, AXIS, "moveaxis"),
        (SPECTRA, AXIS[np.r_[1, 0, 2:N]], "sort"),
        (SPECTRA * 1j, AXIS, "complex"),
        (SPECTRA[..., :1], AXIS[:1], "1 point"),
    ],
)
def test_bad_arrays(intensity, axis, words, unchecked):
    with pytest.raises(DataError, match=words):
        predict_spectra(MODEL, intensity, axis)


def test_an_answer_that_is_not_finite_names_its_spectrum():
    poison = SPECTRA.reshape(-1, N).astype(np.float64)
    poison[7, 3] = 1e300  # infinite in float32
    with pytest.raises(NumericsError, match="spectrum 7"):
        predict_spectra(MODEL, poison, AXIS, batch_size=3)


def test_streaming_equals_direct_and_compiles_once(tmp_path):
    np.savez(tmp_path / "in.npz", cars=SPECTRA, wavenumber=CURVED)
    TRACES.clear()
    summary = predict_file(
        None, Counting(), tmp_path / "in.npz", tmp_path / "o.npz", batch_size=3
    )
    assert len(TRACES) == 1
    assert summary["spectra"] == 10
    assert summary["resampled"]
    raman, background = predict_spectra(MODEL, SPECTRA, CURVED, batch_size=3)
    with np.load(tmp_path / "o.npz") as got:
        np.testing.assert_array_equal(got["wavenumber"], CURVED)
        np.testing.assert_array_equal(got["raman"], raman)
        np.testing.assert_array_equal(got["background"], background)


def test_plain_progress_elsewhere_than_a_terminal(capsys):
    from physjax.io.progress import progress

    with progress(4, "spectra", every=0.0) as advance:
        for _ in range(4):
            advance(1)
    out = capsys.readouterr().out
    assert out.startswith("1/4 spectra, ")
    assert out.count("\n") == 3


@pytest.mark.parametrize("kind", ["value", "text", "csv", "npy"])
def test_dark_is_subtracted(kind, tmp_path):
    lit, dark = SPECTRA + 5, np.full(N, 5.0)
    np.savez(tmp_path / "in.npz", cars=lit, wavenumber=AXIS)
    np.save(tmp_path / "dark.npy", dark)
    np.savetxt(tmp_path / "dark.csv", np.stack([AXIS, dark], 1), delimiter=",")
    which = {"value": 5.0, "text": "5", "csv": tmp_path / "dark.csv"}
    source = which.get(kind, tmp_path / "dark.npy")
    out = tmp_path / "o.npz"
    predict_file(None, MODEL, tmp_path / "in.npz", out, dark=source, progress=False)
    with np.load(out) as got:
        want = predict_spectra(MODEL, SPECTRA, AXIS)[0]
        np.testing.assert_allclose(got["raman"], want, atol=1e-5)


_PEAK = """
import sys
sys.path.insert(0, {tests!r})
import threading, time
from stand_in import StandIn
from physjax.systems.rampinn.predict import predict_file

def anonymous():
    with open("/proc/self/status") as file:
        return next(int(l.split()[1]) for l in file if l.startswith("RssAnon"))

peak, done = 0, False
def watch():
    global peak
    while not done:
        peak = max(peak, anonymous())
        time.sleep(0.005)

thread = threading.Thread(target=watch)
thread.start()
predict_file(None, StandIn(), "in.npy", "out.npz", wavenumber="axis.npy")
done = True
thread.join()
print(peak)
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc for anonymous memory"
)
def test_ten_times_the_spectra_take_the_same_memory(tmp_path):
    peaks = []
    np.save(tmp_path / "axis.npy", np.linspace(0, 2000, 1000))
    for count in (1500, 15000):
        shape = (count, 1000)
        values = np.lib.format.open_memmap(tmp_path / "in.npy", "w+", "f4", shape)
        values[:] = np.random.default_rng(0).random((1, 1000), np.float32) + 0.5
        values.flush()
        code = _PEAK.format(tests=str(Path(__file__).parent))
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < 2 * 2**20  # KiB


def test_pictures_of_every_kind(tmp_path):
    from physjax.systems.rampinn.picture import plot_retrieval

    raman = lorentz(AXIS, 1000, 40).astype(np.float32)
    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        path = tmp_path / f"p{suffix}"
        plot_retrieval(path, AXIS[::-1], raman, raman, raman, reference=raman)
        assert path.read_bytes().startswith(magic)
    plot_retrieval(tmp_path / "flat.png", AXIS, raman * 0, raman * 0, raman * 0)


SHARED = os.environ.get("PHYSJAX_SHARED_DATA")


@pytest.mark.skipif(
    not SHARED, reason="PHYSJAX_SHARED_DATA does not name the folder of shared data"
)
def test_a_measured_spectrum_goes_from_csv_to_csv(tmp_path):
    source = Path(SHARED or "") / "cars" / "toluene_1ms_cars_spec_000.csv"
    summary = predict_file(None, MODEL, source, tmp_path / "o.csv", dark=600)
    assert summary["resampled"]
    table = np.loadtxt(tmp_path / "o.csv", delimiter=",", skiprows=1)
    assert table.shape == (1340, 3)


def test_a_dark_offset_above_everything_is_refused(tmp_path):
    csv = tmp_path / "spectrum.csv"
    csv.write_text("\n".join(f"{500 + i},{100 + i}" for i in range(32)))
    out = tmp_path / "out.csv"
    with pytest.raises(DataError, match="dark offset 1e9"):
        predict_file(None, StandIn(), csv, out, dark="1e9", progress=False)
    assert not out.exists()

"""`physjax unmix`: maps that are right, the place kept, nothing left behind."""

import json

import numpy as np
import pytest
import tifffile
from bad_cubes import BAD_CUBES
from scipy.optimize import linear_sum_assignment

from physjax import cli
from physjax._errors import ConfigError, DataError
from physjax.cli import _unmix_file
from physjax.cli._unmix_sample import draw_sample
from physjax.cli._unmix_solve import make_solve
from physjax.cli.unmix import describe
from physjax.io import (
    Cube,
    SpectralLibrary,
    read_cube,
    read_library,
    write_csv_library,
    write_envi,
    write_envi_library,
)

ROWS, COLUMNS, BANDS = 18, 15, 30
WAVELENGTH = np.linspace(450.0, 2350.0, BANDS)
FWHM = np.full(BANDS, 60.0)
MAP_INFO = "{UTM, 1.0, 1.0, 366015.0, 5809965.0, 30.0, 30.0, 33, North, WGS-84}"
FILES = {"abundances.hdr", "abundances.img", "abundances.png", "endmembers.csv"}
FILES |= {"endmembers.png", "residual.hdr", "residual.img", "residual.png"}
FILES |= {"summary.json"}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Leave the user's compilation cache, and jax's settings, alone."""
    folder = tmp_path_factory.getbasetemp() / "xla"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(folder))


def spectra(wavelength):
    """Three smooth reflectance spectra."""
    x = (wavelength - 400) / 2000
    return np.stack([0.1 + 0.5 * x, 0.5 - 0.3 * x**2, 0.3 + 0.2 * np.sin(6 * x)])


def make_shares():
    """Abundances with a few pure pixels."""
    shares = np.random.default_rng(0).dirichlet(np.ones(3), (ROWS, COLUMNS))
    for row in range(3):
        shares[row, :5] = np.eye(3)[row]
    return shares


@pytest.fixture
def scene(tmp_path):
    """Abundances, and an ENVI scene of them with a bad band and a pixel of no data."""
    shares = make_shares()
    noise = 1e-4 * np.random.default_rng(1).normal(size=(ROWS, COLUMNS, BANDS))
    values = np.rint((shares @ spectra(WAVELENGTH) + noise) * 1e4).astype(np.int16)
    values[..., 7] = 12345
    values[9, 9] = -1
    shares[9, 9] = np.nan
    path = tmp_path / "scene.img"
    good = np.arange(BANDS) != 7
    facts = {"wavelength": WAVELENGTH, "fwhm": FWHM, "good": good, "no_data": -1.0}
    metadata = {"map info": MAP_INFO}
    write_envi(path, values, scale=1e-4, metadata=metadata, **facts)
    return shares, path


def aligned(found, truth):
    """The maps found, in the order of the true ones."""
    there = np.isfinite(truth[..., 0])
    cost = np.abs(found[there][:, :, None] - truth[there][:, None]).mean(0)
    order = linear_sum_assignment(cost.T)[1]
    return found[..., order]


@pytest.mark.parametrize(
    ("method", "kind"),
    [("vca", "fcls"), ("vca", "normalized"), ("learned", "normalized")],
)
def test_maps_of_endmembers_found_in_the_scene(method, kind, scene, tmp_path, capsys):
    truth, path = scene
    out = tmp_path / "out"
    arguments = ["unmix", str(path), "--endmembers", "3", "--out", str(out)]
    arguments += ["--method", method, "--abundances", kind]
    assert cli.main(arguments) == 0
    assert {file.name for file in out.iterdir()} == FILES
    maps = read_cube(out / "abundances.img")
    assert maps.metadata["map info"] == MAP_INFO
    assert read_cube(out / "residual.hdr").metadata["map info"] == MAP_INFO
    found = aligned(maps.values, truth)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(truth))
    there = np.isfinite(truth[..., 0])
    np.testing.assert_allclose(found[there].sum(-1), 1, atol=1e-5)
    if (method, kind) == ("vca", "fcls"):
        assert np.abs(found - truth)[there].max() < 0.02
    summary = json.loads((out / "summary.json").read_text())
    assert summary["without_data"] == 1
    assert summary["bands"] == BANDS - 1
    assert summary["angle"] < (2e-2 if method == "learned" else 2e-3)
    assert summary["residual"] < (2e-2 if method == "learned" else 1e-3)
    members = read_library(out / "endmembers.csv")
    assert members.names == ("endmember 1", "endmember 2", "endmember 3")
    np.testing.assert_array_equal(members.wavelength, np.delete(WAVELENGTH, 7))
    assert describe(summary, str(out)) in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["csv", "sli"])
def test_maps_of_a_library_on_another_axis(suffix, scene, tmp_path):
    truth, path = scene
    fine = np.arange(300.0, 2500.0, 2.0)
    library = SpectralLibrary(("soil", "leaf", "water", "leaf"), np.zeros((4, 1100)))
    library = SpectralLibrary(library.names, np.zeros((4, fine.size)), fine)
    library.spectra[[0, 1, 2]] = spectra(fine) * 1e4
    library.spectra[3] = np.cos(fine)
    write = write_csv_library if suffix == "csv" else write_envi_library
    write(tmp_path / f"lib.{suffix}", library)
    summary = _unmix_file.unmix_file(
        *(path, tmp_path / f"lib.{suffix}", tmp_path / "out"),
        abundances="fcls",
        pick="Soil, leaf,WAT",
        progress=False,
    )
    assert summary["names"] == ["soil", "leaf", "water"]
    assert any("reflectance times 10000" in note for note in summary["notes"])
    found = read_cube(tmp_path / "out" / "abundances.img").values
    assert np.nanmax(np.abs(found - truth)) < 0.02


def test_blocks_of_any_size_give_the_same(scene, tmp_path, monkeypatch):
    _, path = scene
    answers = []
    for number, block in enumerate((2**15, 4 * COLUMNS, 7)):
        monkeypatch.setattr(_unmix_file, "_BLOCK", block)
        out = tmp_path / f"out{number}"
        _unmix_file.unmix_file(path, 3, out, method="vca", progress=False)
        answers.append(read_cube(out / "abundances.img").values)
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], atol=1e-5)


@pytest.mark.parametrize("kind", ["fcls", "nonnegative", "normalized"])
def test_residual_and_angle_are_what_they_are_called(kind):
    rng = np.random.default_rng(0)
    members = spectra(WAVELENGTH).astype(np.float32)
    pixels = rng.uniform(0.1, 0.9, (50, BANDS)).astype(np.float32)
    answer = np.asarray(make_solve(kind)(pixels, members), np.float64)
    if kind == "normalized":
        members = members / np.linalg.norm(members, axis=1, keepdims=True)
    model = answer[:, :3] @ members
    if kind == "normalized":
        model *= ((model * pixels).sum(1) / (model**2).sum(1))[:, None]
    rest = np.sqrt(((pixels - model) ** 2).mean(1))
    lengths = np.linalg.norm(model, axis=1) * np.linalg.norm(pixels, axis=1)
    angle = np.arccos((model * pixels).sum(1) / lengths)
    np.testing.assert_allclose(answer[:, 3], rest, rtol=1e-4)
    np.testing.assert_allclose(answer[:, 4], angle, rtol=1e-4)


def test_the_sample_is_small_spread_and_clean():
    values = np.random.default_rng(0).uniform(0.1, 1.0, (90, 70, 4)).astype(np.float32)
    values[:, :35] = 0  # outside of the swath
    values[..., 2] = np.nan  # a dead band
    values[..., 3] = 0  # a band blanked out
    pixels, use = draw_sample(Cube(values), 500, 0)
    assert list(use) == [True, True, False, False]
    assert 150 < len(pixels) <= 500
    assert np.isfinite(pixels).all()
    assert (pixels != 0).any(axis=1).all()
    assert len(draw_sample(Cube(values), 10**6, 0)[0]) == 90 * 35


@pytest.mark.parametrize("name", BAD_CUBES)
def test_bad_cubes_are_one_line_and_nothing_left(name, tmp_path, capsys):
    make, words = BAD_CUBES[name]
    path = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    arguments = ["unmix", str(path), "--endmembers", "2", "--out"]
    assert cli.main([*arguments, str(tmp_path / "out")]) == 4
    out, err = capsys.readouterr()
    assert err.startswith("physjax: error: ")
    assert err.count("\n") == 1, err
    assert words in err
    assert "Traceback" not in out + err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"--endmembers": "1"}, 2, "must be 2 to"),
        ({"--endmembers": "31"}, 2, "must be 2 to"),
        ({"--endmembers": "nowhere.csv"}, 4, "there is no file nowhere.csv"),
        ({"--endmembers": "far.csv"}, 4, "covers 0 of 29 bands"),
        ({"--endmembers": "far.csv", "--pick": "moon"}, 4, "no spectrum 'moon'"),
        ({"--endmembers": "far.csv", "--pick": "b"}, 4, "gives 1 endmembers"),
        ({"--scale": "0"}, 2, "scale is 0.0"),
        ({"--sample": "3"}, 2, "sample is 3"),
        ({"--out": "full"}, 4, "is there already"),
        ({"--out": "no/where"}, 4, "there is no folder"),
        ({"--method": "magic"}, 2, "magic"),
    ],
)
def test_wrong_settings_leave_nothing(
    changes, code, words, scene, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "of").write_text("things")
    far = SpectralLibrary(("a", "b"), np.ones((2, 3)), np.array([9e3, 9.1e3, 9.2e3]))
    write_csv_library(tmp_path / "far.csv", far)
    before = sorted(tmp_path.rglob("*"))
    options = {"--endmembers": "3", "--out": "out", "--method": "vca"} | changes
    flags = [word for pair in options.items() for word in pair]
    assert cli.main(["unmix", "scene.img", *flags]) == code
    assert words in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_interruption_leaves_nothing(scene, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    _, path = scene
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(_unmix_file, "draw_spectra", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _unmix_file.unmix_file(
            *(path, 3, tmp_path / "out"), method="vca", progress=False
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_cube_of_one_band_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((9, 9), np.float32))
    with pytest.raises((ConfigError, DataError), match="pixels with data"):
        _unmix_file.unmix_file(tmp_path / "a.tif", 2, tmp_path / "out", method="vca")

"""Spectra come out of files as they went in, in pieces of any size."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from bad_files import AXIS, BAD, SPECTRA
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from physjax._errors import DataError
from physjax.io import (
    atomic_output,
    check_axis,
    check_output,
    read_pairs,
    read_spectra,
    write_spectra,
)

shapes = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)
kinds = st.sampled_from(["<f4", ">f4", "<f8", "<f2", "<i4", ">u2"])
quick = settings(max_examples=25, deadline=None)


@st.composite
def spectra(draw):
    """Axis (n,) and spectra (..., n) of any dtype, order and batch axes."""
    n = draw(st.integers(2, 9))
    shape = (*draw(shapes), n)
    array = draw(hnp.arrays(draw(kinds), shape, elements=st.integers(0, 2000)))
    axis = np.cumsum(draw(hnp.arrays("f8", n, elements=st.integers(1, 9))))
    axis = axis[:: draw(st.sampled_from([1, -1]))]
    return axis, np.asarray(array, order=draw(st.sampled_from("CF")))


def save(kind: str, folder: Path, axis: np.ndarray, array: np.ndarray) -> Path:
    path = folder / f"in.{kind.split('-')[0]}"
    path.unlink(missing_ok=True)
    if kind == "npz":
        np.savez(path, cars=array, wavenumber=axis)
    elif kind == "npz-compressed":
        np.savez_compressed(path, cars=array, wavenumber=axis)
    elif kind == "npy":
        np.save(path, array)
    elif kind == "mat-5":
        scipy.io.savemat(path, {"cars": array, "wavenumber": axis})
    elif kind == "mat-7.3":  # MATLAB counts the axes from the other end
        with h5py.File(path, "w") as file:
            file["cars"] = array.T
            file["wavenumber"] = axis[:, None]
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("cars", data=array, chunks=True, compression="gzip")
            file["wavenumber"] = axis
    return path


@pytest.mark.parametrize("kind", ["npz", "npz-compressed", "npy", "h5", "mat-7.3"])
def test_every_binary_format_gives_back_what_was_saved(kind, tmp_path):
    @quick
    @given(spectra(), st.integers(1, 40))
    def holds(pair, size):
        axis, array = pair
        path = save(kind, tmp_path, axis, array)
        got = read_spectra(path, wavenumber=axis if kind == "npy" else None)
        assert got.shape == array.shape
        np.testing.assert_array_equal(got.wavenumber, axis)
        chunks = list(got.chunks(size))
        assert [len(c) for c in chunks[:-1]] == [size] * (len(chunks) - 1)
        together = np.concatenate(chunks).reshape(array.shape)
        np.testing.assert_array_equal(together, array)
        assert together.dtype in (np.float32, np.float64)
        np.testing.assert_array_equal(got.load(), array)

    holds()


def test_matlab_version_5(tmp_path):
    got = read_spectra(save("mat-5", tmp_path, AXIS, SPECTRA))
    np.testing.assert_array_equal(got.load(), SPECTRA)
    column = read_spectra(save("mat-5", tmp_path, AXIS, SPECTRA[0, 0][:, None]))
    np.testing.assert_array_equal(column.load(), SPECTRA[0, 0])


@quick
@given(
    spectra(),
    st.sampled_from([",", ";", "\t", " ", " , ", "  "]),
    st.sampled_from(["", "wavenumber,intensity\n", "# made by\n\nx;y\n", "% 1,2\n"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_text_in_many_dialects(tmp_path_factory, pair, separator, head, end, encoding):
    axis, array = pair
    values = array.reshape(-1, array.shape[-1])[0].astype(float)
    lines = [f"{x}{separator}{y}" for x, y in zip(axis, values, strict=True)]
    text = head.replace("\n", end) + end.join(lines)
    path = tmp_path_factory.getbasetemp() / "dialect.csv"
    path.write_bytes(text.encode(encoding))
    got = read_spectra(path)
    np.testing.assert_array_equal(got.wavenumber, axis)
    np.testing.assert_array_equal(got.load(), values)


@pytest.mark.parametrize("suffix", ["csv", "txt", "npy", "npz"])
def test_an_axis_of_its_own_comes_first(suffix, tmp_path):
    np.savez(tmp_path / "in.npz", cars=SPECTRA, wavenumber=np.arange(32))
    path = tmp_path / f"axis.{suffix}"
    if suffix == "npy":
        np.save(path, AXIS)
    elif suffix == "npz":
        np.savez(path, wavenumber=AXIS)
    else:
        path.write_text("\n".join(map(repr, AXIS.tolist())))
    got = read_spectra(tmp_path / "in.npz", wavenumber=path)
    np.testing.assert_array_equal(got.wavenumber, AXIS)


def test_one_column_of_text_with_an_axis_of_its_own(tmp_path):
    np.savetxt(tmp_path / "in.csv", SPECTRA[0, 0], fmt="%.17g")
    got = read_spectra(tmp_path / "in.csv", wavenumber=AXIS)
    np.testing.assert_array_equal(got.load(), SPECTRA[0, 0])


@pytest.mark.parametrize(
    "name", [n for n in BAD if n.startswith(("csv", "np", "h5", "mat"))]
)
def test_bad_files_are_data_errors_of_one_sentence(name, tmp_path):
    make, words = BAD[name]
    path, *rest = make(tmp_path)
    axis = rest[rest.index("--wavenumber") + 1] if "--wavenumber" in rest else None
    with pytest.raises(DataError) as caught:
        for _ in read_spectra(path, wavenumber=axis).chunks(5):
            pass
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert str(tmp_path) in message


def test_a_bomb_is_not_loaded(tmp_path):
    """An axis that inflates from kilobytes to gigabytes is refused by its header."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "in.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("wavenumber.npy", "w") as member:
            shape = (2**25,)
            header = {"descr": "<i1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(member, header)
            member.write(bytes(2**25))
        archive.writestr("cars.npy", b"")
    with pytest.raises(DataError):
        read_spectra(tmp_path / "in.npz")


def test_hdf5_without_its_reader_names_the_extra(tmp_path, monkeypatch):
    import sys

    path = save("h5", tmp_path, AXIS, SPECTRA)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"physjax\[io\]"):
        read_spectra(path)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_written_npz_is_an_ordinary_npz(size, tmp_path):
    flat = SPECTRA.reshape(-1, 32)
    with write_spectra(tmp_path / "o.npz", AXIS, SPECTRA.shape, ("a", "b")) as write:
        for i in range(0, 12, size):
            write(flat[i : i + size], -flat[i : i + size])
    with np.load(tmp_path / "o.npz") as got:
        assert list(got) == ["wavenumber", "a", "b"]
        np.testing.assert_array_equal(got["wavenumber"], AXIS)
        np.testing.assert_array_equal(got["a"], SPECTRA.astype(np.float32))
        np.testing.assert_array_equal(got["b"], -SPECTRA.astype(np.float32))
    assert [p.name for p in tmp_path.iterdir()] == ["o.npz"]


def test_written_csv_is_read_again(tmp_path):
    curve = SPECTRA[0, :1].astype(np.float32)
    with write_spectra(tmp_path / "o.csv", AXIS, (32,), ["raman"]) as write:
        write(curve)
    got = read_spectra(tmp_path / "o.csv")
    np.testing.assert_allclose(got.wavenumber, AXIS, rtol=1e-11)
    np.testing.assert_array_equal(got.load().astype(np.float32), curve[0])


@pytest.mark.parametrize("suffix", ["csv", "npz"])
@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_keeps_the_old_file_and_nothing_else(suffix, failure, tmp_path):
    path = tmp_path / f"o.{suffix}"
    path.write_text("old")

    def fail():
        with write_spectra(path, AXIS, (1, 32), ("a", "b")) as write:
            write(SPECTRA[0, :1], SPECTRA[0, :1])
            raise failure

    with pytest.raises(failure):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


def test_a_file_of_too_few_spectra_is_not_written(tmp_path):
    with (
        pytest.raises(RuntimeError, match="1 of 2"),
        write_spectra(tmp_path / "o.npz", AXIS, (2, 32), ["a"]) as write,
    ):
        write(SPECTRA[0, :1])
    assert os.listdir(tmp_path) == []


def test_atomic_output_follows_the_umask(tmp_path):
    with atomic_output(tmp_path / "a") as part:
        part.write_text("x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_check_output_refuses_a_folder(tmp_path):
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        check_output(tmp_path / "a.npz", {".npz"})


def test_an_integer_axis_becomes_float64():
    assert check_axis(np.array([5, 3, 1], np.uint8)).dtype == np.float64


def test_pairs_by_set(tmp_path):
    arrays = {"1a_cars": SPECTRA, "1a_raman": SPECTRA, "cars": SPECTRA[0]}
    np.savez(tmp_path / "p.npz", **arrays, raman=SPECTRA[0], axis=AXIS, family=["x"])
    axis, pairs = read_pairs(tmp_path / "p.npz")
    np.testing.assert_array_equal(axis, AXIS)
    assert {k: v[0].shape for k, v in pairs.items()} == {"1a": (12, 32), "all": (4, 32)}


SHARED = os.environ.get("PHYSJAX_SHARED_DATA")
needs_data = pytest.mark.skipif(
    not SHARED, reason="PHYSJAX_SHARED_DATA does not name the folder of shared data"
)


@needs_data
def test_measured_spectra():
    for path in sorted((Path(SHARED or "") / "cars").glob("*.csv")):
        got = read_spectra(path)
        assert got.shape == (1340,)
        steps = np.diff(got.wavenumber)
        assert (steps.min() > 1.4) & (steps.max() < 2.7)
        assert got.load().max() > 1000


@needs_data
def test_published_pairs():
    folder = Path(SHARED or "") / "cars"
    axis, pairs = read_pairs(folder / "vector9_first50.npz")
    assert axis.size == 1000
    assert len(pairs) == 9
    assert all(c.shape == r.shape == (50, 1000) for c, r in pairs.values())
    axis, pairs = read_pairs(folder / "lut_even150.npz")
    assert pairs["all"][0].shape == (150, 640)

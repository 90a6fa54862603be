"""Every bad input of `physjax predict`: how to make it, and what the message says."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

AXIS = np.linspace(500.0, 1500.0, 32)
SPECTRA = np.random.default_rng(0).uniform(0.5, 1.5, (3, 4, 32))

Maker = Callable[[Path], list[str]]
"""Writes files into a folder; returns the arguments behind `physjax predict NAME`."""

BAD: dict[str, tuple[Maker, str]] = {}


def bad(words: str) -> Callable[[Maker], Maker]:
    """Register a maker; `words` must stand in the message."""

    def register(make: Maker) -> Maker:
        BAD[make.__name__] = (make, words)
        return make

    return register


def _csv(folder: Path, text: str, name: str = "in.csv") -> list[str]:
    (folder / name).write_text(text)
    return [str(folder / name), "--out", str(folder / "out.csv")]


def _rows(axis=AXIS, values=SPECTRA[0, 0]) -> str:
    return "".join(f"{x},{y}\n" for x, y in zip(axis, values, strict=True))


def _npz(folder: Path, **arrays) -> list[str]:
    np.savez(folder / "in.npz", **arrays)
    return [str(folder / "in.npz"), "--out", str(folder / "out.npz")]


def _npy(folder: Path, array, axis=AXIS) -> list[str]:
    np.save(folder / "in.npy", array)
    np.save(folder / "axis.npy", axis)
    return [
        *(str(folder / "in.npy"), "--out", str(folder / "out.npz")),
        *("--wavenumber", str(folder / "axis.npy")),
    ]


def _h5(folder: Path, fill, name: str = "in.h5") -> list[str]:
    import h5py

    with h5py.File(folder / name, "w") as file:
        file["wavenumber"] = AXIS
        fill(file)
    return [str(folder / name), "--out", str(folder / "out.npz")]


def _with(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@bad("row 4")
def csv_nan(folder):
    return _csv(folder, "x,y\n1,2\n2,3\n3,nan\n4,5\n")


@bad("row 2")
def csv_infinite(folder):
    return _csv(folder, "1,2\n2,-inf\n3,4\n")


@bad("row 3, column 2 is 'bad', not a number")
def csv_text_cell(folder):
    return _csv(folder, "x,y\n1,2\n2,bad\n3,4\n")


@bad("row 2, column 2 is empty")
def csv_empty_cell(folder):
    return _csv(folder, "1,2\n2,\n3,4\n")


@bad("decimal comma")
def csv_decimal_comma(folder):
    return _csv(folder, "1,5;2,5\n2,5;3,5\n")


@bad("4 columns")
def csv_four_columns(folder):
    return _csv(folder, "1 2 3 4\n2 3 4 5\n")


@bad("1 column in row 1")
def csv_one_column(folder):
    return _csv(folder, "1\n2\n3\n")


@bad("row 3")
def csv_ragged(folder):
    return _csv(folder, "1,2\n2,3\n3,4,5\n")


@bad("is empty")
def csv_empty(folder):
    return _csv(folder, "")


@bad("holds no numbers")
def csv_header_only(folder):
    return _csv(folder, "wavenumber,intensity\n# nothing\n")


@bad("not a text file")
def csv_binary(folder):
    (folder / "in.csv").write_bytes(bytes(range(256)) * 4)
    return [str(folder / "in.csv"), "--out", str(folder / "out.csv")]


@bad("1 point,")
def csv_one_point(folder):
    return _csv(folder, "500,1.0\n")


@bad("falls at row 4")
def csv_not_monotonic(folder):
    return _csv(folder, "1,1\n2,1\n3,1\n2.5,1\n4,1\n")


@bad("rises at row 4")
def csv_descending_then_up(folder):
    return _csv(folder, "h,i\n9,1\n8,1\n8.5,1\n")


@bad("repeats the value 2 (row 2 and row 3)")
def csv_duplicate(folder):
    return _csv(folder, "1,1\n2,1\n2,1\n3,1\n")


@bad("there is no file")
def missing(folder):
    return [str(folder / "nowhere.csv"), "--out", str(folder / "out.csv")]


@bad("is a folder")
def input_is_folder(folder):
    (folder / "in.csv").mkdir()
    return [str(folder / "in.csv"), "--out", str(folder / "out.csv")]


@bad("'.spc' is unknown")
def unknown_suffix(folder):
    (folder / "in.spc").write_text("1,2\n")
    return [str(folder / "in.spc"), "--out", str(folder / "out.csv")]


@bad("index [2, 1, 5]")
def npz_nan(folder):
    return _npz(folder, cars=_with(SPECTRA, (2, 1, 5), np.nan), wavenumber=AXIS)


@bad("no 'cars' (found: spectra, wavenumber)")
def npz_no_cars(folder):
    return _npz(folder, spectra=SPECTRA, wavenumber=AXIS)


@bad("no 'wavenumber' (found: cars, x)")
def npz_no_axis(folder):
    return _npz(folder, cars=SPECTRA, x=AXIS)


@bad("np.moveaxis(cars, 0, -1)")
def npz_transposed(folder):
    return _npz(folder, cars=SPECTRA.transpose(2, 0, 1), wavenumber=AXIS)


@bad("32 points")
def npz_wrong_shape(folder):
    return _npz(folder, cars=SPECTRA[..., :-1], wavenumber=AXIS)


@bad("single number")
def npz_scalar(folder):
    return _npz(folder, cars=np.float64(1), wavenumber=AXIS)


@bad("no spectrum")
def npz_no_spectra(folder):
    return _npz(folder, cars=SPECTRA[:0], wavenumber=AXIS)


@bad("one-dimensional")
def npz_axis_of_two_dimensions(folder):
    return _npz(folder, cars=SPECTRA, wavenumber=np.stack([AXIS, AXIS]))


@bad("1 point,")
def npz_one_point(folder):
    return _npz(folder, cars=SPECTRA[..., :1], wavenumber=AXIS[:1])


@bad("index 7")
def npz_axis_nan(folder):
    return _npz(folder, cars=SPECTRA, wavenumber=_with(AXIS, 7, np.nan))


@bad("repeats")
def npz_axis_duplicate(folder):
    return _npz(folder, cars=SPECTRA, wavenumber=_with(AXIS, 7, AXIS[6]))


@bad("sort the points")
def npz_axis_shuffled(folder):
    axis = np.random.default_rng(1).permutation(AXIS)
    return _npz(folder, cars=SPECTRA, wavenumber=axis)


@bad("Python objects")
def npz_objects(folder):
    return _npz(folder, cars=np.array([{}, None], object), wavenumber=AXIS)


@bad("complex")
def npz_complex(folder):
    return _npz(folder, cars=SPECTRA * 1j, wavenumber=AXIS)


@bad("not real numbers")
def npz_text(folder):
    return _npz(folder, cars=SPECTRA.astype(str), wavenumber=AXIS)


@bad("damaged, truncated or no .npz")
def npz_truncated(folder):
    arguments = _npz(folder, cars=SPECTRA, wavenumber=AXIS)
    data = (folder / "in.npz").read_bytes()
    (folder / "in.npz").write_bytes(data[: len(data) // 2])
    return arguments


@bad("damaged, truncated or no .npz")
def npz_flipped_bit(folder):
    arguments = _npz(folder, cars=SPECTRA, wavenumber=AXIS)
    data = bytearray((folder / "in.npz").read_bytes())
    data[1000] ^= 1
    (folder / "in.npz").write_bytes(data)
    return arguments


@bad("is empty")
def npz_empty(folder):
    (folder / "in.npz").touch()
    return [str(folder / "in.npz"), "--out", str(folder / "out.npz")]


def _member(shape, data=b"", descr="<f8") -> bytes:
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


@bad("shape (125000000000, 32) takes")
def npz_huge(folder):
    _npz(folder, wavenumber=AXIS)
    with zipfile.ZipFile(folder / "in.npz", "a") as archive:
        archive.writestr("cars.npy", _member((125_000_000_000, 32)))
    return [str(folder / "in.npz"), "--out", str(folder / "out.npz")]


@bad("--wavenumber FILE")
def npy_no_axis(folder):
    return _npy(folder, SPECTRA)[:3]


@bad("index [0, 3, 9]")
def npy_infinite(folder):
    return _npy(folder, _with(SPECTRA, (0, 3, 9), np.inf))


@bad("np.moveaxis")
def npy_transposed(folder):
    return _npy(folder, SPECTRA[0].T)


@bad("Python objects")
def npy_objects(folder):
    return _npy(folder, np.array([{}, None], object))


@bad("is truncated")
def npy_truncated(folder):
    arguments = _npy(folder, SPECTRA)
    (folder / "in.npy").write_bytes((folder / "in.npy").read_bytes()[:-100])
    return arguments


@bad("header")
def npy_not_npy(folder):
    arguments = _npy(folder, SPECTRA)
    (folder / "in.npy").write_bytes(b"\x93NUMPY" + b"\0" * 99)
    return arguments


@bad("is truncated")
def npy_huge(folder):
    arguments = _npy(folder, SPECTRA)
    (folder / "in.npy").write_bytes(_member((10**12, 32)))
    return arguments


@bad("too large for an axis")
def npy_huge_axis(folder):
    arguments = _npy(folder, SPECTRA)
    with open(folder / "axis.npy", "wb") as file:
        file.write(_member((2**26,), descr="|i1"))
        file.truncate(2**26 + 4096)
    return arguments


@bad("no 'cars' (found: wavenumber)")
def h5_no_cars(folder):
    return _h5(folder, lambda file: None)


@bad("is a group")
def h5_group(folder):
    return _h5(folder, lambda file: file.create_group("cars"))


@bad("link")
def h5_external_link(folder):
    import h5py

    def fill(file):
        file["cars"] = h5py.ExternalLink("/etc/hostname", "/")

    return _h5(folder, fill)


@bad("other files")
def h5_external_storage(folder):
    def fill(file):
        file.create_dataset(
            "cars", (1, 32), np.uint8, external=[("/etc/hostname", 0, 32)]
        )

    return _h5(folder, fill)


@bad("stores 0 bytes")
def h5_huge(folder):
    def fill(file):
        file.create_dataset("cars", (10**9, 32), "f8", chunks=(1024, 32))

    return _h5(folder, fill)


@bad("damaged, truncated or no HDF5")
def h5_truncated(folder):
    arguments = _h5(folder, lambda file: file.create_dataset("cars", data=SPECTRA))
    data = (folder / "in.h5").read_bytes()
    (folder / "in.h5").write_bytes(data[: len(data) // 2])
    return arguments


@bad("index [0, 0]")
def h5_nan(folder):
    return _h5(
        folder, lambda file: file.create_dataset("cars", data=AXIS[None] * np.nan)
    )


def _mat(folder: Path, **arrays) -> list[str]:
    import scipy.io

    scipy.io.savemat(folder / "in.mat", arrays)
    return [str(folder / "in.mat"), "--out", str(folder / "out.npz")]


@bad("no 'wavenumber' (found: cars)")
def mat_no_axis(folder):
    return _mat(folder, cars=SPECTRA)


@bad("cell")
def mat_cell(folder):
    cells = np.array([SPECTRA, AXIS], object)
    return _mat(folder, cars=cells, wavenumber=AXIS)


@bad("damaged, truncated or no MATLAB")
def mat_truncated(folder):
    arguments = _mat(folder, cars=SPECTRA, wavenumber=AXIS)
    (folder / "in.mat").write_bytes((folder / "in.mat").read_bytes()[:1000])
    return arguments


@bad("there is no folder")
def output_folder_missing(folder):
    return [_csv(folder, _rows())[0], "--out", str(folder / "no" / "out.csv")]


@bad("suffix '.xlsx' is unknown")
def output_suffix(folder):
    return [_csv(folder, _rows())[0], "--out", str(folder / "out.xlsx")]


@bad("is an input")
def output_is_input(folder):
    return [_csv(folder, _rows())[0], "--out", str(folder / "in.csv")]


@bad(".csv takes one")
def many_to_csv(folder):
    arguments = _npz(folder, cars=SPECTRA, wavenumber=AXIS)
    return [arguments[0], "--out", str(folder / "out.csv")]


@bad("suffix '.bmp' is unknown")
def plot_suffix(folder):
    return [*_csv(folder, _rows()), "--plot", str(folder / "plot.bmp")]


@bad("there is no file")
def dark_missing(folder):
    return [*_csv(folder, _rows()), "--dark", str(folder / "dark.csv")]


@bad("dark value is nan")
def dark_nan(folder):
    return [*_csv(folder, _rows()), "--dark", "nan"]


@bad("another axis")
def dark_axis(folder):
    _csv(folder, _rows(AXIS + 300), "dark.csv")
    return [*_csv(folder, _rows()), "--dark", str(folder / "dark.csv")]

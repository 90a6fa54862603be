"""Every bad cube: how to make it, and what the message says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

CUBE = np.random.default_rng(0).uniform(0.1, 0.9, (4, 5, 6)).astype(np.float32)
WAVELENGTH = np.linspace(500.0, 1000.0, 6)
HEADER = {
    "samples": "5",
    "lines": "4",
    "bands": "6",
    "data type": "4",
    "interleave": "bip",
    "byte order": "0",
}

Maker = Callable[[Path], Path]
"""Writes files into a folder; returns the one to read."""

BAD_CUBES: dict[str, tuple[Maker, str]] = {}


def bad(words: str) -> Callable[[Maker], Maker]:
    """Register a maker; `words` must stand in the message."""

    def register(make: Maker) -> Maker:
        BAD_CUBES[make.__name__] = (make, words)
        return make

    return register


def envi(folder: Path, data: bytes | None = None, text: str = "", **changes) -> Path:
    """An ENVI file with some fields changed (None: left out) or text appended."""
    fields = HEADER | {k.replace("_", " "): v for k, v in changes.items()}
    lines = [f"{k} = {v}" for k, v in fields.items() if v is not None]
    (folder / "in.hdr").write_text("\n".join(["ENVI", *lines]) + "\n" + text)
    (folder / "in.img").write_bytes(CUBE.tobytes() if data is None else data)
    return folder / "in.img"


@bad("there is no file")
def missing(folder):
    return folder / "nowhere.img"


@bad("has no ENVI header")
def no_header(folder):
    path = envi(folder)
    (folder / "in.hdr").unlink()
    return path


@bad("no data file beside")
def no_data_file(folder):
    envi(folder).unlink()
    return folder / "in.hdr"


@bad("several data files beside it")
def two_data_files(folder):
    envi(folder)
    (folder / "in.dat").write_bytes(CUBE.tobytes())
    return folder / "in.hdr"


@bad("first line is not 'ENVI'")
def not_a_header(folder):
    path = envi(folder)
    (folder / "in.hdr").write_text("samples = 5\n")
    return path


@bad("is empty")
def empty_header(folder):
    path = envi(folder)
    (folder / "in.hdr").write_text("")
    return path


@bad("is empty")
def empty_data(folder):
    return envi(folder, data=b"")


@bad("truncated: 476 bytes, but in.hdr makes it 480")
def truncated(folder):
    return envi(folder, data=CUBE.tobytes()[:-4])


@bad("larger than its header tells")
def too_large(folder):
    return envi(folder, data=CUBE.tobytes() + b"0")


@bad("truncated")
def offset_behind_the_end(folder):
    return envi(folder, header_offset="16")


@bad("no 'bands'")
def bands_missing(folder):
    return envi(folder, bands=None)


@bad("'samples' is '5.5', but must be an integer")
def size_no_integer(folder):
    return envi(folder, samples="5.5")


@bad("'lines' is 0")
def size_zero(folder):
    return envi(folder, lines="0")


@bad("'lines' is '-4'")
def size_negative(folder):
    return envi(folder, lines="-4")


@bad("more than any file has")
def size_enormous(folder):
    return envi(folder, lines="99999999999999")


@bad("'data type' is 7")
def type_unknown(folder):
    return envi(folder, data_type="7")


@bad("'interleave' is 'bnd'")
def interleave_unknown(folder):
    return envi(folder, interleave="bnd")


@bad("'interleave' is 'missing'")
def interleave_missing(folder):
    return envi(folder, interleave=None)


@bad("'byte order' is 3")
def byte_order_unknown(folder):
    return envi(folder, byte_order="3")


@bad("no 'byte order'")
def byte_order_missing(folder):
    return envi(folder, byte_order=None)


@bad("gives 'bands' twice")
def size_twice(folder):
    return envi(folder, text="bands = 7\n")


@bad("is never closed")
def brace_open(folder):
    return envi(folder, text="wavelength = {1, 2,\n3\n")


@bad("line 8 is 'nonsense'")
def line_without_value(folder):
    return envi(folder, text="nonsense\n")


@bad("'wavelength' has 5 entries, but there are 6 bands")
def wavelengths_too_few(folder):
    return envi(folder, wavelength="{1, 2, 3, 4, 5}")


@bad("entry 2 of 'wavelength' is 'two'")
def wavelength_text(folder):
    return envi(folder, wavelength="{1, two, 3, 4, 5, 6}")


@bad("-5 at band 3, but must be positive")
def wavelength_negative(folder):
    return envi(folder, wavelength="{1, 2, -5, 4, 5, 6}")


@bad("unit 'Furlongs', which is unknown")
def wavelength_unit(folder):
    return envi(folder, wavelength="{1, 2, 3, 4, 5, 6}", wavelength_units="Furlongs")


@bad("'bbl' has 7 entries")
def bad_bands_too_many(folder):
    return envi(folder, bbl="{1, 1, 1, 1, 1, 1, 0}")


@bad("'reflectance scale factor' is 0")
def scale_zero(folder):
    return envi(folder, reflectance_scale_factor="0")


@bad("'data ignore value' is 'none', not a number")
def no_data_text(folder):
    return envi(folder, data_ignore_value="none")


@bad("is compressed")
def compressed(folder):
    return envi(folder, file_compression="1")


@bad("'major frame offsets', which is not supported")
def frames(folder):
    return envi(folder, major_frame_offsets="{16, 0}")


@bad("is a spectral library, not an image")
def library(folder):
    return envi(folder, file_type="ENVI Spectral Library")


@bad("is a folder")
def folder(folder):
    (folder / "in.img").mkdir()
    (folder / "in.hdr").write_text("ENVI\n")
    return folder / "in.img"


@bad("holds no image")
def mat_without_image(folder):
    import scipy.io

    scipy.io.savemat(folder / "in.mat", {"A": np.ones((3, 4)), "name": "text"})
    return folder / "in.mat"


@bad("damaged, truncated or no MATLAB file")
def mat_truncated(folder):
    import scipy.io

    scipy.io.savemat(folder / "in.mat", {"cube": CUBE})
    data = (folder / "in.mat").read_bytes()
    (folder / "in.mat").write_bytes(data[: len(data) // 2])
    return folder / "in.mat"


@bad("damaged, truncated or no MATLAB file")
def mat_nonsense(folder):
    (folder / "in.mat").write_bytes(bytes(range(256)) * 8)
    return folder / "in.mat"


@bad("damaged, truncated or no HDF5 file")
def hdf5_nonsense(folder):
    (folder / "in.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    return folder / "in.h5"


@bad("never filled or is damaged")
def hdf5_declares_more_than_it_has(folder):
    import h5py

    with h5py.File(folder / "in.h5", "w") as file:
        file.create_dataset("cube", (10**5, 10**5, 99), "f4", chunks=(64, 64, 9))
    return folder / "in.h5"


@bad("damaged, truncated or no NetCDF file")
def netcdf_nonsense(folder):
    (folder / "in.nc").write_bytes(b"CDF\x01" + bytes(range(100)))
    return folder / "in.nc"


@bad("is damaged, truncated or no TIFF file")
def tiff_nonsense(folder):
    (folder / "in.tif").write_bytes(b"II*\0" + bytes(range(100)))
    return folder / "in.tif"


@bad("is damaged, truncated or no TIFF file")
def tiff_truncated(folder):
    import tifffile

    tifffile.imwrite(folder / "in.tif", CUBE, photometric="minisblack")
    data = (folder / "in.tif").read_bytes()
    (folder / "in.tif").write_bytes(data[:-100])
    return folder / "in.tif"


@bad("holds 2 images")
def tiff_of_two_images(folder):
    import tifffile

    with tifffile.TiffWriter(folder / "in.tif") as file:
        file.write(CUBE, photometric="minisblack")
        file.write(CUBE[:2], photometric="minisblack")
    return folder / "in.tif"

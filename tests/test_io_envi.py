"""Cubes and libraries come out of files as they went in; bad files are refused."""

import itertools
import os
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import tifffile
from bad_cubes import BAD_CUBES, CUBE, WAVELENGTH, envi

from physjax._errors import DataError
from physjax.io import (
    Cube,
    SpectralLibrary,
    create_envi,
    read_cube,
    read_envi,
    read_library,
    write_csv_library,
    write_envi,
    write_envi_library,
)
from physjax.io.envi_header import DTYPES, read_header

SHARED = os.environ.get("PHYSJAX_SHARED_DATA")
shared = pytest.mark.skipif(SHARED is None, reason="PHYSJAX_SHARED_DATA is not set")
MAP_INFO = "{UTM, 1.0, 1.0, 366015.0,\n 5809965.0, 30.0, 30.0, 33, North, WGS-84}"


def whole_range(dtype: np.dtype, shape) -> np.ndarray:
    """Random bits as numbers of the type: every value that there is, NaN too."""
    size = int(np.prod(shape)) * dtype.itemsize
    data = np.random.default_rng(1).integers(0, 256, size, np.uint8).tobytes()
    return np.frombuffer(data, dtype).reshape(shape)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_round_trips_are_exact_in_every_type(interleave, order, tmp_path):
    for dtype in DTYPES.values():
        values = whole_range(dtype.newbyteorder(order), (3, 4, 5))
        write_envi(tmp_path / "a.img", values, interleave=interleave)
        back = read_envi(tmp_path / "a.hdr").values
        assert back.tobytes() == values.tobytes()
        assert back.dtype == values.dtype
        # A second writing of what was read gives the same bytes on disk.
        first = (tmp_path / "a.img").read_bytes(), (tmp_path / "a.hdr").read_text()
        write_envi(tmp_path / "b.img", back, interleave=interleave)
        assert (tmp_path / "b.img").read_bytes() == first[0]
        assert (tmp_path / "b.hdr").read_text() == first[1]


@pytest.mark.parametrize(
    ("interleave", "axes"), [("bsq", "brc"), ("bil", "rbc"), ("bip", "rcb")]
)
@pytest.mark.parametrize("offset", [0, 7])
def test_interleaves_are_what_their_names_say(interleave, axes, offset, tmp_path):
    values = np.arange(60, dtype=">i2").reshape(3, 4, 5)
    data = bytearray(offset)
    sizes = {"r": 3, "c": 4, "b": 5}
    for places in itertools.product(*(range(sizes[axis]) for axis in axes)):
        at = dict(zip(axes, places, strict=True))
        data += int(values[at["r"], at["c"], at["b"]]).to_bytes(2, "big")
    path = envi(
        *(tmp_path, bytes(data)),
        samples="4",
        lines="3",
        bands="5",
        data_type="2",
        byte_order="1",
        interleave=interleave.upper(),
        header_offset=str(offset),
    )
    np.testing.assert_array_equal(read_envi(path).values, values)


def test_everything_beside_the_numbers_is_kept(tmp_path):
    cube = Cube(
        (CUBE * 1e4).astype(np.int16),
        wavelength=WAVELENGTH,
        fwhm=np.full(6, 9.7),
        good=np.arange(6) != 2,
        no_data=-9999.0,
        scale=1e-4,
        metadata={"map info": MAP_INFO, "sensor type": "EnMAP", "lines": "99"},
    )
    facts = ("wavelength", "fwhm", "good", "no_data", "scale", "offset", "metadata")
    fields = {name: getattr(cube, name) for name in facts}
    write_envi(tmp_path / "a.dat", cube.values, band_names="abcdef", **fields)
    back = read_cube(tmp_path / "a.dat")
    for name in facts[:-1]:
        np.testing.assert_array_equal(getattr(back, name), fields[name], name)
    assert back.metadata["map info"] == MAP_INFO
    assert back.metadata["sensor type"] == "EnMAP"
    assert back.metadata["band names"] == "{a, b, c, d, e, f}"
    assert back.source == tmp_path / "a.dat"
    by_band = np.linspace(1e-4, 2e-4, 6)
    write_envi(tmp_path / "b.img", cube.values, scale=by_band, offset=0.5)
    back = read_cube(tmp_path / "b.img")
    np.testing.assert_allclose(
        back.reflectance(), cube.values * by_band + 0.5, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("Micrometers", 1e3), ("um", 1e3), ("Nanometers", 1), ("Unknown", 1e3)],
)
def test_wavelengths_are_in_nanometres(unit, factor, tmp_path):
    path = envi(
        tmp_path,
        wavelength="{0.5, 0.6, 0.7,\n 0.8, 0.9, 1}",
        fwhm="{.01,.01,.01,.01,.01,.02}",
        wavelength_units=unit,
    )
    cube = read_cube(path)
    np.testing.assert_allclose(cube.wavelength, factor * np.linspace(0.5, 1.0, 6))
    np.testing.assert_allclose(cube.fwhm[-1], factor * 0.02)


def test_reciprocal_wavelengths(tmp_path):
    wave = "{10000, 9000, 8000, 7000, 6000, 5000}"
    cube = read_cube(envi(tmp_path, wavelength=wave, wavelength_units="Wavenumber"))
    np.testing.assert_allclose(cube.wavelength[[0, -1]], [1000.0, 2000.0])
    cube = read_cube(envi(tmp_path, wavelength=wave, wavelength_units="Index"))
    assert cube.wavelength is None


@pytest.mark.parametrize("dtype", ["<i2", ">f4", "<f8", "u1"])
@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_reflectance_of_any_part(dtype, interleave, tmp_path):
    values = np.random.default_rng(0).integers(0, 200, (9, 7, 5)).astype(dtype)
    values[2, 3] = values[4, 5, 1] = 99
    path = tmp_path / "a.img"
    write_envi(path, values, interleave=interleave, no_data=99.0, scale=0.01)
    cube = read_cube(path)
    truth = np.where(values == 99, np.nan, values.astype(np.float32) * np.float32(0.01))
    for rows, columns in ((slice(None), slice(None)), (slice(1, 6), slice(2, 7, 2))):
        part = cube.reflectance(rows, columns)
        np.testing.assert_array_equal(part, truth[rows, columns])
        assert part.dtype == np.float32
        assert part.flags.c_contiguous


@pytest.mark.skipif(sys.platform != "linux", reason="needs sparse files")
def test_a_cube_larger_than_memory_is_read_in_part(tmp_path):
    rows = 2**17
    fields = {"samples": "1024", "lines": str(rows), "bands": "256"}
    path = envi(tmp_path, **fields)
    with open(path, "r+b") as file:
        file.truncate(rows * 1024 * 256 * 4)  # 128 GiB, all but the end a hole
        file.seek(-4, os.SEEK_END)
        file.write(np.float32(0.5).tobytes())
    cube = read_cube(path)
    assert cube.shape == (rows, 1024, 256)
    assert cube.reflectance(slice(rows - 2, rows))[-1, -1, -1] == 0.5


def test_nothing_is_left_where_writing_fails(tmp_path):
    write_envi(tmp_path / "a.img", CUBE)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def interrupted():
        with create_envi(tmp_path / "a.img", (2, 2, 2), np.float32) as image:
            image[0] = 1.0
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before
    for wrong in (
        {"values": CUBE.astype(np.float16)},
        {"values": CUBE, "interleave": "bnd"},
        {"values": CUBE, "wavelength": WAVELENGTH[:-1]},
        {"values": CUBE[:0]},
    ):
        with pytest.raises(DataError, match="cannot write"):
            write_envi(tmp_path / "a.img", **wrong)
    with pytest.raises(DataError, match="no folder"):
        write_envi(tmp_path / "no" / "a.img", CUBE)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_header_as_others_write_it(tmp_path):
    path = tmp_path / "a.hdr"
    path.write_bytes(
        "﻿ENVI\r\n; a comment = not a field\r\n\r\nBand  Names={ Rot 1,\r\n grün}\r\n"
        "Samples=3\r\nsamples = 3\r\n".encode()
    )
    fields = read_header(path)
    assert fields["samples"] == "3"
    assert list(fields) == ["band names", "samples"]
    path.write_bytes("ENVI\nsensor = Gerät\n".encode("latin-1"))
    assert read_header(path)["sensor"] == "Gerät"


@pytest.mark.parametrize("name", BAD_CUBES)
def test_bad_files_are_refused_in_one_sentence(name, tmp_path):
    make, words = BAD_CUBES[name]
    path = make(tmp_path)
    with pytest.raises(DataError) as caught:
        read_cube(path).reflectance()
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert path.stem in message
    assert message.endswith(".")


def test_libraries_round_trip(tmp_path):
    spectra = np.random.default_rng(0).uniform(size=(3, 6))
    spectra[1, 4] = np.nan
    names = ("dry soil", "leaf (green)", "water")
    library = SpectralLibrary(names, spectra, WAVELENGTH, np.full(6, 8.0))
    write_envi_library(tmp_path / "a.sli", library)
    write_csv_library(tmp_path / "a.csv", library)
    for path in ("a.sli", "a.hdr", "a.csv"):
        back = read_library(tmp_path / path)
        assert back.names == names
        np.testing.assert_array_equal(back.spectra, spectra)
        np.testing.assert_array_equal(back.wavelength, WAVELENGTH)
    np.testing.assert_array_equal(read_library(tmp_path / "a.sli").fwhm, library.fwhm)
    with pytest.raises(DataError, match="is an image, not a spectral library"):
        read_library(envi(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("500,0.1\n600,0.2\n", "no header line"),
        ("wavelength,soil\n500,0.1\n", "has 1 bands"),
        ("wavelength,soil\n500,0.1\n600\n", "row 3 has 1 columns"),
        ("wavelength,soil\n500,0.1\n600,low\n", "row 3, column 2 is 'low'"),
        ("wavelength,soil\n-500,0.1\n600,1\n", "must be positive"),
    ],
)
def test_bad_libraries_are_refused(text, words, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_library(tmp_path / "a.csv")


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("flat", [False, True])
def test_matlab_counts_by_columns(version, flat, tmp_path):
    path = tmp_path / "a.mat"
    arrays = {"Y": CUBE, "wavelength": WAVELENGTH[:, None], "S": np.ones((4, 5, 2))}
    if flat:  # (bands, pixels), pixels counted down the columns
        arrays["Y"] = CUBE.reshape(20, 6, order="F").T
        arrays |= {"nRow": np.array([[4.0]]), "nCol": np.array([[5.0]])}
    if version == "5":
        scipy.io.savemat(path, arrays)
    else:
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.T
    cube = read_cube(path)
    np.testing.assert_array_equal(cube.values, CUBE)
    np.testing.assert_array_equal(cube.wavelength, WAVELENGTH)
    assert read_cube(path, name="S").shape == (4, 5, 2)
    with pytest.raises(DataError, match="no 'Z'"):
        read_cube(path, name="Z")


def test_hdf5_and_netcdf(tmp_path):
    stored = (CUBE * 1e4).astype(np.int16)
    stored[1, 2] = -1
    truth = np.where(stored == -1, np.nan, stored.astype("f4") * np.float32(1e-4))
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:  # what NetCDF 4 is
        bands = file.create_dataset("sensor/wavelength", data=WAVELENGTH / 1e3)
        bands.attrs["units"] = "um"
        bands.make_scale("wavelength")
        data = np.moveaxis(stored, -1, 0)
        cube = file.create_dataset("reflectance", data=data, compression="gzip")
        cube.attrs.update({"scale_factor": 1e-4, "_FillValue": np.int16(-1)})
        cube.dims[0].attach_scale(bands)
    cube = read_cube(path)
    np.testing.assert_allclose(cube.reflectance(), truth, rtol=1e-6)
    np.testing.assert_allclose(cube.wavelength, WAVELENGTH)
    with h5py.File(tmp_path / "a.h5", "w") as file:  # the axis is told by its length
        file["cube"], file["wavelengths"] = np.moveaxis(CUBE, -1, 0), WAVELENGTH
        file["linked"] = h5py.ExternalLink("elsewhere.h5", "cube")
    np.testing.assert_array_equal(read_cube(tmp_path / "a.h5").values, CUBE)
    path = tmp_path / "old.nc"
    with scipy.io.netcdf_file(path, "w") as file:
        for name, size in (("y", 4), ("x", 5), ("band", 6)):
            file.createDimension(name, size)
        old = file.createVariable("cube", "i2", ("band", "y", "x"))
        old[:] = np.moveaxis(stored, -1, 0)
        old.scale_factor, old.missing_value = 1e-4, -1
        file.createVariable("wavelength", "f8", ("band",))[:] = WAVELENGTH
    cube = read_cube(path)
    np.testing.assert_allclose(cube.reflectance(), truth, rtol=1e-6)
    np.testing.assert_array_equal(cube.wavelength, WAVELENGTH)


@pytest.mark.parametrize("planar", ["separate", "contig"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_geotiff(planar, options, tmp_path):
    stored = (CUBE * 1e4).astype(np.int16)
    stored[..., 2] = -32768
    lines = [f'<Item name="bbl" sample="{i}">{int(i != 4)}</Item>' for i in range(6)]
    lines += [
        f'<Item name="wavelength" sample="{i}">{wave / 1e3}</Item>'
        f'<Item name="wavelength_units" sample="{i}">Micrometers</Item>'
        f'<Item name="fwhm" sample="{i}">0.01</Item>'
        f'<Item name="SCALE" sample="{i}" role="scale">0.0001</Item>'
        for i, wave in enumerate(WAVELENGTH)
    ]
    items = "<GDALMetadata>" + "".join(lines) + "</GDALMetadata>"
    keys = (1, 1, 0, 2, 1025, 0, 1, 1, 3072, 0, 1, 32633)
    tie = (0.0, 0.0, 0.0, 366015.0, 5809965.0, 0.0)
    tags = [(42112, "s", 0, items, True), (42113, "s", 0, "-32768", True)]
    tags += [(33550, "d", 3, (30.0, 30.0, 0.0), True), (33922, "d", 6, tie, True)]
    tags += [(34735, "H", len(keys), keys, True)]
    data = np.moveaxis(stored, -1, 0) if planar == "separate" else stored
    tifffile.imwrite(
        *(tmp_path / "a.tif", data),
        planarconfig=planar,
        photometric="minisblack",
        extratags=tags,
        metadata=None,
        **options,
    )
    cube = read_cube(tmp_path / "a.tif")
    np.testing.assert_array_equal(cube.values, stored)
    np.testing.assert_allclose(cube.wavelength, WAVELENGTH)
    np.testing.assert_allclose(cube.fwhm, 10.0)
    assert cube.scale == 1e-4
    assert cube.no_data == -32768
    np.testing.assert_array_equal(cube.good, [1, 1, 0, 1, 0, 1])
    place = "{UTM, 1.0, 1.0, 366015.0, 5809965.0, 30.0, 30.0, 33, North, WGS-84"
    assert cube.metadata["map info"].startswith(place)
    assert np.isnan(cube.reflectance()[..., 2]).all()


@shared
def test_measured_files():
    folder = Path(str(SHARED)) / "hyperspectral"
    cube = read_cube(folder / "envi_samples/cubus_gamsberg_subset.hdr")
    assert cube.shape == (25, 10, 189)
    assert cube.wavelength is not None
    assert 426 < cube.wavelength[0] < 427
    for name, shape in (
        ("gamsberg_field_library", (27, 2151)),
        ("library_berlin.sli", (75, 177)),
    ):
        library = read_library(folder / "envi_samples" / name)
        assert library.spectra.shape == shape
        assert library.wavelength is not None
        assert 300 < library.wavelength[0] < 500
    assert len(read_library(folder / "libraries/USGS_1995_Library.mat").names) == 498
    tiles = sorted((folder / "enmap_potsdam/images").glob("*.tif"))
    assert len(tiles) == 18
    for tile in tiles:
        cube = read_cube(tile)
        assert cube.shape == (32, 32, 224)
        assert list(np.flatnonzero(~cube.good)) == list(range(129, 135))
        assert np.nanmax(cube.reflectance()) < 2
        assert "UTM" in cube.metadata["map info"]
    # Column-major pixels: the scene is the mixture of its own maps.
    scene = scipy.io.loadmat(folder / "moffett/moffett.mat")
    values = read_cube(folder / "moffett/moffett.mat").values
    mixed = scene["S_GT"] @ scene["GT"]
    assert np.corrcoef(mixed.ravel(), values.ravel())[0, 1] > 0.99

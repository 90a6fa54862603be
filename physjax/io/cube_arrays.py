"""Cubes in MATLAB, HDF5 and NetCDF files, found by shape and by usual names."""

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._errors import DataError
from .checks import check_file
from .cubes import Cube
from .geotiff import measured_bands
from .hdf5 import load_dataset, mat_shapes, open_hdf5, read_mat, walk_hdf5
from .spectra import missing_key
from .wavelengths import to_nanometres

_ROWS = ("nrow", "nrows", "rows", "lines", "h", "height")
_COLUMNS = ("ncol", "ncols", "cols", "columns", "samples", "w", "width")
_WAVELENGTHS = ("wavelength", "wavelengths", "wavelen", "wavlen", "wl", "wvl")
_WIDTHS = ("fwhm", "bandwidth", "bandwidths")
_GOOD = ("good_wavelengths", "bbl", "good_bands", "good")
_MAXIMA = ("maxvalue",)
_FILLS = ("_FillValue", "missing_value", "no_data", "nodata")


class Entry(NamedTuple):
    """An array in a file, before it is read."""

    shape: tuple[int, ...]
    """As the user counts: rows, columns, bands in MATLAB."""
    dtype: np.dtype
    axes: tuple[str, ...] = ()
    """Names of the axes, where the file has them."""


def read_array_cube(path: str | Path, *, name: str | None = None) -> Cube:
    """The cube of a `.mat` (5 or 7.3), `.h5`, `.hdf5` or `.nc` file, loaded.

    An array of three axes is rows, columns, bands; named axes, or wavelengths that fit
    another axis, tell otherwise. A matrix (bands, pixels) beside numbers of rows and
    columns, as unmixing scenes have it, is counted by columns as MATLAB does. Beside
    it `wavelength`, `fwhm` and `good_wavelengths` or `bbl` are read, `scale_factor`,
    `add_offset` and `_FillValue` of the array, and `maxValue`, by which it is divided.

    Args:
        path: The file; 7.3, HDF5 and NetCDF 4 need the extra `io`.
        name: Name of the array; the largest that can be an image by default.

    Raises:
        DataError: The file is damaged, or holds no such array.
    """
    path = check_file(path)
    suffix = path.suffix.lower()
    with open(path, "rb") as file:
        classic = file.read(3) == b"CDF"
    kind = _Mat if suffix == ".mat" else _Classic if classic else _Hdf5
    source = kind(path)
    entries = source.entries
    if name is not None and name not in entries:
        raise missing_key(path, name, list(entries))
    pixels = _grid(source)
    fits = {
        key: entry
        for key, entry in entries.items()
        if name in (None, key) and _fits(entry, pixels)
    }
    if not fits:
        what = f"{name!r} has shape {entries[name].shape}" if name else "nothing in it"
        raise DataError(
            f"{path} holds no image ({what}): an array of rows, columns, bands is "
            f"expected, or a matrix beside numbers nRow and nCol."
        )
    chosen = max(fits, key=lambda key: math.prod(fits[key].shape))
    values, facts = source.load(chosen), source.facts(chosen)
    label = f"{path}: {chosen}"
    wavelength, unit = source.vector(_WAVELENGTHS)
    if values.ndim == 2:
        values = _unfold(values, pixels)
    else:
        values = _bands_last(values, entries[chosen].axes, wavelength)
    bands = values.shape[-1]
    widths, _ = source.vector(_WIDTHS)
    good, _ = source.vector(_GOOD)
    fits_bands = lambda v: v if v is not None and v.size == bands else None
    wavelength, widths, good = map(fits_bands, (wavelength, widths, good))
    if wavelength is not None:
        label = f"{path}: wavelength"
        wavelength, widths = to_nanometres(wavelength, unit, label, widths)
    no_data = next((float(facts[k]) for k in _FILLS if k in facts), None)
    scale = float(facts.get("scale_factor", 1.0))
    maximum, _ = source.vector(_MAXIMA)
    if maximum is not None and maximum.size == 1 and maximum[0] > 0:
        scale /= float(maximum[0])
    return Cube(
        values,
        wavelength=wavelength,
        fwhm=None if wavelength is None else widths,
        good=(True if good is None else good > 0) & measured_bands(values, no_data),
        no_data=no_data,
        scale=scale,
        offset=float(facts.get("add_offset", 0.0)),
        metadata={"array": chosen},
        source=path,
    )


def _fits(entry: Entry, pixels: tuple[int, int] | None) -> bool:
    if entry.dtype.kind not in "fiu" or 0 in entry.shape:
        return False
    if len(entry.shape) == 3:
        return True
    flat = len(entry.shape) == 2 and pixels is not None
    return flat and math.prod(pixels or ()) in entry.shape and 1 not in entry.shape


def _grid(source: Any) -> tuple[int, int] | None:
    """Rows and columns, where the file has them as numbers."""
    sizes = []
    for names in (_ROWS, _COLUMNS):
        value, _ = source.vector(names)
        if value is None or value.size != 1 or not 1 <= value[0] < 2**31:
            return None
        sizes.append(int(value[0]))
    return sizes[0], sizes[1]


def _unfold(values: np.ndarray, pixels: tuple[int, int] | None) -> np.ndarray:
    """(bands, pixels) or its transpose to rows, columns, bands: columns run slowest."""
    rows, columns = pixels or (1, 1)
    if values.shape[1] == rows * columns:
        values = values.T
    return values.reshape(columns, rows, -1).transpose(1, 0, 2)


def _bands_last(
    values: np.ndarray, axes: tuple[str, ...], wavelength: np.ndarray | None
) -> np.ndarray:
    named = [
        i
        for i, axis in enumerate(axes)
        if axis.lower().startswith(("band", "wave", "wl", "channel", "spectral"))
    ]
    if len(named) == 1:
        return np.moveaxis(values, named[0], -1)
    if wavelength is not None and values.shape[-1] != wavelength.size:
        alike = [i for i in range(3) if values.shape[i] == wavelength.size]
        if len(alike) == 1:
            return np.moveaxis(values, alike[0], -1)
    return values


class _Source(ABC):
    """Arrays of a file by name, and small vectors by one of several names."""

    entries: dict[str, Entry]

    def __init__(self, path: Path):
        self.path = path

    @abstractmethod
    def load(self, key: str) -> np.ndarray: ...

    def facts(self, key: str) -> dict[str, Any]:
        """Attributes of an array."""
        return {}

    def vector(self, names: tuple[str, ...]) -> tuple[np.ndarray | None, str]:
        """The first array of one axis and one of these names, and its unit."""
        for key, entry in self.entries.items():
            last = key.rsplit("/", 1)[-1].lower()
            known = last in names or (
                names is _WAVELENGTHS and last.endswith(("_wavlen", "_wavelength"))
            )
            line = sum(n > 1 for n in entry.shape) <= 1
            small = math.prod(entry.shape) < 2**20
            if known and line and small and entry.dtype.kind in "fiub":
                values = self.load(key).astype(np.float64).ravel()
                return values, str(self.facts(key).get("units", ""))
        return None, ""


class _Mat(_Source):
    def __init__(self, path: Path):
        super().__init__(path)
        self.entries = {k: Entry(*found) for k, found in mat_shapes(path).items()}

    def load(self, key: str) -> np.ndarray:
        found, _ = read_mat(self.path, (key,))
        return found[key].load(f"{self.path}: {key}")


class _Hdf5(_Source):
    def __init__(self, path: Path):
        super().__init__(path)
        self.entries = {
            key: Entry(shape, dtype, axes)
            for key, (shape, dtype, axes) in walk_hdf5(path).items()
        }

    def load(self, key: str) -> np.ndarray:
        return load_dataset(self.path, key)

    def facts(self, key: str) -> dict[str, Any]:
        with open_hdf5(self.path) as file:
            found = {}
            for name in ("scale_factor", "add_offset", "units", *_FILLS):
                if name in file[key].attrs:
                    value = np.asarray(file[key].attrs[name]).ravel()[:1]
                    text = value[0] if value.size else ""
                    found[name] = text.decode() if isinstance(text, bytes) else text
        return found


class _Classic(_Source):
    """NetCDF 3, which scipy reads."""

    def __init__(self, path: Path):
        super().__init__(path)
        import scipy.io

        self.arrays, self.attributes, self.entries = {}, {}, {}
        try:
            with scipy.io.netcdf_file(path, "r", mmap=False) as file:
                for key, variable in file.variables.items():
                    data = variable[:] if variable.shape else np.array([variable[()]])
                    self.arrays[key] = np.array(data)
                    self.attributes[key] = dict(variable._attributes)
                    axes = tuple(variable.dimensions)
                    self.entries[key] = Entry(
                        self.arrays[key].shape, self.arrays[key].dtype, axes
                    )
        except Exception as error:  # whatever a foreign parser makes of foreign bytes
            reason = " ".join(str(error).split())[:120]
            raise DataError(
                f"{path} is damaged, truncated or no NetCDF file ({reason}); copy it "
                f"again."
            ) from error

    def load(self, key: str) -> np.ndarray:
        return self.arrays[key]

    def facts(self, key: str) -> dict[str, Any]:
        found = {}
        for name, value in self.attributes[key].items():
            first = value if isinstance(value, bytes) else np.ravel(value)[0]
            found[name] = first.decode() if isinstance(first, bytes) else first
        return found

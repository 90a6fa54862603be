"""Hyperspectral cubes and spectral libraries, from files of any format."""

import mmap
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from .._errors import DataError
from .checks import check_file

CUBES = (".bil", ".bip", ".bsq", ".dat", ".h5", ".hdf5", ".hdr", ".img", ".mat")
CUBES += (".nc", ".raw", ".tif", ".tiff")
LIBRARIES = (".csv", ".hdr", ".mat", ".sli", ".txt")


@dataclass(frozen=True, eq=False)
class Cube:
    """An image with a spectrum in each pixel, as its file holds it.

    `values` may be mapped from a file larger than memory; `reflectance` makes physical
    numbers of a part of it.

    >>> cube = Cube(np.full((2, 3, 4), 500, np.int16), scale=1e-4)
    >>> cube.reflectance(slice(1)).shape, round(float(cube.reflectance()[0, 0, 0]), 6)
    ((1, 3, 4), 0.05)
    """

    values: Num[np.ndarray, "rows columns bands"]
    """Numbers as stored, in the type of the file; not to be written to."""
    wavelength: Float[np.ndarray, " bands"] | None = None
    """Centres of the bands in nm, in the order of the file."""
    fwhm: Float[np.ndarray, " bands"] | None = None
    """Full widths at half maximum of the bands in nm."""
    good: Bool[np.ndarray, " bands"] = field(default=None)  # type: ignore[assignment]
    """Bands that are fit for use: those that the file does not call bad."""
    no_data: float | None = None
    """The stored number that stands for no measurement."""
    scale: float | Float[np.ndarray, " bands"] = 1.0
    """Reflectance is `scale * values + offset`, 1 for white."""
    offset: float | Float[np.ndarray, " bands"] = 0.0
    metadata: dict[str, str] = field(default_factory=dict)
    """All other fields as text, among them `map info`, with ENVI's names."""
    source: Path | None = None
    """The file that was read."""

    def __post_init__(self) -> None:
        if self.good is None:
            object.__setattr__(self, "good", np.ones(self.values.shape[-1], bool))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and bands."""
        rows, columns, bands = self.values.shape
        return rows, columns, bands

    def reflectance(
        self,
        rows: slice = slice(None),
        columns: slice = slice(None),
        bands: Int[np.ndarray, " some"] | None = None,
    ) -> Float[np.ndarray, "rows columns some"]:
        """Reflectance of a part of the image, float32, NaN where there is no data.

        What is read from a mapped file does not stay in memory.

        Args:
            rows: Which rows.
            columns: Which columns.
            bands: Places of the bands; all by default.

        Raises:
            DataError: The numbers are complex.
        """
        if self.values.dtype.kind == "c":
            raise DataError(
                f"{self.source or 'the cube'} holds complex numbers, but reflectance "
                f"is real; save its magnitude."
            )
        part = self.values[rows, columns]
        if bands is not None:
            part = part[..., bands]
        with np.errstate(over="ignore", invalid="ignore"):
            answer = np.ascontiguousarray(part, np.float32)
        if np.shares_memory(answer, self.values):
            answer = answer.copy()
        nothing = None
        if self.no_data is not None and np.isfinite(self.no_data):
            with np.errstate(over="ignore"):
                nothing = answer == np.float32(self.no_data)
        for values, combine in (self.scale, np.multiply), (self.offset, np.add):
            factor = np.asarray(values, np.float32)
            if factor.ndim and bands is not None:
                factor = factor[bands]
            if np.any(factor != (1 if combine is np.multiply else 0)):
                combine(answer, factor, out=answer)
        if nothing is not None and nothing.any():
            answer[nothing] = np.nan
        _release(self.values)
        return answer


@dataclass(frozen=True, eq=False)
class SpectralLibrary:
    """Named spectra over one axis; NaN where one was not measured.

    >>> library = SpectralLibrary(("soil",), np.ones((1, 3)), np.arange(400.0, 403.0))
    >>> library.spectra.shape
    (1, 3)
    """

    names: tuple[str, ...]
    spectra: Float[np.ndarray, "members bands"]
    """Reflectance, 1 for white, where the file tells its scale."""
    wavelength: Float[np.ndarray, " bands"] | None = None
    """Centres of the bands in nm."""
    fwhm: Float[np.ndarray, " bands"] | None = None
    """Full widths at half maximum of the bands in nm."""
    metadata: dict[str, str] = field(default_factory=dict)
    source: Path | None = None


def read_cube(path: str | Path, *, name: str | None = None) -> Cube:
    """A hyperspectral image, in the format that the suffix tells.

    * ENVI (`.hdr`, or the data file beside it, of any suffix): `read_envi`; mapped.
    * `.mat` of MATLAB 5 and 7.3, `.h5`, `.hdf5`, `.nc`: `read_array_cube`.
    * `.tif`, `.tiff`: `read_geotiff`; needs the extra `io`, as HDF5 does.

    Args:
        path: The file.
        name: Name of the array, in files with names; the largest that can be an image
            by default.

    Raises:
        DataError: Anything is wrong with the file, in one sentence with the remedy.

    >>> import tempfile
    >>> from physjax.io import write_envi
    >>> path = Path(tempfile.mkdtemp()) / "scene.img"
    >>> write_envi(path, np.zeros((2, 3, 4), np.uint8))
    >>> read_cube(path).shape
    (2, 3, 4)
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".mat", ".h5", ".hdf5", ".nc"):
        from .cube_arrays import read_array_cube

        return read_array_cube(path, name=name)
    if suffix in (".tif", ".tiff"):
        from .geotiff import read_geotiff

        return read_geotiff(path)
    from .envi import read_envi

    return read_envi(path)


def read_library(path: str | Path) -> SpectralLibrary:
    """A spectral library, in the format that the suffix tells.

    * ENVI (`.hdr`, or the data file beside it).
    * `.csv`, `.txt`: a header line `wavelength,NAME,NAME,...` and one row per band,
      wavelengths in nm (in micrometres where all are below 100).
    * `.mat`: the USGS library of 1995 (`datalib` and `names`).

    Raises:
        DataError: Anything is wrong with the file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.csv"
    >>> _ = path.write_text("wavelength,soil,leaf\\n0.5,0.1,0.2\\n0.6,0.3,0.4\\n")
    >>> library = read_library(path)
    >>> library.names, library.wavelength, library.spectra[1]
    (('soil', 'leaf'), array([500., 600.]), array([0.2, 0.4]))
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".txt"):
        from .library_files import read_csv_library

        return read_csv_library(check_file(path))
    if suffix == ".mat":
        from .library_files import read_usgs_library

        return read_usgs_library(check_file(path))
    from .envi import read_envi_library

    return read_envi_library(path)


def _release(values: np.ndarray) -> None:
    """Let go of the pages of a mapped file: they stay in the system's cache."""
    mapped = getattr(values, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mapped, "madvise"):
        mapped.madvise(mmap.MADV_DONTNEED)

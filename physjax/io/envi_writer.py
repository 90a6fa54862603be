"""ENVI images and spectral libraries, written piece by piece."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Num, Shaped

from .._errors import DataError
from .atomic import atomic_output
from .cubes import SpectralLibrary
from .envi_header import DTYPES, INTERLEAVES, ORDERS, OWN, header_text, list_text

_CODES = {dtype: code for code, dtype in DTYPES.items()}
_BYTE_ORDERS = {"little": 0, "big": 1}


def write_envi(
    path: str | Path, values: Num[np.ndarray, "rows columns bands"], **fields
) -> None:
    """Write an image as ENVI: the data file and its header, both or none.

    Args:
        path: Data file (`.img`, `.dat`, `.bsq`, ...), or the header (`.hdr`; the data
            go to `.img`). Old files are replaced at the very end.
        values: Any type that ENVI knows; byte order as in the array.
        **fields: As in `create_envi`.

    Raises:
        DataError: The type is none of ENVI's, a list has not one entry per band, or the
            place cannot be written to.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "map.img"
    >>> write_envi(path, np.ones((2, 2, 1)), band_names=["soil"])
    >>> sorted(file.name for file in path.parent.iterdir())
    ['map.hdr', 'map.img']
    """
    with create_envi(path, values.shape, values.dtype, **fields) as target:
        target[...] = values


@contextlib.contextmanager
def create_envi(
    path: str | Path,
    shape: tuple[int, ...],
    dtype: np.dtype | type,
    *,
    interleave: str = "bsq",
    wavelength: Float[np.ndarray, " bands"] | None = None,
    fwhm: Float[np.ndarray, " bands"] | None = None,
    good: Bool[np.ndarray, " bands"] | None = None,
    no_data: float | None = None,
    scale: float | Float[np.ndarray, " bands"] = 1.0,
    offset: float | Float[np.ndarray, " bands"] = 0.0,
    band_names: Sequence[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[Shaped[np.ndarray, "rows columns bands"]]:
    """An ENVI image to be filled piece by piece; it appears at the end of the block.

    Args:
        path: As in `write_envi`.
        shape: Rows, columns, bands.
        dtype: Number type with its byte order.
        interleave: `bsq`, `bil` or `bip`.
        wavelength: Centres of the bands in nm.
        fwhm: Widths of the bands in nm.
        good: Bands fit for use.
        no_data: The stored number that stands for no measurement.
        scale: Reflectance is `scale * values + offset`.
        offset: See `scale`.
        band_names: Names of the bands.
        metadata: More fields as text, such as `map info`; those that the arguments
            above decide are left out.

    Yields:
        The image (rows, columns, bands), zero, mapped from the file.

    Raises:
        DataError: As in `write_envi`.
    """
    data, header = _targets(Path(path))
    dtype = np.dtype(dtype)
    code = _CODES.get(dtype.newbyteorder("="))
    if code is None:
        raise DataError(
            f"cannot write {data}: ENVI has no type {dtype}; use float32 or so."
        )
    if len(shape) != 3 or min(shape) < 1:
        raise DataError(
            f"cannot write {data}: shape {tuple(shape)}, but rows, columns and bands, "
            f"each at least 1, are expected."
        )
    if interleave not in INTERLEAVES:
        raise DataError(
            f"cannot write {data}: interleave {interleave!r} is unknown; use "
            f"{', '.join(INTERLEAVES)}."
        )
    rows, columns, bands = shape
    order = dtype.byteorder if dtype.byteorder in "<>" else ""
    fields = {
        "samples": str(columns),
        "lines": str(rows),
        "bands": str(bands),
        "header offset": "0",
        "file type": "ENVI Standard",
        "data type": str(code),
        "interleave": interleave,
        "byte order": str(
            {"<": 0, ">": 1}.get(order, _BYTE_ORDERS[sys.byteorder]),
        ),
    }
    lists: dict[str, Sequence | np.ndarray | None] = {"wavelength": wavelength}
    lists |= {"fwhm": fwhm, "band names": band_names}
    lists |= {"bbl": None if good is None else [str(int(g)) for g in good]}
    if np.ndim(scale) or np.any(offset):
        lists["data gain values"] = np.broadcast_to(scale, bands)
        lists["data offset values"] = np.broadcast_to(offset, bands)
    elif scale != 1.0:
        fields["reflectance scale factor"] = repr(1.0 / float(scale))
    for key, entries in lists.items():
        if entries is None:
            continue
        if len(entries) != bands:
            raise DataError(
                f"cannot write {data}: {len(entries)} entries of {key!r} for {bands} "
                f"bands; give one each."
            )
        fields[key] = list_text(entries)
    if wavelength is not None:
        fields["wavelength units"] = "Nanometers"
    if no_data is not None:
        fields["data ignore value"] = repr(float(no_data))
    for key, text in (metadata or {}).items():
        if key not in OWN:
            fields[key] = text
    on_disk = [shape[axis] for axis in ORDERS[interleave]]
    with _both(data, header) as (part, part_header):
        whole_file = np.memmap(part, dtype, "w+", shape=tuple(on_disk))
        yield whole_file.transpose(np.argsort(ORDERS[interleave]))
        whole_file.flush()
        del whole_file
        part_header.write_text(header_text(fields), encoding="utf-8")


def write_envi_library(path: str | Path, library: SpectralLibrary) -> None:
    """Write a spectral library as ENVI, float64, both files or none.

    Raises:
        DataError: The place cannot be written to.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "soils.sli"
    >>> soils = SpectralLibrary(("dry", "wet"), np.eye(2, 3), np.arange(400.0, 403.0))
    >>> write_envi_library(path, soils)
    >>> from physjax.io import read_library
    >>> read_library(path).names
    ('dry', 'wet')
    """
    data, header = _targets(Path(path))
    count, channels = library.spectra.shape
    fields = {
        "samples": str(channels),
        "lines": str(count),
        "bands": "1",
        "header offset": "0",
        "file type": "ENVI Spectral Library",
        "data type": "5",
        "interleave": "bsq",
        "byte order": "0",
        "spectra names": list_text(library.names),
    }
    if library.wavelength is not None:
        fields["wavelength units"] = "Nanometers"
        fields["wavelength"] = list_text(library.wavelength)
    if library.fwhm is not None:
        fields["fwhm"] = list_text(library.fwhm)
    for key, text in library.metadata.items():
        fields.setdefault(key, text)
    with _both(data, header) as (part, part_header):
        part.write_bytes(library.spectra.astype("<f8").tobytes())
        part_header.write_text(header_text(fields), encoding="utf-8")


def _targets(path: Path) -> tuple[Path, Path]:
    """Data file and header to write."""
    if path.suffix.lower() == ".hdr":
        data, header = path.with_suffix(".img"), path
    else:
        data, header = path, path.with_suffix(".hdr")
    for file in (data, header):
        if file.is_dir():
            raise DataError(f"cannot write {file}: it is a folder; name a file in it.")
    if not data.parent.is_dir() or not os.access(data.parent, os.W_OK):
        raise DataError(
            f"cannot write {data}: there is no folder {data.parent} to write to; make "
            f"it first."
        )
    return data, header


@contextlib.contextmanager
def _both(data: Path, header: Path) -> Iterator[tuple[Path, Path]]:
    """Two paths beside those given; renamed at the end, removed if anything fails."""
    with atomic_output(data) as part, atomic_output(header) as part_header:
        yield part, part_header

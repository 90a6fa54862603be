"""ENVI images and spectral libraries: flat binary files beside a header of text."""

import contextlib
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Num, Shaped

from .._errors import DataError
from .checks import check_file
from .cubes import Cube, SpectralLibrary
from .envi_header import (
    DTYPES,
    INTERLEAVES,
    header_text,
    items,
    list_text,
    number,
    numbers,
    read_header,
    whole,
)
from .wavelengths import to_nanometres

_DATA = (".img", ".dat", ".raw", ".bin", ".bsq", ".bil", ".bip", ".sli", ".lib", "")
_CODES = {dtype: code for code, dtype in DTYPES.items()}
_BYTE_ORDERS = {"little": 0, "big": 1}
# Axes (rows, columns, bands) by their place in the file, outermost first.
_ORDERS = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
# Fields that the array itself decides: never copied from one header to another.
_OWN = ("samples", "lines", "bands", "header offset", "file type", "data type")
_OWN += ("interleave", "byte order", "wavelength", "wavelength units", "fwhm", "bbl")
_OWN += ("data ignore value", "reflectance scale factor", "band names")
_OWN += ("data gain values", "data offset values")


def read_envi(path: str | Path) -> Cube:
    """An ENVI image, mapped from its file: nothing is read before it is used.

    All number types, interleaves and byte orders; bands in nm; bands that `bbl` calls
    bad; `data ignore value`; the reflectance scale factor, or gains and offsets by
    band, as `scale` and `offset`; every other field as text in `metadata`.

    Args:
        path: The header (`.hdr`) or the data file.

    Raises:
        DataError: The header or the data file is missing, a field is missing or wrong,
            or the data file has not the size that the header tells.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scene.img"
    >>> write_envi(path, np.arange(24, dtype=">i2").reshape(2, 3, 4), interleave="bil")
    >>> cube = read_envi(path)
    >>> cube.values.dtype, cube.values[1, 2].tolist()
    (dtype('>i2'), [20, 21, 22, 23])
    """
    header, data = _pair(Path(path))
    fields = read_header(header)
    if _is_library(fields):
        raise DataError(
            f"{header} is a spectral library, not an image; read it with read_library."
        )
    values = _map(header, data, fields)
    bands = values.shape[-1]
    wavelength, fwhm = _wavelengths(fields, bands, header)
    bad = numbers(fields, "bbl", bands, header)
    scale, offset = _scale(fields, bands, header)
    return Cube(
        values,
        wavelength=wavelength,
        fwhm=fwhm,
        good=np.ones(bands, bool) if bad is None else bad > 0,
        no_data=number(fields, "data ignore value", header),
        scale=scale,
        offset=offset,
        metadata={key: text for key, text in fields.items() if key not in _OWN}
        | {key: fields[key] for key in ("band names",) if key in fields},
        source=data,
    )


def read_envi_library(path: str | Path) -> SpectralLibrary:
    """A spectral library of ENVI; see `physjax.io.read_library`.

    Raises:
        DataError: As `read_envi`, or the file is an image.
    """
    header, data = _pair(Path(path))
    fields = read_header(header)
    if not _is_library(fields) and data.suffix.lower() != ".sli":
        raise DataError(
            f"{header} is an image, not a spectral library; its 'file type' would be "
            f"'ENVI Spectral Library'."
        )
    if whole(fields, "bands", header) != 1:
        raise DataError(
            f"{header}: 'bands' is {fields['bands']}, but a spectral library has 1 and "
            f"counts its channels by 'samples'."
        )
    values = _map(header, data, fields)[..., 0]
    if values.dtype.kind == "c":
        raise DataError(f"{data} holds complex numbers, but reflectance is real.")
    count, channels = values.shape
    wavelength, fwhm = _wavelengths(fields, channels, header)
    names = items(fields.get("spectra names", "{}"))
    if names and len(names) != count:
        raise DataError(
            f"{header}: 'spectra names' has {len(names)} entries, but there are "
            f"{count} spectra; give one each, without commas in them."
        )
    scale, offset = _scale(fields, channels, header)
    spectra = np.asarray(values, np.float64)
    ignored = number(fields, "data ignore value", header)
    missing = ~np.isfinite(spectra) | (np.abs(spectra) > 1e30)  # USGS writes -1.23e34
    missing |= spectra == ignored
    return SpectralLibrary(
        tuple(names or (f"spectrum {i + 1}" for i in range(count))),
        np.where(missing, np.nan, spectra * scale + offset),
        wavelength,
        fwhm,
        {key: text for key, text in fields.items() if key not in _OWN},
        data,
    )


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
        if key not in _OWN:
            fields[key] = text
    on_disk = [shape[axis] for axis in _ORDERS[interleave]]
    with _both(data, header) as (part, part_header):
        whole_file = np.memmap(part, dtype, "w+", shape=tuple(on_disk))
        yield whole_file.transpose(np.argsort(_ORDERS[interleave]))
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
    >>> read_envi_library(path).names
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


def _pair(path: Path) -> tuple[Path, Path]:
    """Header and data file, from the name of either."""
    if path.suffix.lower() == ".hdr":
        check_file(path)
        return path, _data_of(path)
    found = [
        name
        for suffix in (".hdr", ".HDR", ".Hdr")
        for name in (path.with_name(path.name + suffix), path.with_suffix(suffix))
        if name.is_file()
    ]
    check_file(path)
    if not found:
        raise DataError(
            f"{path} has no ENVI header: neither {path.name}.hdr nor "
            f"{path.with_suffix('.hdr').name} is beside it; put it there."
        )
    return found[0], path


def _data_of(header: Path) -> Path:
    """The file beside a header: `a.img.hdr` and `a.hdr` both mean `a.img`."""
    stem = header.with_suffix("")
    if stem.is_file():
        return check_file(stem)
    found = {
        name.resolve(): name
        for suffix in _DATA
        for ending in (suffix, suffix.upper())
        if (name := stem.with_name(stem.name + ending)).is_file()
    }
    if not found:
        raise DataError(
            f"there is no data file beside {header}, such as {stem.name} or "
            f"{stem.name}.img; put it there or name it."
        )
    if len(found) > 1:
        names = " and ".join(name.name for name in found.values())
        raise DataError(
            f"{header} has several data files beside it, {names}; name the one to read."
        )
    return check_file(next(iter(found.values())))


def _is_library(fields: Mapping[str, str]) -> bool:
    return "spectral library" in fields.get("file type", "").lower()


def _map(header: Path, data: Path, fields: Mapping[str, str]) -> np.ndarray:
    """The data file as (rows, columns, bands), after checking that it fits."""
    sizes = [whole(fields, key, header) for key in ("lines", "samples", "bands")]
    for key, size in zip(("lines", "samples", "bands"), sizes, strict=True):
        if size < 1:
            raise DataError(f"{header}: {key!r} is {size}; an image has at least one.")
    code = whole(fields, "data type", header)
    if code not in DTYPES:
        raise DataError(
            f"{header}: 'data type' is {code}, but ENVI has "
            f"{', '.join(map(str, DTYPES))}; mend it."
        )
    interleave = fields.get("interleave", "").lower()
    if not interleave and sizes[2] == 1:
        interleave = "bsq"
    if interleave not in INTERLEAVES:
        raise DataError(
            f"{header}: 'interleave' is {interleave or 'missing'!r}, but must be bsq, "
            f"bil or bip."
        )
    size = DTYPES[code].itemsize
    order = whole(fields, "byte order", header, default=0 if size == 1 else None)
    if order not in (0, 1):
        raise DataError(
            f"{header}: 'byte order' is {order}, but must be 0 (little) or 1 (big)."
        )
    offset = whole(fields, "header offset", header, default=0)
    if whole(fields, "file compression", header, default=0):
        raise DataError(f"{data} is compressed; unpack it and set 'file compression'.")
    for key in ("major frame offsets", "minor frame offsets"):
        if any(item.strip("0. ") for item in items(fields.get(key, "{}"))):
            raise DataError(
                f"{header} has {key!r}, which is not supported; save the image anew."
            )
    needed, there = offset + math.prod(sizes) * size, data.stat().st_size
    if needed != there:
        kind = "truncated" if there < needed else "larger than its header tells"
        raise DataError(
            f"{data} is {kind}: {there} bytes, but {header.name} makes it {needed} "
            f"({' x '.join(map(str, sizes))} values of {size} bytes behind {offset}); "
            f"copy it again or mend the header."
        )
    dtype = DTYPES[code].newbyteorder("<>"[order])
    on_disk = tuple(sizes[axis] for axis in _ORDERS[interleave])
    mapped = np.memmap(data, dtype, "r", offset, on_disk)
    return mapped.transpose(np.argsort(_ORDERS[interleave]))


def _wavelengths(
    fields: Mapping[str, str], bands: int, header: Path
) -> tuple[np.ndarray | None, np.ndarray | None]:
    values = numbers(fields, "wavelength", bands, header)
    fwhm = numbers(fields, "fwhm", bands, header)
    unit = fields.get("wavelength units", "")
    if values is None or unit.strip().lower() == "index":
        return None, None
    return to_nanometres(values, unit, f"{header}: 'wavelength'", fwhm)


def _scale(fields: Mapping[str, str], bands: int, header: Path):
    """What stored numbers are multiplied with, and what is added then."""
    factor = number(fields, "reflectance scale factor", header)
    if factor is not None and not (math.isfinite(factor) and factor > 0):
        raise DataError(
            f"{header}: 'reflectance scale factor' is {factor:g}, but must be positive."
        )
    if factor is not None:
        return 1.0 / factor, 0.0
    gains = numbers(fields, "data gain values", bands, header)
    offsets = numbers(fields, "data offset values", bands, header)
    for key, values in (("gain", gains), ("offset", offsets)):
        if values is not None and not np.isfinite(values).all():
            raise DataError(f"{header}: 'data {key} values' are not all finite.")
    return 1.0 if gains is None else gains, 0.0 if offsets is None else offsets


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
    from .atomic import atomic_output

    with atomic_output(data) as part, atomic_output(header) as part_header:
        yield part, part_header

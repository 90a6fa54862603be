"""ENVI images and spectral libraries: flat binary files beside a header of text."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .._errors import DataError
from .checks import check_file
from .cubes import Cube, SpectralLibrary
from .envi_header import (
    DTYPES,
    INTERLEAVES,
    ORDERS,
    OWN,
    items,
    number,
    numbers,
    read_header,
    whole,
)
from .wavelengths import to_nanometres

_DATA = (".img", ".dat", ".raw", ".bin", ".bsq", ".bil", ".bip", ".sli", ".lib", "")


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
    >>> from physjax.io import write_envi
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
        metadata={key: text for key, text in fields.items() if key not in OWN}
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
        {key: text for key, text in fields.items() if key not in OWN},
        data,
    )


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
    on_disk = tuple(sizes[axis] for axis in ORDERS[interleave])
    mapped = np.memmap(data, dtype, "r", offset, on_disk)
    return mapped.transpose(np.argsort(ORDERS[interleave]))


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

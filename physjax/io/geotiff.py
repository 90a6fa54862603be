"""GeoTIFF images, with bands, scale and place as ENVI's fields."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import DataError
from .archives import check_size
from .checks import check_file
from .cubes import Cube
from .wavelengths import to_nanometres

_ITEM = re.compile(r"<Item\s([^>]*)>([^<]*)</Item>")
_ATTRIBUTE = re.compile(r'([\w:]+)\s*=\s*"([^"]*)"')


def read_geotiff(path: str | Path) -> Cube:
    """A TIFF image; needs the package tifffile, of the extra `io`.

    GDAL's items give wavelengths, widths, bad bands, scale and offset by band; its
    no-data value and the geographic tags are kept, the latter as `map info` (WGS 84 in
    UTM or in degrees, otherwise by number). Bands without any measurement are not
    `good`. Files without compression are mapped, others loaded.

    Args:
        path: The file.

    Raises:
        DataError: tifffile is missing, the file is damaged or truncated, has several
            images, a compression that tifffile alone cannot undo, or no real numbers.
    """
    path = check_file(path)
    try:
        import tifffile
    except ImportError:
        raise DataError(
            f"reading {path} needs tifffile; install it with: pip install 'physjax[io]'"
        ) from None
    try:
        with tifffile.TiffFile(path) as file:
            return _read(path, file)
    except DataError:
        raise
    except Exception as error:  # whatever a foreign parser makes of foreign bytes
        reason = " ".join(str(error).split())[:120]
        hint = "pip install imagecodecs, or " if "imagecodecs" in reason else ""
        raise DataError(
            f"{path} is damaged, truncated or no TIFF file that can be read "
            f"({reason}); {hint}write it again without compression."
        ) from error


def _read(path: Path, file: Any) -> Cube:
    if not file.series:
        raise ValueError("no image in it")
    if len(file.series) != 1:
        raise DataError(
            f"{path} holds {len(file.series)} images; save the one wanted by itself."
        )
    series, page = file.series[0], file.pages[0]
    axes = series.axes.replace("I", "S").replace("Q", "S").replace("C", "S")
    if axes not in ("YX", "SYX", "YXS"):
        raise DataError(
            f"{path} has the axes {series.axes}, but rows, columns and bands are "
            f"expected; save one image."
        )
    if np.dtype(series.dtype).kind not in "fiuc":
        raise DataError(f"{path} has numbers of type {series.dtype}; save real ones.")
    size = path.stat().st_size
    for one in series.pages:
        ends = (
            start + count
            for start, count in zip(one.dataoffsets, one.databytecounts, strict=False)
        )
        if max(ends, default=0) > size:
            raise DataError(
                f"{path} is damaged, truncated or no TIFF file: its data end behind "
                f"the {size} bytes that are there; copy it again."
            )
    values = _values(path, file, series)
    if axes == "YX":
        values = values[..., None]
    elif axes == "SYX":
        values = values.transpose(1, 2, 0)
    bands = values.shape[-1]
    whole, by_band = _items(page, bands)
    no_data = page.tags.get(42113)
    fields = dict(whole)
    if (place := _map_info(page.geotiff_tags or {})) is not None:
        fields["map info"] = place
    code = (page.geotiff_tags or {}).get("ProjectedCSTypeGeoKey")
    if code is not None:
        fields["epsg"] = str(int(code))
    if "description" in by_band:
        names = (re.sub("[,{}]", " ", name) for name in by_band["description"])
        fields["band names"] = "{" + ", ".join(names) + "}"
    lists = {
        key: _numbers(by_band.get(key), f"{path}: {key}")
        for key in ("wavelength", "fwhm", "bbl", "scale", "offset")
    }
    wavelength, fwhm = lists["wavelength"], lists["fwhm"]
    if wavelength is not None:
        unit = by_band.get("wavelength_units", [""])[0]
        label = f"{path}: wavelength"
        wavelength, fwhm = to_nanometres(wavelength, unit, label, fwhm)
    bad = lists["bbl"]
    missing = None if no_data is None else _number(no_data.value, f"{path}: no-data")
    good = np.ones(bands, bool) if bad is None else bad > 0
    return Cube(
        values,
        wavelength=wavelength,
        fwhm=None if wavelength is None else fwhm,
        good=good & measured_bands(values, missing),
        no_data=missing,
        scale=_one(lists["scale"], 1.0),
        offset=_one(lists["offset"], 0.0),
        metadata=fields,
        source=path,
    )


def measured_bands(values: np.ndarray, no_data: float | None) -> np.ndarray:
    """Bands (bands,) with at least one measurement.

    >>> measured_bands(np.array([[[1.0, -9.0]]]), -9.0)
    array([ True, False])
    """
    bands = values.shape[-1]
    if no_data is None and values.dtype.kind != "f":
        return np.ones(bands, bool)
    good = np.zeros(bands, bool)
    for row in values:
        left = np.flatnonzero(~good)
        if not left.size:
            break
        some = row[:, left]
        there = np.isfinite(some)
        if no_data is not None:
            there &= some != np.asarray(no_data).astype(some.dtype)
        good[left] = there.any(axis=0)
    return good


def _values(path: Path, file: Any, series: Any) -> np.ndarray:
    """The image, mapped where its strips lie one behind the other."""
    page = file.pages[0]
    size = math.prod(series.shape) * series.dtype.itemsize
    offsets, counts = page.dataoffsets, page.databytecounts
    plain = len(series.pages) == 1 and page.compression == 1 and not page.is_tiled
    plain = plain and page.predictor == 1 and page.fillorder == 1
    if plain and sum(counts) == size:
        ends = np.add(offsets, counts)
        if np.array_equal(ends[:-1], offsets[1:]):
            dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
            return np.memmap(path, dtype, "r", offsets[0], tuple(series.shape))
    check_size(tuple(series.shape), np.dtype(series.dtype), str(path))
    return series.asarray()


def _items(page: Any, bands: int) -> tuple[dict[str, str], dict[str, list[str]]]:
    """GDAL's items: those of the image, and those that every band has."""
    tag = page.tags.get(42112)
    whole: dict[str, str] = {}
    by_band: dict[str, dict[int, str]] = {}
    for attributes, text in _ITEM.findall(str(tag.value) if tag else ""):
        facts = dict(_ATTRIBUTE.findall(attributes))
        key = facts.get("role") or facts.get("name", "")
        if "sample" in facts and facts["sample"].isdigit():
            by_band.setdefault(key.lower(), {})[int(facts["sample"])] = text.strip()
        elif key:
            whole[key.lower()] = " ".join(text.split())
    full = {
        key: [found[i] for i in range(bands)]
        for key, found in by_band.items()
        if set(range(bands)) <= set(found)
    }
    return whole, full


def _map_info(tags: dict[str, Any]) -> str | None:
    """ENVI's `map info` from a tie point and the size of a pixel."""
    scale, tie = tags.get("ModelPixelScale"), tags.get("ModelTiepoint")
    if scale is None or tie is None or len(tie) < 6:
        return None
    # ENVI counts from 1 at the corner of the first pixel.
    shift = 1.5 if int(tags.get("GTRasterTypeGeoKey", 1)) == 2 else 1.0
    numbers = [tie[0] + shift, tie[1] + shift, tie[3], tie[4], scale[0], scale[1]]
    where = ", ".join(repr(float(x)) for x in numbers)
    code = int(tags.get("ProjectedCSTypeGeoKey", 0))
    if 32601 <= code <= 32660 or 32701 <= code <= 32760:
        half = "North" if code < 32700 else "South"
        return f"{{UTM, {where}, {code % 100}, {half}, WGS-84, units=Meters}}"
    if not code and int(tags.get("GeographicTypeGeoKey", 0)) == 4326:
        return f"{{Geographic Lat/Lon, {where}, WGS-84, units=Degrees}}"
    return f"{{Arbitrary, {where}}}"


def _numbers(texts: list[str] | None, name: str) -> np.ndarray | None:
    if texts is None:
        return None
    return np.array([_number(text, name) for text in texts], np.float64)


def _number(text: Any, name: str) -> float:
    try:
        return float(str(text).strip().strip("\0"))
    except ValueError:
        raise DataError(f"{name} is {str(text)[:24]!r}, not a number.") from None


def _one(values: np.ndarray | None, default: float) -> float | np.ndarray:
    """A single number where all bands agree."""
    if values is None:
        return default
    return float(values[0]) if (values == values[0]).all() else values

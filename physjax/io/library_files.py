"""Spectral libraries in text, and in the USGS file of 1995. Imports no jax."""

import csv
from pathlib import Path

import numpy as np

from .._errors import DataError
from .atomic import atomic_output
from .checks import check_finite
from .cubes import SpectralLibrary
from .hdf5 import read_mat
from .spectra import missing_key
from .tables import parse_number
from .wavelengths import to_nanometres

_MAX_BYTES = 2**28


def read_csv_library(path: Path) -> SpectralLibrary:
    """A table with a header line `wavelength,NAME,...` and one row per band."""
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"{path} is too large for a table of spectra; save it as ENVI.")
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    if "\0" in text:
        raise DataError(f"{path} is not a text file; export the library as .csv.")
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise DataError(f"{path} is empty; 'wavelength,NAME,...' is its first line.")
    marks = [mark for mark in ("\t", ";", ",") if mark in lines[0][1]]
    table = [
        (number, [cell.strip() for cell in next(csv.reader([line], delimiter=mark))])
        for mark in (marks[:1] or [","])
        for number, line in lines
    ]
    names, rows = table[0][1], []
    if len(names) < 2 or all(parse_number(name) is not None for name in names):
        raise DataError(
            f"{path} has no header line with the names of its spectra; begin it with "
            f"'wavelength,NAME,...'."
        )
    for number, cells in table[1:]:
        if len(cells) != len(names):
            raise DataError(
                f"{path}: row {number} has {len(cells)} columns, but the header line "
                f"has {len(names)}; mend it."
            )
        values = [np.nan if not cell else parse_number(cell) for cell in cells]
        if None in values or np.isnan(values[0] or np.nan):
            column = values.index(None) if None in values else 0
            raise DataError(
                f"{path}: row {number}, column {column + 1} is {cells[column][:24]!r}, "
                f"not a number."
            )
        rows.append(values)
    if len(rows) < 2:
        raise DataError(f"{path} has {len(rows)} bands; a spectrum has at least 2.")
    columns = np.array(rows, np.float64).T
    wavelength, _ = to_nanometres(columns[0], "", f"{path}: wavelength")
    return SpectralLibrary(tuple(names[1:]), columns[1:], wavelength, source=path)


def write_csv_library(path: str | Path, library: SpectralLibrary) -> None:
    """Write spectra as a table that `read_library` reads; bands count without an axis.

    Raises:
        OSError: The place cannot be written to.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> write_csv_library(
    ...     path, SpectralLibrary(("soil",), np.ones((1, 2)), np.array([400.0, 500.0]))
    ... )
    >>> path.read_text().splitlines()
    ['wavelength,soil', '400.0,1.0', '500.0,1.0']
    """
    axis = library.wavelength
    first = "band" if axis is None else "wavelength"
    if axis is None:
        axis = np.arange(1.0, library.spectra.shape[1] + 1)
    with atomic_output(path) as part, open(part, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([first, *library.names])
        for x, *values in zip(axis, *library.spectra, strict=True):
            cells = ["" if np.isnan(v) else repr(float(v)) for v in values]
            writer.writerow([repr(float(x)), *cells])


def read_usgs_library(path: Path) -> SpectralLibrary:
    """The USGS library of 1995 on AVIRIS channels, as `USGS_1995_Library.mat` has it.

    `datalib` (channels, 3 + spectra) begins with wavelength and resolution in
    micrometres and the channel; `names` holds the letters of each column's name.
    """
    found, there = read_mat(path, ("datalib", "names"))
    if "datalib" not in found:
        raise missing_key(path, "datalib", there)
    table = found["datalib"].load(f"{path}: datalib").astype(np.float64)
    if table.ndim != 2 or table.shape[1] < 4:
        raise DataError(
            f"{path}: datalib has shape {table.shape}, but wavelength, resolution, "
            f"channel and spectra are expected as its columns."
        )
    check_finite(table[:, :2], f"{path}: wavelength")
    wavelength, fwhm = to_nanometres(
        table[:, 0], "um", f"{path}: wavelength", table[:, 1]
    )
    spectra = table[:, 3:].T
    names = [f"spectrum {i + 1}" for i in range(len(spectra))]
    if "names" in found:
        letters = found["names"].load(f"{path}: names")
        if letters.ndim == 2 and len(letters) == table.shape[1]:
            codes = np.clip(np.nan_to_num(letters[3:]), 32, 126).astype(int)
            names = ["".join(map(chr, row)).strip() for row in codes]
    spectra = np.where(np.abs(spectra) > 1e30, np.nan, spectra)  # deleted channels
    return SpectralLibrary(tuple(names), spectra, wavelength, fwhm, source=path)

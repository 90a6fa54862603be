"""Two-column text: one spectrum as a spectrometer exports it. Imports no jax."""

import codecs
import re
from pathlib import Path

import numpy as np

from .._errors import DataError
from .checks import check_axis, check_finite

_MAX_BYTES = 2**28
_COMMENTS = ("#", "%", "//")


def read_table(path: Path, columns: int | None) -> tuple[list[int], np.ndarray]:
    """Numbers of a text file, with the line number of each row.

    `columns` None allows one or two, the same in each row.

    Comma, semicolon, tab or blanks separate; lines that start with `#`, `%` or `//` and
    empty ones are skipped; one header line without any number is allowed.

    Raises:
        DataError: Text where a number belongs, a wrong number of columns, no numbers.
    """
    lines, rows, separator, header = [], [], None, False
    for number, line in enumerate(_text(path).splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith(_COMMENTS):
            continue
        cells = _split(line, separator)
        values = [parse_number(cell) for cell in cells]
        if not rows and not header and all(v is None for v in values):
            header = True
            continue
        if None in values:
            column = values.index(None)
            raise DataError(_not_a_number(path, number, column, cells[column]))
        columns = columns or min(len(cells), 2)
        if len(cells) != columns:
            wanted = "2 (wavenumber and intensity) are" if columns == 2 else "1 is"
            raise DataError(
                f"{path} has {len(cells)} column{'s' * (len(cells) > 1)} in row "
                f"{number}, but {wanted} expected; export it so."
            )
        if separator is None:
            separator = _separator(line)
        lines.append(number)
        rows.append(values)
    if not rows:
        raise DataError(f"{path} holds no numbers; rows of wavenumber, intensity do.")
    return lines, np.array(rows, np.float64)


def read_csv(
    path: Path, wavenumber: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Axis (n,) and intensity (n,) of a text file.

    `wavenumber` takes the place of the first column, which may then be missing.
    """
    lines, table = read_table(path, columns=2 if wavenumber is None else None)
    axis = wavenumber
    if axis is None:
        axis = check_axis(
            table[:, 0], f"{path}: wavenumber", place=lambda i: f"row {lines[i]}"
        )
    check_finite(
        table[:, -1], f"{path}: intensity", place=lambda i: f"row {lines[i[0]]}"
    )
    return axis, table[:, -1]


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise DataError(
            f"{path} has {size / 2**20:.0f} MiB, too much for one spectrum of text; "
            f"save many spectra as .npy or .npz."
        )
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    else:  # a header may be in any encoding, the numbers are ASCII in all of them
        text = data.decode("utf-8-sig", errors="replace")
    if "\0" in text:
        raise DataError(f"{path} is not a text file; export it as text or use .npz.")
    return text


def _separator(line: str) -> str | None:
    return next((s for s in (";", "\t", ",") if s in line), " ")


def _split(line: str, separator: str | None) -> list[str]:
    separator = separator or _separator(line)
    cells = line.split() if separator == " " else line.split(separator)
    return [cell.strip().strip("\"'") for cell in cells]


def parse_number(cell: str) -> float | None:
    """The number that a cell of a table holds, or None."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _not_a_number(path: Path, row: int, column: int, cell: str) -> str:
    shown = repr(cell if len(cell) <= 24 else cell[:21] + "...")
    where = f"{path}: row {row}, column {column + 1}"
    if not cell:
        return f"{where} is empty; every row needs a wavenumber and an intensity."
    if re.fullmatch(r"[+-]?\d+,\d+([eE][+-]?\d+)?", cell):
        return f"{where} is {shown}, a decimal comma; write decimal points."
    return f"{where} is {shown}, not a number; remove it or start the line with '#'."

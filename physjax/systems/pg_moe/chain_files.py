"""Chains from a user's file: rows of a CSV, or tables of a TOML."""

import csv
import math
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..._errors import DataError

RING, OTHER = (3, 24), (3, 16)
"""Numbers of spins: uniform rings, by their symmetry, and everything else."""
_COLUMNS = {"n": None, "J": "1", "h": None, "g": "0", "boundary": "periodic"}
_KEYS = {"name", "n", "J", "h", "g", "boundary"}


class Given(NamedTuple):
    """A chain as the user wrote it.

    Attributes:
        name: Of the table, or the number of the row.
        boundary: `periodic` or `open`.
        coupling: J of the n bonds; the last is 0 in an open chain.
        field: h of the n sites.
        longitudinal: g of the n sites.
    """

    name: str
    boundary: str
    coupling: Float[np.ndarray, " n"]
    field: Float[np.ndarray, " n"]
    longitudinal: Float[np.ndarray, " n"]

    @property
    def num_sites(self) -> int:
        return self.field.size

    @property
    def is_uniform_ring(self) -> bool:
        arrays = (self.coupling, np.abs(self.field), self.longitudinal)
        same = all(np.ptp(x) == 0 for x in arrays)
        # Fields across of both signs turn some spins along Z.
        turned = np.ptp(np.sign(self.field)) != 0
        return bool(self.boundary == "periodic" and same and not turned)


def read_chains(path: str | Path) -> list[Given]:
    """All chains of a file, `.csv` or `.toml`.

    Raises:
        DataError: The file is not there, is neither, or holds what is no chain.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".toml"):
        raise DataError(f"{path} is neither .csv nor .toml; write chains as one.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text ({error}).") from error
    read = _read_csv if path.suffix.lower() == ".csv" else _read_toml
    found = read(path, text)
    if not found:
        raise DataError(f"{path} holds no chain.")
    return found


def _read_csv(path: Path, text: str) -> list[Given]:
    lines = [x for x in text.splitlines() if x.strip() and not x.startswith("#")]
    rows = csv.reader(lines)
    header = [cell.strip() for cell in next(rows, [])]
    _check_keys(f"{path}, header", header, set(_COLUMNS))
    missing = [k for k, default in _COLUMNS.items() if default is None]
    missing = [k for k in missing if k not in header]
    if missing:
        raise DataError(f"{path} has no column {missing[0]!r}; n and h are needed.")
    if len(set(header)) < len(header):
        raise DataError(f"{path} names a column twice.")
    found = []
    for number, row in enumerate(rows, start=1):
        place = f"{path}, row {number}"
        if len(row) != len(header):
            raise DataError(
                f"{place} has {len(row)} cells, but the header {len(header)}."
            )
        given = dict(zip(header, (cell.strip() for cell in row), strict=True))
        table: dict[str, Any] = {
            k: given.get(k) or default or "" for k, default in _COLUMNS.items()
        }
        for key in ("n", "J", "h", "g"):
            table[key] = _number(place, key, table[key])
        found.append(_chain(place, str(number), table))
    return found


def _read_toml(path: Path, text: str) -> list[Given]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not TOML ({error}).") from error
    _check_keys(str(path), list(document), {"chain"})
    tables = document.get("chain", [])
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise DataError(f"{path}: write every chain as a table [[chain]].")
    found = []
    for number, table in enumerate(tables, start=1):
        place = f"{path}, chain {number}"
        _check_keys(place, list(table), _KEYS)
        if "h" not in table:
            raise DataError(f"{place} has no field h.")
        name = table.get("name", str(number))
        if not isinstance(name, str):
            raise DataError(f"{place}: name is {name!r}, but must be text.")
        found.append(_chain(place, name, table))
    return found


def _check_keys(place: str, keys: list[str], known: set[str]) -> None:
    for key in keys:
        if key not in known:
            raise DataError(
                f"{place}: unknown {key!r}; known are {', '.join(sorted(known))}."
            )


def _number(place: str, key: str, cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise DataError(f"{place}: {key} is {cell!r}, but must be a number.") from None


def _chain(place: str, name: str, table: dict[str, Any]) -> Given:
    boundary = table.get("boundary", "periodic")
    if boundary not in ("periodic", "open"):
        raise DataError(
            f"{place}: boundary is {boundary!r}, but must be periodic or open."
        )
    closed = boundary == "periodic"
    h = _values(place, "h", table["h"])
    n = _length(place, table, closed)
    bonds = n if closed else n - 1
    coupling = _spread(place, "J", _values(place, "J", table.get("J", 1.0)), bonds)
    if not closed:
        coupling = np.append(coupling, 0.0)
    given = Given(
        name,
        boundary,
        coupling,
        _spread(place, "h", h, n),
        _spread(place, "g", _values(place, "g", table.get("g", 0.0)), n),
    )
    low, high = RING if given.is_uniform_ring else OTHER
    if not low <= n <= high:
        kind = "a uniform ring" if given.is_uniform_ring else "such a chain"
        raise DataError(
            f"{place}: n is {n}, out of range; {kind} may have {low} to {high} spins."
        )
    if not given.field.any():
        raise DataError(f"{place}: h is 0 everywhere; such a chain is classical.")
    return given


def _length(place: str, table: dict[str, Any], closed: bool) -> int:
    """From n, else from the first list."""
    if "n" in table:
        n = table["n"]
        if isinstance(n, bool) or not isinstance(n, int | float) or n != n // 1:
            raise DataError(f"{place}: n is {n!r}, but must be a whole number.")
        return int(n)
    for key, more in (("h", 0), ("g", 0), ("J", 0 if closed else 1)):
        if isinstance(table.get(key), list):
            return len(table[key]) + more
    raise DataError(f"{place}: n is needed where h, J and g are numbers.")


def _values(place: str, key: str, value: Any) -> np.ndarray:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int | float):
            raise DataError(f"{place}: {key} holds {item!r}, but must be numbers.")
        if not math.isfinite(item):
            raise DataError(f"{place}: {key} is {item}, but must be finite.")
    array = np.array(items, float)
    return array if isinstance(value, list) else array.reshape(())


def _spread(place: str, key: str, value: np.ndarray, count: int) -> np.ndarray:
    if value.ndim and value.size != count:
        raise DataError(f"{place}: {key} has {value.size} values, but needs {count}.")
    return np.broadcast_to(value, (count,)).copy()

"""The text beside an ENVI file, from and to a dictionary. Imports no jax."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .._errors import DataError
from .checks import check_file

DTYPES = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.int16),
    3: np.dtype(np.int32),
    4: np.dtype(np.float32),
    5: np.dtype(np.float64),
    6: np.dtype(np.complex64),
    9: np.dtype(np.complex128),
    12: np.dtype(np.uint16),
    13: np.dtype(np.uint32),
    14: np.dtype(np.int64),
    15: np.dtype(np.uint64),
}
"""Number types by ENVI's `data type`."""
INTERLEAVES = ("bsq", "bil", "bip")
# Axes (rows, columns, bands) by their place in the file, outermost first.
ORDERS = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
# Fields that the array itself decides: never copied from one header to another.
OWN = ("samples", "lines", "bands", "header offset", "file type", "data type")
OWN += ("interleave", "byte order", "wavelength", "wavelength units", "fwhm", "bbl")
OWN += ("data ignore value", "reflectance scale factor", "band names")
OWN += ("data gain values", "data offset values")
_MAX_HEADER = 2**25
_MAX_SIZE = 2**40
_SIZES = ("samples", "lines", "bands", "data type", "interleave", "byte order")


def read_header(path: str | Path) -> dict[str, str]:
    """Fields of an ENVI header: names in lower case, values as their text.

    Lists keep their braces, so that what is not understood can be written as it was.

    Raises:
        DataError: No ENVI header, a line without `=`, a brace that is never closed, or
            a size that is given twice with different values.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.hdr"
    >>> _ = path.write_text("ENVI\\nLines = 2\\nmap info = {UTM, 1,\\n 1}\\n")
    >>> read_header(path)
    {'lines': '2', 'map info': '{UTM, 1,\\n 1}'}
    """
    path = check_file(path)
    if path.stat().st_size > _MAX_HEADER:
        raise DataError(
            f"{path} has {path.stat().st_size / 2**20:.0f} MiB, too much for an ENVI "
            f"header; name the .hdr file."
        )
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = text.splitlines()
    if not lines or lines[0].split()[:1] != ["ENVI"]:
        raise DataError(
            f"{path} is no ENVI header: its first line is not 'ENVI'; name another."
        )
    fields: dict[str, str] = {}
    rest = iter(enumerate(lines[1:], start=2))
    for number, line in rest:
        if not line.strip() or line.lstrip().startswith(";"):
            continue
        key, equals, value = line.partition("=")
        key, value = " ".join(key.lower().split()), value.strip()
        if not equals or not key:
            raise DataError(
                f"{path}: line {number} is {_short(line)}, but 'name = value' is "
                f"expected; mend it."
            )
        if value.startswith("{"):
            while "}" not in value:
                try:
                    value += "\n" + next(rest)[1]
                except StopIteration:
                    raise DataError(
                        f"{path}: the brace of {key!r} in line {number} is never "
                        f"closed; the header is cut short or lacks a '}}'."
                    ) from None
            value = value[: value.rindex("}") + 1]
        if key in _SIZES and fields.get(key, value).lower() != value.lower():
            raise DataError(
                f"{path} gives {key!r} twice, as {_short(fields[key])} and "
                f"{_short(value)}; keep the right one."
            )
        fields[key] = value
    return fields


def header_text(fields: Mapping[str, str]) -> str:
    """An ENVI header; the inverse of `read_header`."""
    lines = ["ENVI"]
    for key, value in fields.items():
        plain = "\n" not in value or value.startswith("{")
        lines.append(f"{key} = {value}" if plain else f"{key} = {{{value}}}")
    return "\n".join(lines) + "\n"


def whole(fields: Mapping[str, str], key: str, path: Path, default=None) -> int:
    """A field that counts something."""
    text = fields.get(key)
    if text is None:
        if default is not None:
            return default
        raise DataError(f"{path} has no {key!r}; add it to the header.")
    if not re.fullmatch(r"\+?\d{1,18}", text.strip()):
        raise DataError(f"{path}: {key!r} is {_short(text)}, but must be an integer.")
    value = int(text)
    if value > _MAX_SIZE:
        raise DataError(f"{path}: {key!r} is {value}, more than any file has.")
    return value


def items(text: str) -> list[str]:
    """Entries of a list in braces.

    >>> items("{ a, b\\n c , d }")
    ['a', 'b c', 'd']
    """
    inner = text.strip().removeprefix("{").removesuffix("}")
    parts = [" ".join(part.split()) for part in inner.split(",")]
    return parts if any(parts) else []


def numbers(
    fields: Mapping[str, str], key: str, count: int, path: Path
) -> Float[np.ndarray, " n"] | None:
    """A list of `count` numbers, or None where there is none."""
    if key not in fields:
        return None
    parts = [part for part in items(fields[key]) if part]
    values = []
    for place, part in enumerate(parts):
        try:
            values.append(float(part))
        except ValueError:
            raise DataError(
                f"{path}: entry {place + 1} of {key!r} is {_short(part)}, not a number."
            ) from None
    if len(values) != count:
        raise DataError(
            f"{path}: {key!r} has {len(values)} entries, but there are {count} bands; "
            f"give one each."
        )
    return np.array(values, np.float64)


def number(fields: Mapping[str, str], key: str, path: Path) -> float | None:
    """A single number, or None where there is none."""
    if key not in fields:
        return None
    try:
        return float(fields[key].strip("{} "))
    except ValueError:
        raise DataError(
            f"{path}: {key!r} is {_short(fields[key])}, not a number."
        ) from None


def list_text(values: Iterable[float] | Iterable[str]) -> str:
    """Entries in braces, several to a line; numbers to all their digits.

    >>> list_text([0.1, 2.0])
    '{0.1, 2.0}'
    """
    parts = [v if isinstance(v, str) else repr(float(v)) for v in values]
    parts = [re.sub(r"[{}\n]", " ", part.replace(",", ";")) for part in parts]
    rows = [", ".join(parts[i : i + 8]) for i in range(0, len(parts), 8)]
    return "{" + ",\n ".join(rows) + "}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else text[:37] + "...")

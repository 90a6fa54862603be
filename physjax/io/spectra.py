"""Spectra in files: one axis, any number of spectra, read piece by piece."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .._errors import DataError
from .archives import Member, npz_names, read_npy, read_npz
from .checks import check_axis, check_dtype, check_file, check_finite, check_shape
from .hdf5 import hdf5_names, read_hdf5, read_mat
from .tables import read_csv, read_table

INPUTS = (".csv", ".h5", ".hdf5", ".mat", ".npy", ".npz", ".txt")
_MAX_POINTS = 2**24


@dataclass(frozen=True)
class Spectra:
    """Spectra (..., n) over one axis, still in their file."""

    path: Path
    wavenumber: Float[np.ndarray, " n"]
    """Axis as in the file, ascending or descending, float64."""
    shape: tuple[int, ...]
    """Leading axes and n."""
    member: Member
    name: str
    """How messages call the array."""

    def __len__(self) -> int:
        return math.prod(self.shape[:-1])

    def chunks(self, size: int) -> Iterator[Float[np.ndarray, "rows n"]]:
        """All spectra in order, `size` at a time (the last chunk may be shorter).

        Raises:
            DataError: A value is NaN or infinite, or the file turns out damaged.
        """
        done, held = 0, []
        for block in self.member.rows(size):
            rows = block.reshape(-1, self.shape[-1])
            check_finite(rows, self.name, place=functools.partial(self._place, done))
            done += len(rows)
            held.append(rows)
            if sum(map(len, held)) >= size:
                together = np.concatenate(held) if len(held) > 1 else rows
                held = [together[size:]] if len(together) > size else []
                yield _floating(together[:size])
        if held:
            yield _floating(np.concatenate(held))

    def load(self) -> Float[np.ndarray, "..."]:
        """All spectra at once, (..., n)."""
        return np.concatenate(list(self.chunks(4096))).reshape(self.shape)

    def _place(self, start: int, at: tuple[int, ...]) -> str:
        leading = np.unravel_index(start + at[0], self.shape[:-1]) if at[1:] else ()
        return f"index {[*map(int, leading), at[-1]]}"


def read_spectra(
    path: str | Path,
    *,
    wavenumber: str | Path | Float[np.ndarray, " n"] | None = None,
    name: str = "cars",
) -> Spectra:
    """Open a file of spectra; the axis is read and checked, the spectra are not yet.

    * `.csv`, `.txt`: columns wavenumber, intensity; with or without a header line.
    * `.npz`, `.h5`, `.hdf5`, `.mat`: arrays `cars` (..., n) and `wavenumber` (n,).
    * `.npy`: array (..., n); the axis comes from `wavenumber`.

    Args:
        path: The file.
        wavenumber: Axis, or a file of it (`.csv` or `.txt` of one column, or the first
            of two, `.npy`, `.npz`); it takes the place of one in the file.
        name: Name of the array of spectra in files with names.

    Raises:
        DataError: Anything is wrong with the file; the message names the place and
            the remedy. `.h5` and MATLAB v7.3 need the extra `io`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "two.npz"
    >>> np.savez(path, cars=np.ones((4, 2, 3)), wavenumber=np.array([3, 2, 1]))
    >>> spectra = read_spectra(path)
    >>> spectra.wavenumber, [chunk.shape for chunk in spectra.chunks(5)]
    (array([3., 2., 1.]), [(5, 3), (3, 3)])
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in INPUTS:
        raise DataError(
            f"cannot read {path}: suffix {suffix or '(none)'!r} is unknown; "
            f"known are {', '.join(INPUTS)}."
        )
    check_file(path)
    axis = _axis_from(wavenumber)
    label = f"{path}: {name}"
    if suffix in (".csv", ".txt"):
        axis, intensity = read_csv(path, axis)
        member = Member(
            intensity.shape, intensity.dtype, lambda size: iter([intensity])
        )
        label = f"{path}: intensity"
    elif suffix == ".npy":
        if axis is None:
            raise DataError(
                f"{path} holds no axis; name its file with --wavenumber FILE."
            )
        member, label = read_npy(path), str(path)
    else:
        members = _named(path, (name, "wavenumber"), optional=axis is not None)
        member = members[name]
        if axis is None:
            axis = _load_axis(members["wavenumber"], f"{path}: wavenumber")
        if suffix == ".mat" and member.shape == (axis.size, 1):
            # A single spectrum is a column in MATLAB.
            column = member.load(label)[:, 0]
            member = Member(column.shape, column.dtype, lambda size: iter([column]))
    check_shape(member.shape, axis.size, label, "the wavenumber axis")
    return Spectra(path, axis, member.shape, member, label)


def _named(path: Path, names: tuple[str, str], optional: bool) -> dict[str, Member]:
    """Members of a file with names; the second may be missing where `optional`."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        there = npz_names(path)
        members = {n: read_npz(path, n) for n in names if n in there}
    elif suffix == ".mat":
        members, there = read_mat(path, names)
    else:
        members, there = read_hdf5(path, names), hdf5_names(path)
    for wanted in names[: 1 if optional else 2]:
        if wanted not in members:
            raise missing_key(path, wanted, there)
    return members


def missing_key(path: Path, wanted: str, there: list[str]) -> DataError:
    """The error for a file without an array of that name."""
    found = ", ".join(there[:8]) + (", ..." if len(there) > 8 else "")
    return DataError(
        f"{path} has no {wanted!r} (found: {found or 'nothing'}); "
        f"save the array under that name."
    )


def _axis_from(source: str | Path | np.ndarray | None) -> np.ndarray | None:
    if source is None:
        return None
    if isinstance(source, np.ndarray):
        return check_axis(source)
    path = check_file(source)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _load_axis(read_npy(path), str(path))
    if suffix == ".npz":
        if "wavenumber" not in (there := npz_names(path)):
            raise missing_key(path, "wavenumber", there)
        return _load_axis(read_npz(path, "wavenumber"), f"{path}: wavenumber")
    if suffix in (".csv", ".txt"):
        lines, table = read_table(path, columns=None)
        return check_axis(table[:, 0], str(path), place=lambda i: f"row {lines[i]}")
    raise DataError(
        f"cannot read a wavenumber axis from {path}: suffix {suffix or '(none)'!r}; "
        f"use .csv, .txt, .npy or .npz."
    )


def _load_axis(member: Member, name: str) -> np.ndarray:
    if math.prod(member.shape) > _MAX_POINTS:
        raise DataError(
            f"{name} declares shape {member.shape}, too large for an axis; "
            f"check that the names are not swapped."
        )
    check_dtype(member.dtype, name)
    axis = member.load(name)
    # MATLAB's vectors are matrices.
    return check_axis(axis.ravel() if sorted(axis.shape)[:-1] == [1] else axis, name)


def _floating(rows: np.ndarray) -> np.ndarray:
    keep = rows.dtype in (np.float32, np.float64)
    return np.asarray(rows, rows.dtype.newbyteorder("=") if keep else np.float64)

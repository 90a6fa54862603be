"""Arrays in .npy and .npz files, read by rows and never unpickled. Imports no jax."""

import contextlib
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from .._errors import DataError
from .checks import MAX_BYTES, check_dtype

Stream = BufferedIOBase | IO[bytes]
"""A file or a member of an archive: run-time and static checkers name them apart."""


class Member(NamedTuple):
    """An array in a file: what its header says, and its rows on demand."""

    shape: tuple[int, ...]
    dtype: np.dtype
    rows: Callable[[int], Iterator[np.ndarray]]
    """`rows(size)` yields blocks of at most `size` rows (..., n) in order."""

    def load(self, name: str) -> np.ndarray:
        """The whole array, where it is of a sane size."""
        check_size(self.shape, self.dtype, name)
        points = self.shape[-1:] or (1,)
        blocks = [block.reshape(-1, *points) for block in self.rows(4096)]
        whole = np.concatenate(blocks) if blocks else np.zeros(0, self.dtype)
        return whole.reshape(self.shape)


def check_size(shape: tuple[int, ...], dtype: np.dtype, name: str) -> None:
    """Refuse to load more than `MAX_BYTES`, before anything is allocated."""
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise DataError(
            f"{name} declares shape {shape}, {size / 2**30:.3g} GiB, more than can be "
            f"loaded at once; split it, or save it as a C-ordered .npy."
        )


def blocks(leading: tuple[int, ...], size: int) -> Iterator[tuple]:
    """Indices that cover the leading axes in order, at most `size` rows each.

    >>> list(blocks((2, 3), 2))[:2]
    [(0, slice(0, 2, None)), (0, slice(2, 4, None))]
    """
    if not leading:
        yield ()
        return
    inner = math.prod(leading[1:])
    if inner > size:
        for i in range(leading[0]):
            for rest in blocks(leading[1:], size):
                yield (i, *rest)
    else:
        step = max(1, size // max(inner, 1))
        for i in range(0, leading[0], step):
            yield (slice(i, i + step),)


def read_npy(path: Path) -> Member:
    """The array of a .npy file, memory-mapped."""
    with open(path, "rb") as file:
        shape, fortran, dtype = _header(file, f"{path}", "as .npy with np.save")
        offset = file.tell()
    check_dtype(dtype, f"{path}")
    needed, there = offset + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if there < needed:
        raise DataError(
            f"{path} is truncated: {there} bytes of {needed} for shape {shape}; "
            f"copy or write it again."
        )
    if math.prod(shape) == 0:
        return Member(shape, dtype, lambda size: iter(()))
    order = "F" if fortran else "C"

    def rows(size: int) -> Iterator[np.ndarray]:
        array = np.memmap(path, dtype, "r", offset, shape, order)
        for index in blocks(shape[:-1], size):
            yield array[index]

    return Member(shape, dtype, rows)


@contextlib.contextmanager
def open_npz(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, its failures turned into `DataError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(
            f"{path} is damaged, truncated or no .npz file ({error}); "
            f"copy it or write it with np.savez again."
        ) from error


def npz_names(path: Path) -> list[str]:
    """Names of the arrays in a .npz file."""
    with open_npz(path) as archive:
        names = archive.namelist()
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def read_npz(path: Path, name: str) -> Member:
    """One array of a .npz file, streamed from the archive without loading it."""
    label = f"{path}: {name}"
    with open_npz(path) as archive, archive.open(f"{name}.npy") as member:
        shape, fortran, dtype = _header(member, label, "with np.savez")
        offset = member.tell()
        there = archive.getinfo(f"{name}.npy").file_size
    check_dtype(dtype, label)
    needed = offset + math.prod(shape) * dtype.itemsize
    if there != needed:
        raise DataError(
            f"{label} holds {there} bytes where its shape {shape} takes {needed}; "
            f"write it again."
        )
    points = shape[-1] if shape else 1

    def by_rows(size: int) -> Iterator[np.ndarray]:
        row = points * dtype.itemsize
        with open_npz(path) as archive, archive.open(f"{name}.npy") as member:
            member.read(offset)
            for start in range(0, needed - offset, max(row * size, 1)):
                data = _read(member, min(row * size, needed - offset - start))
                yield np.frombuffer(data, dtype).reshape(-1, points)

    def from_columns(size: int) -> Iterator[np.ndarray]:
        # Fortran order puts the spectral axis outermost: nothing to stream by.
        check_size(shape, dtype, label)
        with open_npz(path) as archive, archive.open(f"{name}.npy") as member:
            member.read(offset)
            data = _read(member, needed - offset)
        array = np.frombuffer(data, dtype).reshape(shape, order="F")
        for index in blocks(shape[:-1], size):
            yield array[index]

    return Member(shape, dtype, from_columns if fortran else by_rows)


def _read(member: Stream, size: int) -> bytes:
    data = member.read(size)
    if len(data) != size:
        raise EOFError("a member ends early")
    return data


def _header(
    file: Stream, name: str, how: str
) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(file)
        else:
            header = np.lib.format.read_array_header_2_0(file)
        if any(n < 0 for n in header[0]):
            raise ValueError("negative length")
        return header
    except (ValueError, EOFError, OSError) as error:
        raise DataError(
            f"{name} has a damaged or truncated header; save it {how} again."
        ) from error

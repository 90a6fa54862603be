"""Named curves over an axis, written as they come."""

import contextlib
import math
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from .._errors import DataError
from .archives import Stream
from .atomic import atomic_output

OUTPUTS = (".csv", ".npz")

Write = Callable[..., None]
"""`write(*blocks)`: one block (rows, n) per name, in order."""


@contextlib.contextmanager
def write_spectra(
    path: str | Path,
    wavenumber: Float[np.ndarray, " n"],
    shape: tuple[int, ...],
    names: Sequence[str],
) -> Iterator[Write]:
    """Write curves of `shape` (..., n) piece by piece; the file appears at the end.

    `.npz` gets `wavenumber` (n,) and one float32 array (..., n) per name; `.csv` takes
    a single spectrum, as columns. Memory stays that of one block.

    Args:
        path: Output; an old file of that name is replaced at the very end.
        wavenumber: Axis (n,).
        shape: Leading axes and n.
        names: Names of the curves.

    Yields:
        `write(*blocks)`, to be called with one block (rows, n) per name until all
        spectra are written.

    Raises:
        DataError: Unknown suffix, or more than one spectrum for `.csv`.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "out.npz"
    >>> with write_spectra(path, np.arange(3.0), (2, 3), ["raman"]) as write:
    ...     write(np.ones((2, 3), np.float32))
    >>> np.load(path)["raman"].shape
    (2, 3)
    """
    path = Path(path)
    rows = math.prod(shape[:-1])
    check_rows(path, rows)
    writer = _csv if path.suffix.lower() == ".csv" else _npz
    done = 0
    with atomic_output(path) as part, writer(part, wavenumber, shape, names) as write:

        def counted(*blocks: np.ndarray) -> None:
            nonlocal done
            done += len(blocks[0])
            write(*blocks)

        yield counted
        if done != rows:
            raise RuntimeError(f"{done} of {rows} spectra were written to {path}")


def check_rows(path: Path, rows: int) -> None:
    """Refuse more than one spectrum for a text file."""
    if path.suffix.lower() not in OUTPUTS:
        raise DataError(
            f"cannot write {path}: suffix {path.suffix or '(none)'!r} is unknown; use "
            f"{' or '.join(OUTPUTS)}."
        )
    if path.suffix.lower() == ".csv" and rows != 1:
        raise DataError(
            f"cannot write {rows} spectra to {path}; .csv takes one, use .npz."
        )


@contextlib.contextmanager
def _csv(
    part: Path, axis: np.ndarray, shape: tuple[int, ...], names: Sequence[str]
) -> Iterator[Write]:
    with open(part, "w", encoding="utf-8") as file:

        def write(*blocks: np.ndarray) -> None:
            print("wavenumber", *names, sep=",", file=file)
            for x, *values in zip(axis, *(block[0] for block in blocks), strict=True):
                print(f"{x:.12g}", *(f"{v:.9g}" for v in values), sep=",", file=file)

        yield write


@contextlib.contextmanager
def _npz(
    part: Path, axis: np.ndarray, shape: tuple[int, ...], names: Sequence[str]
) -> Iterator[Write]:
    # A zip takes one member at a time: the first streams into it, the others wait in
    # nameless files beside it, which vanish with the process.
    with contextlib.ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(part, "w"))
        with archive.open("wavenumber.npy", "w") as member:
            np.lib.format.write_array(member, axis, allow_pickle=False)
        waiting = [
            stack.enter_context(tempfile.TemporaryFile(dir=part.parent))
            for _ in names[1:]
        ]
        with _member(archive, names[0], shape) as first:

            def write(*blocks: np.ndarray) -> None:
                for file, block in zip((first, *waiting), blocks, strict=True):
                    file.write(np.ascontiguousarray(block, "<f4").data)

            yield write
        for name, file in zip(names[1:], waiting, strict=True):
            file.seek(0)
            with _member(archive, name, shape) as member:
                shutil.copyfileobj(file, member, 2**20)


@contextlib.contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...]
) -> Iterator[Stream]:
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        yield member

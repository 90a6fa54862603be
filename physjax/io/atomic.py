"""Files that are there complete or not at all. Imports no jax."""

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from .._errors import DataError


def check_output(
    path: str | Path, suffixes: Collection[str], inputs: Collection[str | Path] = ()
) -> Path:
    """`path` as a `Path`, after making sure that it can become a file.

    Args:
        path: The file to write; an old one may be there.
        suffixes: Allowed endings, such as `{".npz", ".csv"}`.
        inputs: Files that must not be overwritten.

    Raises:
        DataError: Unknown suffix, missing folder, a folder of that name, or an input.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise DataError(
            f"cannot write {path}: suffix {path.suffix or '(none)'!r} is unknown; use "
            f"{' or '.join(sorted(suffixes))}."
        )
    if path.is_dir():
        raise DataError(f"cannot write {path}: it is a folder; name a file in it.")
    if not path.parent.is_dir():
        raise DataError(
            f"cannot write {path}: there is no folder {path.parent}; make it first."
        )
    if not os.access(path.parent, os.W_OK):
        raise DataError(
            f"cannot write {path}: no right to write in {path.parent}; choose another."
        )
    for source in inputs:
        if path.exists() and Path(source).exists() and path.samefile(source):
            raise DataError(
                f"output {path} is an input of the same command; choose another name."
            )
    return path


@contextlib.contextmanager
def atomic_output(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed at the end, removed if anything fails.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_output(folder / "a.txt") as part:
    ...     _ = part.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:  # KeyboardInterrupt too
        part.unlink(missing_ok=True)
        raise

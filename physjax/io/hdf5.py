"""Arrays in HDF5 and MATLAB files, sliced and never followed elsewhere."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import DataError
from .archives import Member, blocks, check_size
from .checks import check_dtype

_MAX_RATIO = 1100  # deflate gains at most 1032


def read_hdf5(path: Path, names: tuple[str, ...]) -> dict[str, Member]:
    """The named datasets at the top of an HDF5 file, those that are there.

    MATLAB's v7.3 files count their axes in the other order; they are turned back.

    Raises:
        DataError: h5py is missing, the file is damaged, or a dataset is a link to
            another file, virtual, or declares far more than it stores.
    """
    h5py = _h5py(path)
    matlab = path.suffix.lower() == ".mat"
    with open_hdf5(path) as file:
        there = [n for n in names if n in _keys(file)]
        return {n: _describe(h5py, path, file, n, matlab) for n in there}


def hdf5_names(path: Path) -> list[str]:
    """Names at the top of an HDF5 file."""
    with open_hdf5(path) as file:
        return _keys(file)


def read_mat(path: Path, names: tuple[str, ...]) -> tuple[dict[str, Member], list[str]]:
    """The named arrays of a MATLAB file of any version, and all names in it."""
    if _is_hdf5(path):  # version 7.3
        every = [n for n in hdf5_names(path) if not n.startswith("#")]
        return read_hdf5(path, names), every
    import scipy.io

    try:
        content = {n: (s, c) for n, s, c in scipy.io.whosmat(path)}
    except Exception as error:  # whatever a foreign parser makes of foreign bytes
        raise _damaged(path, error) from error
    found = {}
    for name in names:
        if name not in content:
            continue
        shape, kind = content[name]
        label = f"{path}: {name}"
        if not kind.startswith(("double", "single", "int", "uint")):
            raise DataError(f"{label} is a {kind}, not numbers; save it as double.")
        size = np.dtype(np.float64)
        check_size(shape, size, label)
        _check_ratio(label, math.prod(shape), path.stat().st_size)
        try:
            array = scipy.io.loadmat(path, variable_names=[name])[name]
        except Exception as error:
            raise _damaged(path, error) from error
        check_dtype(array.dtype, label)
        found[name] = _in_memory(np.ascontiguousarray(array))
    return found, list(content)


def mat_shapes(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shapes, as MATLAB counts, and types of the arrays of numbers in a `.mat` file."""
    if _is_hdf5(path):
        found = walk_hdf5(path).items()
        return {n: (s[::-1], t) for n, (s, t, _) in found if not n.startswith("#")}
    import scipy.io

    kinds = {"double": "f8", "single": "f4"}
    try:
        return {
            name: (tuple(shape), np.dtype(kinds.get(kind, kind)))
            for name, shape, kind in scipy.io.whosmat(path)
            if kind.startswith(("double", "single", "int", "uint"))
        }
    except Exception as error:  # whatever a foreign parser makes of foreign bytes
        raise _damaged(path, error) from error


def walk_hdf5(
    path: Path,
) -> dict[str, tuple[tuple[int, ...], np.dtype, tuple[str, ...]]]:
    """Shape, type and names of the axes of every dataset of numbers, in any group.

    Links are not followed.
    """
    found = {}
    h5py = _h5py(path)

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            axes = tuple(_axis_name(axis) for axis in item.dims)
            found[name] = (item.shape, item.dtype, axes)

    with open_hdf5(path) as file:
        file.visititems(visit)
    return found


def load_dataset(path: Path, name: str) -> np.ndarray:
    """A dataset, whole, after the checks of `read_hdf5`."""
    with open_hdf5(path) as file:
        member = _describe(_h5py(path), path, file, name, False)
        check_size(member.shape, member.dtype, f"{path}: {name}")
        return np.asarray(file[name][()]).reshape(member.shape)


@contextlib.contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """An HDF5 file, its failures turned into `DataError`."""
    h5py = _h5py(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        raise _damaged(path, error) from error


def _axis_name(axis: Any) -> str:
    if axis.label:
        return str(axis.label)
    return str(axis[0].name).rsplit("/", 1)[-1] if len(axis) else ""


def _in_memory(array: np.ndarray) -> Member:
    def rows(size: int) -> Iterator[np.ndarray]:
        for index in blocks(array.shape[:-1], size):
            yield array[index]

    return Member(array.shape, array.dtype, rows)


def _describe(h5py: Any, path: Path, file: Any, name: str, matlab: bool) -> Member:
    label = f"{path}: {name}"
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise DataError(
            f"{label} is a link, which is never followed; copy the data into the file."
        )
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise DataError(f"{label} is a group; put a dataset of that name at the top.")
    if dataset.external or dataset.is_virtual:
        raise DataError(
            f"{label} keeps its data in other files, which are never opened; "
            f"copy the data into the file."
        )
    if dataset.shape is None:
        raise DataError(f"{label} is an empty dataset; save it again.")
    check_dtype(dataset.dtype, label)
    _check_ratio(label, math.prod(dataset.shape), dataset.id.get_storage_size())
    shape = dataset.shape[::-1] if matlab else dataset.shape
    rank = len(shape)

    def rows(size: int) -> Iterator[np.ndarray]:
        try:
            with h5py.File(path, "r") as again:
                for index in blocks(shape[:-1], size):
                    if matlab:
                        whole = index + (slice(None),) * (rank - len(index))
                        yield again[name][whole[::-1]].T
                    else:
                        yield again[name][index]
        except (OSError, RuntimeError, KeyError) as error:
            raise _damaged(path, error) from error

    return Member(shape, dataset.dtype, rows)


def _check_ratio(label: str, values: int, stored: int) -> None:
    if values > _MAX_RATIO * stored + 2**16:
        raise DataError(
            f"{label} declares {values} values but stores {stored} bytes; it was never "
            f"filled or is damaged, so write it again."
        )


def _is_hdf5(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(520)
    return b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:])


def _keys(file: Any) -> list[str]:
    return [str(name) for name in file]


def _h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError:
        raise DataError(
            f"reading {path} needs h5py; install it with: pip install 'physjax[io]'"
        ) from None
    return h5py


def _damaged(path: Path, error: Exception) -> DataError:
    kind = "MATLAB" if path.suffix.lower() == ".mat" else "HDF5"
    return DataError(
        f"{path} is damaged, truncated or no {kind} file "
        f"({' '.join(str(error).split())[:120]}); copy or write it again."
    )

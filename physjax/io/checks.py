"""What every reader asks of an axis, a dtype and the numbers. Imports no jax."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Num

from .._errors import DataError

MAX_BYTES = 8 * 2**30
"""Most that is ever loaded at once from a file; larger arrays must be streamable."""


def check_file(path: str | Path) -> Path:
    """`path` as a `Path`, after making sure that it is a readable, non-empty file."""
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it.")
    try:
        with open(path, "rb") as file:
            first = file.read(1)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; check the name.") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); check the name and its rights."
        ) from None
    if not first:
        raise DataError(f"{path} is empty; write or copy it again.")
    return path


def check_axis(
    axis: Num[np.ndarray, "..."],
    name: str = "wavenumber",
    *,
    place: Callable[[int], str] = "index {}".format,
) -> Float[np.ndarray, " n"]:
    """An axis as float64, strictly ascending or strictly descending.

    Args:
        axis: (n,) points, n >= 2; units are the caller's.
        name: How messages call it, with its file.
        place: How messages call the point of an index.

    Raises:
        DataError: It is not one-dimensional, has fewer than two points, holds NaN or
            infinity, repeats a value or changes direction.

    >>> check_axis(np.array([3, 2, 1]))
    array([3., 2., 1.])
    """
    if axis.ndim != 1:
        raise DataError(
            f"{name} has shape {axis.shape}, but must be one-dimensional, "
            f"one value per point."
        )
    if axis.size < 2:
        raise DataError(
            f"{name} has {axis.size} point{'s' * (axis.size != 1)}, but a spectrum "
            f"needs at least 2; check that the whole axis was saved."
        )
    axis = axis.astype(np.float64)
    check_finite(axis, name, place=lambda index: place(index[0]))
    steps = np.diff(axis)
    if (flat := np.flatnonzero(steps == 0)).size:
        i = int(flat[0])
        raise DataError(
            f"{name} repeats the value {axis[i]:g} ({place(i)} and {place(i + 1)}); "
            f"keep one point per value."
        )
    turns = np.flatnonzero(np.sign(steps) != np.sign(steps[0]))
    if turns.size:
        i = int(turns[0]) + 1
        words = ("falls", "rising") if steps[0] > 0 else ("rises", "falling")
        raise DataError(
            f"{name} {words[0]} at {place(i)} ({axis[i - 1]:g} to {axis[i]:g}) after "
            f"{words[1]}; sort the points by wavenumber."
        )
    return axis


def check_finite(
    values: Num[np.ndarray, "..."],
    name: str,
    *,
    place: Callable[[tuple[int, ...]], str] | None = None,
) -> None:
    """Refuse NaN and infinity, naming how many and where the first is.

    Raises:
        DataError: Some value is not finite.
    """
    good = np.isfinite(values)
    if good.all():
        return
    bad = np.argwhere(~good)
    first = tuple(int(i) for i in bad[0])
    where = place(first) if place else f"index {list(first)}"
    more = f" and {len(bad) - 1} more like it" if len(bad) > 1 else ""
    raise DataError(
        f"{name} is {values[first]} at {where}{more}; remove or repair such points."
    )


def check_dtype(dtype: np.dtype, name: str) -> None:
    """Refuse what is not an array of real numbers.

    Raises:
        DataError: Objects (which would need pickle), complex numbers, text and such.
    """
    if dtype.hasobject:
        raise DataError(
            f"{name} holds Python objects, which are never opened because pickle can "
            f"run code; save it as a plain array of numbers."
        )
    if dtype.kind == "c":
        raise DataError(
            f"{name} is complex, but a spectrum is real; save its intensity."
        )
    if dtype.kind not in "fiu":
        raise DataError(
            f"{name} has dtype {dtype}, not real numbers; save it as float32 or so."
        )


def check_shape(shape: tuple[int, ...], points: int, name: str, axis: str) -> None:
    """Refuse spectra (..., n) whose last axis is not the n points of the axis.

    Raises:
        DataError: With the transposition that would mend it, where there is one.
    """
    if not shape:
        raise DataError(f"{name} is a single number; a spectrum (..., n) is expected.")
    if shape[-1] != points:
        hint = (
            f"np.moveaxis({name.split()[-1]}, {shape.index(points)}, -1) puts the "
            f"spectral axis last."
            if points in shape
            else "the last axis must run over the wavenumbers."
        )
        raise DataError(
            f"{name} has shape {shape}, but {axis} has {points} points; {hint}"
        )
    if 0 in shape:
        raise DataError(f"{name} has shape {shape}: no spectrum in it; save it again.")

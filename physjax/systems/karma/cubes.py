"""Measured cubes of a folder, for training and evaluation."""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ... import io
from ..._errors import DataError

_SUFFIXES = {".tif", ".tiff", ".hdr", ".mat", ".h5", ".nc"}


class Cubes(NamedTuple):
    """Cubes of one sensor and one size.

    Attributes:
        values: Reflectance; bands that are bad in any cube are left out.
        wavelength: Centres of the bands, nm.
        names: Names of the files.
    """

    values: Float[np.ndarray, "cubes rows columns bands"]
    wavelength: Float[np.ndarray, " bands"]
    names: tuple[str, ...]


@functools.lru_cache(maxsize=8)
def read_cubes(folder: str, only: tuple[str, ...] = ()) -> Cubes:
    """All cubes of a folder, or those whose file names are in `only`.

    Raises:
        DataError: There are none, or they differ in size or bands.
    """
    root = Path(folder)
    paths = [p for p in sorted(root.glob("*")) if p.suffix.lower() in _SUFFIXES]
    if only:
        paths = [root / name for name in only]
    if not paths:
        raise DataError(
            f"`source` is {folder!r}, which holds no cubes; name a folder of .tif or "
            ".hdr files."
        )
    cubes = [io.read_cube(path) for path in paths]
    if len({cube.values.shape for cube in cubes}) > 1:
        raise DataError(f"the cubes of {folder} differ in size; cut them to one.")
    if cubes[0].wavelength is None:
        raise DataError(f"{paths[0]} has no wavelengths; put them into its header.")
    good = np.all([cube.good for cube in cubes], axis=0)
    values = np.stack([cube.reflectance()[..., good] for cube in cubes])
    if not np.isfinite(values).all():
        raise DataError(f"cubes of {folder} have pixels without data; cut them off.")
    wavelength = np.asarray(cubes[0].wavelength)[good].astype(np.float32)
    return Cubes(values, wavelength, tuple(p.name for p in paths))

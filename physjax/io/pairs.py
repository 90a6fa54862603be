"""Pairs of measurement and truth, for evaluation."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from .._errors import DataError
from .archives import npz_names, read_npz
from .checks import check_axis, check_file, check_finite, check_shape
from .spectra import missing_key

Pairs = dict[str, tuple[Float[np.ndarray, "rows n"], Float[np.ndarray, "rows n"]]]


def read_pairs(path: str | Path) -> tuple[Float[np.ndarray, " n"], Pairs]:
    """Axis and pairs by set of a `.npz` file.

    The file holds `{set}_cars` and `{set}_raman` for every set, or `cars` and `raman`
    (one set, called `all`), each (..., n), and the axis as `wavenumber` or `axis`.

    Returns:
        Axis (n,) and `{set: (cars, raman)}`, each (rows, n).

    Raises:
        DataError: A partner or the axis is missing, shapes differ, NaN, and all that
            `read_spectra` refuses.
    """
    path = Path(path)
    if path.suffix.lower() != ".npz":
        raise DataError(f"pairs are read from .npz files, but {path} is none.")
    check_file(path)
    names = npz_names(path)
    axis_name = next((n for n in ("wavenumber", "axis") if n in names), None)
    if axis_name is None:
        raise missing_key(path, "wavenumber", names)
    axis_label = f"{path}: {axis_name}"
    axis = check_axis(read_npz(path, axis_name).load(axis_label), axis_label)
    sets = {n[: -len("cars")] for n in names if n == "cars" or n.endswith("_cars")}
    if not sets:
        raise missing_key(path, "cars", names)
    pairs: Pairs = {}
    for prefix in sorted(sets):
        if f"{prefix}raman" not in names:
            raise missing_key(path, f"{prefix}raman", names)
        pair = []
        for kind in ("cars", "raman"):
            label = f"{path}: {prefix}{kind}"
            member = read_npz(path, prefix + kind)
            check_shape(member.shape, axis.size, label, axis_name)
            array = member.load(label)
            check_finite(array, label)
            pair.append(array.reshape(-1, axis.size))
        cars, raman = pair
        if len(cars) != len(raman):
            raise DataError(
                f"{path}: {prefix}cars has {len(cars)} spectra and {prefix}raman "
                f"{len(raman)}; every measurement needs its truth."
            )
        pairs[prefix.removesuffix("_") or "all"] = (cars, raman)
    return axis, pairs

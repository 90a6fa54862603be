"""Training and test pixels that lie apart, and a check that they do. NumPy only."""

import numpy as np
from jaxtyping import Bool, Int

from ..._errors import DataError


def tile_folds(names: tuple[str, ...], folds: int, *, seed: int = 0) -> list[list[str]]:
    """Names dealt to folds at random, in turn; sorted first, so order does not matter.

    Example:
        >>> [len(fold) for fold in tile_folds(("a", "b", "c", "d", "e"), 2)]
        [3, 2]
    """
    if not 2 <= folds <= len(names):
        raise DataError(f"folds is {folds}, but must be 2 to {len(names)}.")
    order = np.random.default_rng(seed).permutation(len(names))
    ranked = sorted(names)
    return [sorted(ranked[i] for i in part) for part in np.array_split(order, folds)]


def block_split(
    shape: tuple[int, int],
    block: int,
    test: float,
    *,
    buffer: int = 0,
    seed: int = 0,
) -> tuple[Bool[np.ndarray, "rows columns"], Bool[np.ndarray, "rows columns"]]:
    """Masks of training and test pixels: whole square blocks, a buffer between.

    Args:
        shape: Rows and columns of the image.
        block: Pixels along the side of a block.
        test: Fraction of blocks for the test.
        buffer: Training pixels this near to a test pixel, in pixels, are left out.
        seed: Of the choice.

    Example:
        >>> train, test = block_split((8, 8), 4, 0.25, buffer=1)
        >>> int(test.sum()), int(train.sum()), bool((train & test).any())
        (16, 39, False)
    """
    high, wide = -(-shape[0] // block), -(-shape[1] // block)
    chosen = np.zeros(high * wide, bool)
    count = min(max(round(test * high * wide), 1), high * wide - 1)
    chosen[np.random.default_rng(seed).permutation(high * wide)[:count]] = True
    square = chosen.reshape(high, wide).repeat(block, 0).repeat(block, 1)
    tested = square[: shape[0], : shape[1]]
    return ~_grown(tested, buffer), tested


def _grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask with all pixels at most `by` rows and columns away."""
    rows, columns = mask.shape
    padded = np.pad(mask, by)
    shifts = [
        padded[i : i + rows, j : j + columns]
        for i in range(2 * by + 1)
        for j in range(2 * by + 1)
    ]
    return np.any(shifts, axis=0)


def check_no_leak(
    train: Int[np.ndarray, "n 2"],
    test: Int[np.ndarray, "m 2"],
    size: int,
    *,
    allow_overlap: bool = False,
) -> int:
    """Refuse training patches that share a pixel with a test patch.

    Args:
        train: Row and column where each training patch begins.
        test: The same of the test patches, in the same image.
        size: Pixels along the side of a patch.
        allow_overlap: Only count.

    Returns:
        Number of training patches that overlap with a test patch.

    Raises:
        DataError: There are such, and `allow_overlap` is not set.

    Example:
        >>> check_no_leak(np.array([[0, 0]]), np.array([[0, 4]]), 4)
        0
    """
    leaks = 0
    for begin in range(0, len(train), 1024):
        apart = np.abs(train[begin : begin + 1024, None] - test[None])
        leaks += int(np.any(np.all(apart < size, axis=-1), axis=1).sum())
    if leaks and not allow_overlap:
        raise DataError(
            f"{leaks} of {len(train)} training patches overlap with test patches; "
            "split by blocks or tiles, or say allow_overlap=True and report it."
        )
    return leaks

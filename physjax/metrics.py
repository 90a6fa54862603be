r"""Figures of merit of unmixing and of classification, on the host, in float64.

Found endmembers come in any order. `align` finds the order once, by the Hungarian
algorithm on spectral angles, and all figures use it. Definitions that papers mix up
have a name each.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import uniform_filter
from scipy.optimize import linear_sum_assignment


class Alignment(NamedTuple):
    """Which found endmember belongs to which reference.

    Attributes:
        order: Place of the found endmember of each reference; -1 where there are fewer
            found than references.
        angles: Spectral angle of each pair, rad; pi / 2 where there is none.
    """

    order: np.ndarray
    angles: np.ndarray

    @property
    def mean_angle(self) -> float:
        """mSAD: mean over the references of the spectral angle, rad."""
        return float(np.mean(self.angles))


def spectral_angles(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """Angle of every row of `first` to every row of `second`, rad (SAD).

    Example:
        >>> spectral_angles([[1.0, 0.0]], [[2.0, 0.0], [0.0, 1.0]]).round(3).tolist()
        [[0.0, 1.571]]
    """
    a, b = (_unit(np.asarray(x, np.float64)) for x in (first, second))
    difference = np.linalg.norm(a[:, None] - b[None], axis=-1)
    total = np.linalg.norm(a[:, None] + b[None], axis=-1)
    angles = 2 * np.arctan2(difference, total)
    zero = np.logical_or.outer(np.all(a == 0, axis=1), np.all(b == 0, axis=1))
    return np.where(zero, np.pi / 2, angles)


def align(found: ArrayLike, reference: ArrayLike) -> Alignment:
    """The one-to-one order of smallest sum of spectral angles.

    Args:
        found: Endmembers `(found, bands)`.
        reference: Endmembers `(members, bands)`.

    Example:
        >>> align(np.eye(3)[[2, 0, 1]], np.eye(3)).order.tolist()
        [1, 2, 0]
    """
    angles = spectral_angles(found, reference)
    rows, columns = linear_sum_assignment(angles)
    order = np.full(angles.shape[1], -1)
    order[columns] = rows
    matched = np.where(
        order >= 0, angles[np.maximum(order, 0), np.arange(len(order))], np.pi / 2
    )
    return Alignment(order, matched)


def take_members(abundances: ArrayLike, order: ArrayLike) -> np.ndarray:
    """Abundances in the order of the references; zeros where none was found."""
    abundances, order = np.asarray(abundances, np.float64), np.asarray(order)
    return np.where(order >= 0, abundances[..., np.maximum(order, 0)], 0.0)


# --- abundances, already in the order of the reference --------------------------------


def abundance_rmse(found: ArrayLike, reference: ArrayLike) -> float:
    """aRMSE: root of the mean square over all pixels and members.

    Example:
        >>> round(abundance_rmse([[1.0, 0.0]], [[0.8, 0.2]]), 6)
        0.2
    """
    return float(np.sqrt(np.mean(_error(found, reference) ** 2)))


def abundance_rmse_of_members(found: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """Root mean square over pixels, of each member."""
    error = _error(found, reference)
    return np.sqrt(np.mean(error.reshape(-1, error.shape[-1]) ** 2, axis=0))


def abundance_rmse_over_members(found: ArrayLike, reference: ArrayLike) -> float:
    """Mean over members of their root mean squares; at most `abundance_rmse`."""
    return float(np.mean(abundance_rmse_of_members(found, reference)))


def abundance_rmse_over_pixels(found: ArrayLike, reference: ArrayLike) -> float:
    """Mean over pixels of the root of the mean square over members."""
    error = _error(found, reference)
    return float(np.mean(np.sqrt(np.mean(error**2, axis=-1))))


def abundance_norm_rmse(found: ArrayLike, reference: ArrayLike) -> float:
    """Root of the mean over pixels of the squared norm: sqrt(members) times aRMSE."""
    error = _error(found, reference)
    return float(np.sqrt(np.mean(np.sum(error**2, axis=-1))))


def relative_rmse(found: ArrayLike, reference: ArrayLike) -> float:
    """rRMSE: norm of the error over the norm of the reference."""
    error = _error(found, reference)
    return float(np.linalg.norm(error) / np.linalg.norm(np.asarray(reference)))


def convert_abundances(
    abundances: ArrayLike, endmembers: ArrayLike, scale: str = "unit"
) -> np.ndarray:
    """Fractions of endmembers as they stand, as fractions of scaled ones.

    A spectrum and its multiples are one endmember to a scene of unknown brightness;
    which of them has abundance 1 is a convention. `unit` scales to an L2 norm of 1,
    `max` to a maximum of 1, `none` leaves them.

    Example:
        >>> convert_abundances([[0.5, 0.5]], [[3.0, 0.0], [0.0, 1.0]]).tolist()
        [[0.75, 0.25]]
    """
    spectra = np.asarray(endmembers, np.float64)
    factors = {
        "unit": np.linalg.norm(spectra, axis=1),
        "max": np.max(spectra, axis=1),
        "none": np.ones(len(spectra)),
    }
    if scale not in factors:
        raise ValueError(f"`scale` is {scale!r}; expected one of {tuple(factors)}.")
    weighted = np.asarray(abundances, np.float64) * factors[scale]
    return weighted / np.sum(weighted, axis=-1, keepdims=True)


# --- reconstructions ------------------------------------------------------------------


def psnr(
    found: ArrayLike, reference: ArrayLike, *, data_range: float, mask=None
) -> float:
    """Peak signal-to-noise ratio over all entries, or those of a mask, dB.

    Args:
        found: Reconstruction.
        reference: Truth.
        data_range: Largest difference of values; 1 for reflectance.
        mask: Boolean, of the shape of the arrays or of their leading axes.
    """
    square = _error(found, reference) ** 2
    square = square if mask is None else square[np.asarray(mask, bool)]
    return float(10 * np.log10(data_range**2 / np.mean(square)))


def ssim(
    found: ArrayLike, reference: ArrayLike, *, data_range: float, window: int = 7
) -> float:
    """Structural similarity of cubes: mean over bands and over whole windows.

    Uniform windows, sample covariances, constants (0.01 R)^2 and (0.03 R)^2: what
    scikit-image computes by default, band by band.

    References:
        Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13, 600 (2004).
    """
    x, y = (np.asarray(a, np.float64) for a in (found, reference))
    if x.shape != y.shape or x.ndim != 3 or min(x.shape[:2]) < window:
        raise ValueError(
            f"`found` and `reference` have shapes {x.shape} and {y.shape}; expected "
            f"equal (rows, columns, bands), at least {window} rows and columns."
        )
    mean = lambda a: uniform_filter(a, window, axes=(0, 1))
    sample = window**2 / (window**2 - 1)
    mx, my = mean(x), mean(y)
    vx, vy = (sample * (mean(a * a) - m * m) for a, m in ((x, mx), (y, my)))
    cross = sample * (mean(x * y) - mx * my)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    similarity = ((2 * mx * my + c1) * (2 * cross + c2)) / (
        (mx**2 + my**2 + c1) * (vx + vy + c2)
    )
    edge = window // 2
    rows, columns = x.shape[:2]
    return float(np.mean(similarity[edge : rows - edge, edge : columns - edge]))


# --- classification -------------------------------------------------------------------


def confusion(found: ArrayLike, truth: ArrayLike, num_classes: int) -> np.ndarray:
    """Counts by true class (row) and found class (column); labels below 0 left out.

    Example:
        >>> confusion([0, 1, 1], [0, 0, -1], 2).tolist()
        [[1, 1], [0, 0]]
    """
    found, truth = np.ravel(found), np.ravel(truth)
    known = (truth >= 0) & (found >= 0)
    pairs = truth[known] * num_classes + found[known]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, -1)


def overall_accuracy(counts: np.ndarray) -> float:
    """OA: share of samples whose class is right."""
    return float(np.trace(counts) / np.sum(counts))


def average_accuracy(counts: np.ndarray) -> float:
    """AA: mean over the true classes present of the share that is right."""
    total = np.sum(counts, axis=1)
    return float(np.mean(np.diagonal(counts)[total > 0] / total[total > 0]))


def kappa(counts: np.ndarray) -> float:
    """Cohen's kappa: agreement beyond chance, over the most there can be."""
    total = np.sum(counts)
    chance = np.sum(np.sum(counts, 0) * np.sum(counts, 1)) / total**2
    return float((overall_accuracy(counts) - chance) / (1 - chance))


def mean_iou(counts: np.ndarray) -> float:
    """mIoU: mean over the true classes present of intersection over union."""
    both = np.diagonal(counts)
    union = np.sum(counts, axis=0) + np.sum(counts, axis=1) - both
    present = np.sum(counts, axis=1) > 0
    return float(np.mean(both[present] / union[present]))


def _error(found, reference) -> np.ndarray:
    found, reference = np.asarray(found), np.asarray(reference)
    if found.shape != reference.shape:
        raise ValueError(
            f"`found` has shape {found.shape}; expected that of the reference, "
            f"{reference.shape}."
        )
    return found.astype(np.float64) - reference


def _unit(x: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(x, axis=-1, keepdims=True)
    return x / np.where(norm > 0, norm, 1)

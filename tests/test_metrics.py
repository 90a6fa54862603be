"""Figures of merit against their definitions."""

import numpy as np
import pytest

from physjax import metrics

RANDOM = np.random.default_rng(0)


def test_the_order_is_found_and_scales_do_not_matter():
    reference = RANDOM.uniform(size=(5, 30))
    order = RANDOM.permutation(5)
    found = 3.0 * reference[order]
    pairs = metrics.align(found, reference)
    assert np.array_equal(found[pairs.order], 3.0 * reference)
    assert pairs.mean_angle < 1e-7


def test_missing_members_count_as_right_angles():
    reference = np.eye(3)
    pairs = metrics.align(reference[:2], reference)
    assert pairs.order.tolist() == [0, 1, -1]
    assert np.isclose(pairs.mean_angle, np.pi / 6)
    assert metrics.take_members(np.ones((4, 2)), pairs.order)[:, 2].tolist() == [0] * 4


def test_definitions_of_abundance_errors():
    a, b = RANDOM.uniform(size=(2, 50, 3))
    error = a - b
    assert np.isclose(metrics.abundance_rmse(a, b), np.sqrt(np.mean(error**2)))
    columns = np.sqrt(np.mean(error**2, axis=0))
    assert np.allclose(metrics.abundance_rmse_of_members(a, b), columns)
    assert metrics.abundance_rmse_over_members(a, b) <= metrics.abundance_rmse(a, b)
    assert metrics.abundance_rmse_over_pixels(a, b) <= metrics.abundance_rmse(a, b)
    root = metrics.abundance_norm_rmse(a, b)
    assert np.isclose(root, np.sqrt(3) * metrics.abundance_rmse(a, b))
    assert np.isclose(metrics.relative_rmse(2 * b, b), 1)


def test_conversion_of_fractions():
    shares = RANDOM.dirichlet(np.ones(3), 10)
    spectra = RANDOM.uniform(size=(3, 8))
    unit = metrics.convert_abundances(shares, spectra, "unit")
    norm = np.linalg.norm(spectra, axis=1, keepdims=True)
    mixed, again = shares @ spectra, unit @ (spectra / norm)
    assert np.allclose(metrics.spectral_angles(mixed, again).diagonal(), 0, atol=1e-7)
    assert np.allclose(metrics.convert_abundances(shares, spectra, "none"), shares)
    with pytest.raises(ValueError, match="scale"):
        metrics.convert_abundances(shares, spectra, "l1")


def test_images():
    x = RANDOM.uniform(size=(12, 14, 3))
    assert metrics.ssim(x, x, data_range=1.0) == pytest.approx(1)
    assert metrics.ssim(x, 1 - x, data_range=1.0) < 0.1
    assert metrics.psnr(x + 0.1, x, data_range=1.0) == pytest.approx(20)
    mask = np.zeros((12, 14), bool)
    mask[0] = True
    broken = np.where(mask[..., None], x, 7.0)
    assert metrics.psnr(broken + 0.1, x, data_range=1.0, mask=mask) == pytest.approx(20)


def test_classification():
    counts = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]])
    assert metrics.overall_accuracy(counts) == pytest.approx(0.85)
    assert metrics.average_accuracy(counts) == pytest.approx(0.85)
    assert metrics.kappa(counts) == pytest.approx(0.7)
    assert metrics.mean_iou(counts) == pytest.approx((8 / 11 + 9 / 12) / 2)

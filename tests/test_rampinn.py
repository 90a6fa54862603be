"""RamPINN: the models' symmetries, the loss, the system record."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax.losses import intensity_residual
from physjax.systems import load
from physjax.systems.rampinn.config import PRESETS, Config
from physjax.systems.rampinn.evaluate import evaluate, figures_of_merit
from physjax.systems.rampinn.lines import find_lines, match_lines
from physjax.systems.rampinn.model import amplitude_and_scale, make_model

SMALL = PRESETS["small"]
PAPER = dataclasses.replace(
    SMALL,
    model=dataclasses.replace(PRESETS["paper"].model, widths=(8, 8, 8, 8, 8)),
    loss=PRESETS["paper"].loss,
)
HEADS = {"phase": SMALL, "paper": PAPER}


@pytest.fixture(params=HEADS, scope="module")
def config(request):
    return HEADS[request.param]


@pytest.fixture(scope="module")
def model(config):
    return make_model(config, jax.random.key(7))


@pytest.fixture(scope="module")
def batch():
    return load("rampinn").sample_batch(SMALL, jax.random.key(8))


def test_phase_head_obeys_the_intensity_model_by_construction(batch):
    """|chi_R + chi_NRB|^2 / 2 is the squared modulus, which the network only denoises.

    With the head's correction of the modulus set to zero it is the intensity itself.
    """
    model = make_model(SMALL, jax.random.key(7))
    undenoised = eqx.tree_at(lambda m: m.head.weight, model, model.head.weight * 0)
    intensity = jnp.maximum(batch.intensity, 0)
    answer = jax.vmap(undenoised)(intensity)
    residual = intensity_residual(intensity, answer.raman, answer.background)
    top = intensity.max(-1, keepdims=True)
    assert float(jnp.abs(residual / top).max()) < 1e-5
    assert (answer.raman >= 0).all()


def test_intensity_times_four_gives_twice_the_answer(model, batch):
    once, four = model(batch.intensity[0]), model(4 * batch.intensity[0])
    np.testing.assert_allclose(four.raman, 2 * once.raman, rtol=1e-5)
    np.testing.assert_allclose(four.background, 2 * once.background, rtol=1e-5)


@pytest.mark.parametrize("n", [2, 3, 17, 100, 257])
def test_any_length_gives_that_length(model, n):
    answer = model(jnp.linspace(1.0, 2.0, n, dtype=jnp.float32))
    assert answer.raman.shape == answer.background.shape == (n,)
    assert jnp.isfinite(answer.raman).all()


def test_dark_and_empty_spectra_stay_finite(model):
    for intensity in (jnp.zeros(64), -jnp.ones(64), jnp.full(64, 1e-30)):
        answer = model(intensity.astype(jnp.float32))
        assert jnp.isfinite(answer.raman).all()
        assert jnp.isfinite(answer.background).all()


def test_scale_is_by_the_maximum():
    amplitude, scale = amplitude_and_scale(jnp.array([2.0, 8.0, -1.0]))
    np.testing.assert_allclose(amplitude, [0.5, 1.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(scale, 4.0, rtol=1e-6)


def test_loss_is_the_sum_of_its_terms_and_gradients_are_finite(config, batch):
    system = load("rampinn")
    model = make_model(config, jax.random.key(7))
    params, static = eqx.partition(model, eqx.is_array)

    def objective(params):
        return system.loss(config, eqx.combine(params, static), batch, None)

    (value, metrics), grads = jax.value_and_grad(objective, has_aux=True)(params)
    assert float(value) > 0
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))
    parts = sum(
        getattr(config.loss, name) * term
        for name, term in metrics.items()
        if name != "raman_mae"
    )
    np.testing.assert_allclose(value, parts, rtol=1e-5)


def test_batch_mixes_the_generators():
    system = load("rampinn")
    data = dataclasses.replace(SMALL.data, vector=0.25, specnet=0.5)
    config = dataclasses.replace(SMALL, data=data)
    batch = system.sample_batch(config, jax.random.key(0))
    assert batch.intensity.shape == (16, 256)
    only = dataclasses.replace(SMALL.data, vector=1.0, specnet=0.0)
    all_vector = system.sample_batch(
        dataclasses.replace(SMALL, data=only), jax.random.key(0)
    )
    assert all_vector.intensity.shape == (16, 256)
    assert (all_vector.raman != batch.raman).any()


def test_figures_of_merit_against_numpy_and_closed_forms():
    random = np.random.default_rng(0)
    truth = random.random((5, 50))
    answer = truth + 0.1 * random.standard_normal((5, 50))
    figures = figures_of_merit(answer, truth)
    correlations = [np.corrcoef(a, t)[0, 1] for a, t in zip(answer, truth, strict=True)]
    assert figures["pearson"] == pytest.approx(np.mean(correlations))
    assert figures["pearson_median"] == pytest.approx(np.median(correlations))
    assert figures["mse"] == pytest.approx(np.mean((answer - truth) ** 2))
    perfect = figures_of_merit(truth, truth)
    assert perfect["r2"] == 1
    assert perfect["psnr"] == np.inf
    zero = figures_of_merit(np.zeros_like(truth), truth)
    assert np.isnan(zero["pearson"])


def test_evaluate_simulates_when_no_file_is_given():
    config = dataclasses.replace(
        SMALL, data=dataclasses.replace(SMALL.data, num_points=64)
    )
    model = make_model(config, jax.random.key(0))
    figures = evaluate(config, model)
    assert set(figures) == {"1a", "1b", "1c", "2a", "2b", "2c", "3a", "3b", "3c"}
    for methods in figures.values():
        assert set(methods) == {"model", "zero", "kramers_kronig"}
        assert all(np.isfinite(row["mae"]) for row in methods.values())


def test_lines_are_found_and_matched():
    nu = np.linspace(0.0, 1000.0, 2001)
    raman = sum(4 / ((nu - c) ** 2 + 4) for c in (100.0, 400.0, 900.0))
    found = find_lines(nu, raman)
    assert found.tolist() == [100.0, 400.0, 900.0]
    np.testing.assert_allclose(match_lines(found, np.array([102.0, 899.5])), [-2, 0.5])
    assert np.isnan(match_lines(np.array([]), found)).all()


def test_presets_and_small_are_there():
    assert {"default", "paper", "small"} <= set(PRESETS)
    assert Config.small() is PRESETS["small"]
    assert PRESETS["paper"].model.head == "paper"
    assert len(PRESETS["paper"].model.widths) == 5  # four blocks and the bottleneck

"""Sweeps by particles: capacity, seeds, evaluation and the tour."""

import dataclasses

import equinox as eqx
import jax
import numpy as np
import pytest

from physjax import systems, training
from physjax._errors import ConfigError, DataError
from physjax.systems.pn_junction.config import PRESETS
from physjax.systems.pn_junction.demo import demo
from physjax.systems.pn_junction.devices import make_solver, silicon
from physjax.systems.pn_junction.evaluate import evaluate, sweep_biases
from physjax.systems.pn_junction.paper_net import PaperNet
from physjax.systems.pn_junction.sweep import run_sweep


@pytest.fixture(scope="module")
def model():
    return training.load_model(systems.load("pn_junction"))[1]


def test_too_few_slots_are_noticed_and_doubled():
    setup = silicon(4)._replace(slots=lambda volts: np.full(len(volts), 256))
    said = []
    sweep = run_sweep(
        setup, make_solver("exact", setup, None), [0.9], steps=96, say=said.append
    )
    assert said
    assert np.isfinite(sweep.current).all()


@pytest.mark.parametrize(("steps", "replicas"), [(47, 1), (96, 0)])
def test_too_few_steps_are_refused_before_any_is_made(steps, replicas):
    setup = silicon(2)
    solver = make_solver("exact", setup, None)
    with pytest.raises(ConfigError, match="too few for an average"):
        run_sweep(setup, solver, [0.8], steps=steps, replicas=replicas)


def test_a_sweep_follows_from_its_seed():
    setup = silicon(2)
    solver = make_solver("exact", setup, None)
    run = lambda seed: run_sweep(setup, solver, [0.8], steps=96, seed=seed).current
    assert run(0) == run(0)
    assert run(0) != run(1)


def test_the_published_network_goes_step_by_step_and_gives_the_same():
    """XLA's convolutions crawl inside compiled loops on a CPU."""
    setup, net = silicon(2), PaperNet(32, 0.0, key=jax.random.key(0))
    # A field of random weights throws particles about; a thousandth of it does not.
    net = eqx.tree_at(lambda n: n.last, net, 1e-3 * net.last)
    go = lambda solver: run_sweep(setup, solver, [0.0], steps=96, seed=3)
    # A lambda hides the network: the compiled loop runs it all the same.
    apart, inside = go(net), go(lambda rho, volts: net(rho, volts))
    np.testing.assert_allclose(apart.current, inside.current, rtol=1e-3)
    np.testing.assert_allclose(apart.potential, inside.potential, atol=1e-4)


def test_biases_of_the_sweeps():
    config = PRESETS["default"]
    assert len(sweep_biases(config, False)) == 12
    assert len(sweep_biases(config, True)) == 57
    paper = PRESETS["paper"]
    np.testing.assert_allclose(sweep_biases(paper, True), np.arange(57) * 0.05)


def test_evaluation_compares_solvers_and_draws(tmp_path, model):
    config = PRESETS["small"]
    config = dataclasses.replace(
        config, sweep=dataclasses.replace(config.sweep, replicas=2)
    )
    reference = tmp_path / "curve.csv"
    reference.write_text("# known\nV,J\n0.8,4531.7\n0.9,35262.8\n")
    picture = tmp_path / "iv.png"
    figures = evaluate(
        config, model, solver=("learned",), reference=reference, plot=picture
    )
    assert picture.stat().st_size > 1e4
    for rows in figures.values():
        assert list(rows) == ["drift_diffusion", "exact", "learned"]
        assert rows["exact"]["over_exact"] == 1.0
        assert rows["learned"]["standard_error_of_ratio"] > 0
    with pytest.raises(DataError, match="cannot read the curve"):
        evaluate(config, model, reference=_empty(tmp_path))


def _empty(folder):
    path = folder / "empty.csv"
    path.write_text("nothing\n")
    return path


def test_the_tour_leaves_a_report_with_pictures(tmp_path, model, monkeypatch, capsys):
    monkeypatch.setattr("physjax.systems.pn_junction.demo._STEPS", 96)
    monkeypatch.setattr("physjax.systems.pn_junction.demo._BIASES", (0.8, 1.0))
    report = demo(PRESETS["default"], model, tmp_path / "tour", steps=2)
    text = report.read_text()
    for name in ("iv.png", "particles.png", "potential.png", "small/plots/loss.png"):
        assert name in text
        assert (report.parent / name).stat().st_size > 1e4
    assert "physjax predict pn_junction" in capsys.readouterr().out

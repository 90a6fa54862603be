"""Layers of the published network that are solved for, and its statistics."""

import dataclasses

import jax
import numpy as np
import pytest

from physjax.systems.pn_junction import frames
from physjax.systems.pn_junction.config import PRESETS
from physjax.systems.pn_junction.paper_net import PaperNet
from physjax.systems.pn_junction.settle import settle_statistics, solve_dense_layers

GRID = (41, 9)

pytestmark = pytest.mark.usefixtures("optimised")


@pytest.fixture
def clouds(monkeypatch):
    """In place of recorded states: smooth charge of three numbers, and noise."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, GRID[0])[:, None]
    shapes = np.concatenate([np.tanh(5 * x) * np.exp(-(x**2)), x, x**2], -1)
    charge = np.einsum("bfk,xk->bfx", rng.normal(size=(57, 40, 3)), shapes)[..., None]
    charge = charge + 0.1 * rng.normal(size=(57, 40, *GRID))
    monkeypatch.setattr(frames, "_load", lambda path: charge.astype(np.float32))


def test_dense_layers_are_solved_for(clouds):
    config = PRESETS["paper"]
    config = dataclasses.replace(
        config, train=dataclasses.replace(config.train, batch_size=500)
    )
    net = PaperNet(32, 0.0, key=jax.random.key(0))
    net = settle_statistics(config, net, jax.random.key(1), batches=4)
    solved = solve_dense_layers(config, net, jax.random.key(2), samples=4000)
    seen = frames.sample_frames(config, jax.random.key(3))
    spread = float(np.std(np.asarray(seen.potential), axis=0).mean())
    phi = solved.forward(seen.charge, seen.voltages)[0]
    off = np.sqrt(np.mean((np.asarray(phi) - np.asarray(seen.potential)) ** 2))
    assert off < 0.02 * spread
    # What was stored are the statistics of the states, channel by channel.
    values = []
    net.features(seen.charge, seen.voltages, True, values)
    for layer, (mean, variance) in zip(net.trunk, values[4:], strict=True):
        np.testing.assert_allclose(layer.norm.mean, mean, atol=0.1)
        np.testing.assert_allclose(layer.norm.variance, variance, rtol=0.2)

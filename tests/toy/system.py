"""The toy's record of functions."""

import equinox as eqx
import jax
import jax.numpy as jnp

from physjax._system import System

from .config import PAPER, PRESETS, Config


class Net(eqx.Module):
    """Waves of learned frequency and phase, summed."""

    waves: jax.Array
    weights: jax.Array

    def __call__(self, x):
        frequency, phase = self.waves
        return jnp.sum(self.weights * jnp.tanh(frequency * x + phase))


def make_model(config, key):
    waves = jax.random.normal(key, (2, config.model.width))
    return Net(waves, jnp.zeros(config.model.width))


def sample_batch(config, key):
    x = jax.random.uniform(key, (config.train.batch_size,), minval=-3.0, maxval=3.0)
    return {"x": x, "y": jnp.sin(x)}


def loss(config, model, batch, key):
    error = jax.vmap(model)(batch["x"]) - batch["y"]
    value = jnp.mean(error**2)
    return value, {"mae": jnp.mean(jnp.abs(error))}


SYSTEM = System(
    name="toy",
    paper=PAPER,
    Config=Config,
    presets=PRESETS,
    make_model=make_model,
    sample_batch=sample_batch,
    loss=loss,
    evaluate=lambda *_, **__: {},
    predict=lambda *_, **__: {},
    demo=lambda *_, **__: None,
)

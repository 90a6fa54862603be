"""The toy's record of functions."""

import equinox as eqx
import jax
import jax.numpy as jnp

from physjax._system import System

from .config import PAPER, PRESETS, Config


def make_model(config, key):
    return eqx.nn.MLP("scalar", "scalar", config.model.width, 2, jnp.tanh, key=key)


def sample_batch(config, key):
    noise_key, x_key = jax.random.split(key)
    x = jax.random.uniform(x_key, (config.train.batch_size,), minval=-3.0, maxval=3.0)
    y = jnp.sin(x) + 0.01 * jax.random.normal(noise_key, x.shape)
    return {"x": x, "y": y}


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

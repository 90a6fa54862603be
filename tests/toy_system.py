"""A system of a few lines: a small network learns a sine."""

from dataclasses import dataclass, field

import equinox as eqx
import jax
import jax.numpy as jnp

from physjax._system import System
from physjax.training.config import TrainConfig


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    width: int = 16
    """Units per layer."""


@dataclass(frozen=True)
class Config:
    """All settings."""

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=40,
            batch_size=16,
            learning_rate=1e-2,
            warmup_steps=4,
            log_every=8,
            checkpoint_every=10,
            keep_checkpoints=3,
        )
    )


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


TOY = System(
    name="toy",
    paper="none",
    Config=Config,
    presets={"default": Config()},
    make_model=make_model,
    sample_batch=sample_batch,
    loss=loss,
    evaluate=lambda *_, **__: {},
    predict=lambda *_, **__: {},
    demo=lambda *_, **__: None,
)

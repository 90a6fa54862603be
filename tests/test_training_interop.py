"""Flax models train in the same step, with operators inside."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from flax import linen, nnx
from toy.config import Config
from toy.system import SYSTEM as TOY

from physjax import operators
from physjax._errors import ConfigError
from physjax.interop.flax import from_linen, from_nnx
from physjax.training import load_run, train

POINTS = 32


class Linen(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = jnp.tanh(linen.Dense(16)(x))
        x = operators.hilbert_transform(x)
        return linen.Dense(POINTS)(x)


class NNX(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(POINTS, 16, rngs=rngs)
        self.norm = nnx.LayerNorm(16, rngs=rngs)
        self.last = nnx.Linear(16, POINTS, rngs=rngs)

    def __call__(self, x):
        x = jnp.tanh(self.norm(self.first(x)))
        return self.last(operators.hilbert_transform(x))


def sample_batch(config, key):
    shape = (config.train.batch_size, 1)
    centre = jax.random.uniform(key, shape, jnp.float32, 10.0, 20.0)
    points = jnp.arange(POINTS, dtype=jnp.float32)
    x = jnp.exp(-(((points[None] - centre) / 4) ** 2))
    return x, operators.hilbert_transform(x)


def loss(config, model, batch, key):
    x, y = batch
    return jnp.mean((jax.vmap(model)(x) - y) ** 2), {}


MAKERS = {
    "linen": lambda config, key: from_linen(
        Linen(), key, jnp.ones(POINTS, jnp.float32)
    ),
    "nnx": lambda config, key: from_nnx(NNX(nnx.Rngs(key))),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_flax_model_trains_and_is_loaded(kind, tmp_path):
    system = TOY._replace(make_model=MAKERS[kind], sample_batch=sample_batch, loss=loss)
    settings = dataclasses.replace(Config().train, steps=48, log_every=16)
    config = Config(train=settings)
    result = train(system, config, tmp_path / "run", progress=False)
    assert result.traces == 1
    first = loss(config, MAKERS[kind](config, jax.random.key(0)), *_batch(config))[0]
    assert result.metrics["loss"] < 0.5 * float(first)

    _, again = load_run(system, tmp_path / "run")
    x = sample_batch(config, jax.random.key(1))[0][0]
    assert jnp.array_equal(result.model(x), again(x))


def _batch(config):
    key = jax.random.key(1)
    return sample_batch(config, key), key


def test_nnx_model_gives_its_module_back():
    module = NNX(nnx.Rngs(jax.random.key(0)))
    x = jnp.linspace(0.0, 1.0, POINTS, dtype=jnp.float32)
    assert jnp.array_equal(from_nnx(module).merge()(x), module(x))


def test_state_that_a_pure_step_cannot_carry_is_refused():
    rngs = nnx.Rngs(jax.random.key(0))
    with pytest.raises(ConfigError, match=r"mean, var.*LayerNorm"):
        from_nnx(nnx.BatchNorm(3, rngs=rngs))
    with pytest.raises(ConfigError, match="Dropout without rngs"):
        from_nnx(nnx.Dropout(0.5, rngs=rngs))
    norm = linen.BatchNorm(use_running_average=False)
    with pytest.raises(ConfigError, match="batch_stats"):
        from_linen(norm, jax.random.key(0), jnp.ones((4, 3), jnp.float32))


def test_dropout_takes_its_key_in_the_call():
    model = from_nnx(nnx.Dropout(0.5))
    x = jnp.ones(64)
    masks = [model(x, rngs=nnx.Rngs(jax.random.key(k))) for k in (0, 0, 1)]
    assert jnp.array_equal(masks[0], masks[1])
    assert not jnp.array_equal(masks[0], masks[2])

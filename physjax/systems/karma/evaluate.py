"""Reconstruction of what was hidden, beside answers without a network."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...nn import from_patches, patches, visible_tokens
from .config import Config
from .cubes import read_cubes
from .data import num_visible, sample_images
from .figures import Figures, figures_of_merit
from .kriging import Kriging, distance_table
from .loss import hidden_pixels
from .sensors import make_sensor

_HELD_OUT = 2**31 - 1


def evaluate(
    config: Config, model: Any, *, data: str | None = None, images: int = 64
) -> dict[str, dict[str, Figures]]:
    """Figures of the model, of kriging and of the mean of the visible pixels.

    Args:
        config: Settings; `config.data` says what is hidden.
        model: The network; its `complete` is judged.
        data: Folder of cubes; simulated scenes that no training saw by default.
        images: Number of images; of cubes, all pieces, each hidden in four ways.

    Returns:
        `{set: {method: {figure: value}}}`.

    Raises:
        DataError: The cubes cannot be read.
    """
    if data is None:
        simulated = dataclasses.replace(config.data, source="scenes")
        recipe = dataclasses.replace(config, data=simulated)
        batch = sample_images(recipe, jax.random.key(_HELD_OUT), images)
        return {"scenes": reconstruction_figures(config, model.complete, batch)}
    cubes = read_cubes(data)
    sensor = make_sensor(cubes.wavelength, model.wavelength)
    batch = jnp.asarray(pieces(cubes.values, config.data.size) @ sensor.to_model)
    cover = jnp.asarray(sensor.coverage)
    answer = model.complete
    return {"cubes": reconstruction_figures(config, answer, batch, cover, repeats=4)}


def pieces(values, size: int):
    """Whole squares of `size` pixels that cubes (n, rows, columns, bands) hold."""
    n, rows, columns, bands = values.shape
    high, wide = rows // size, columns // size
    cut = values[:, : high * size, : wide * size]
    cut = cut.reshape(n, high, size, wide, size, bands).swapaxes(2, 3)
    return cut.reshape(-1, size, size, bands)


def reconstruction_figures(
    config: Config,
    model: Any,
    images: Float[Array, "n rows columns bands"],
    coverage: Float[Array, " bands"] | None = None,
    *,
    repeats: int = 1,
    seed: int = 0,
) -> dict[str, Figures]:
    """Figures over images; what is hidden follows from the seed, not from the model.

    Args:
        config: Settings of what is hidden.
        model: `(image, visible, coverage) -> Reconstruction`.
        images: Reflectance at the model's bands.
        coverage: 1 for bands that count, all by default.
        repeats: Ways to hide each image.
        seed: Of the patches that are hidden.
    """
    size, patch = config.data.size, config.model.patch
    images = jnp.tile(images, (repeats, 1, 1, 1))
    if coverage is None:
        coverage = jnp.ones(images.shape[-1], jnp.float32)
    tokens = (size // patch) ** 2
    see = lambda key: visible_tokens(key, tokens, num_visible(config))
    visible = jax.vmap(see)(jax.random.split(jax.random.key(seed), len(images)))
    hidden = jax.vmap(lambda v: hidden_pixels(config, v))(visible)
    answers = {
        "model": lambda image, v: model(image, v, coverage).image,
        "kriging": lambda image, v: _kriging(image, v, patch),
        "visible_mean": lambda image, v: _visible_mean(image, v, patch),
    }
    seen = np.asarray(coverage) > 0
    figures = {}
    for name, answer in answers.items():
        run = eqx.filter_jit(lambda x, v, answer=answer: jax.vmap(answer)(x, v))
        found = [
            run(images[i : i + 64], visible[i : i + 64])
            for i in range(0, len(images), 64)
        ]
        found = np.concatenate([np.asarray(x) for x in found])
        truth = np.asarray(images)
        figures[name] = figures_of_merit(
            found[..., seen], truth[..., seen], np.asarray(hidden)
        )
    return figures


def _kriging(image, visible, patch):
    size = image.shape[0]
    if size > 32:  # a table of all distances would not fit
        return _visible_mean(image, visible, patch)
    seen = patches(image, patch)[visible]
    every = Kriging()(seen, visible, distance_table(size, patch))
    return from_patches(every, size, size)


def _visible_mean(image, visible, patch):
    mean = jnp.mean(patches(image, patch)[visible], (0, 1))
    return jnp.broadcast_to(mean, image.shape)

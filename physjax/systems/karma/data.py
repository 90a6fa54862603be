"""Batches of images, what is hidden of them, and spectra to begin with."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...nn import visible_tokens
from ...simulators import scenes
from .config import Config
from .cubes import read_cubes

CORRELATION = 3.0
"""Correlation length of simulated fields, pixels."""


class Batch(NamedTuple):
    """Images of reflectance and what an encoder sees of them.

    Attributes:
        image: Reflectance.
        visible: Places of the patches that are seen, row by row.
        coverage: 1 for bands that are seen, 0 for the others.
    """

    image: Float[Array, "batch rows columns bands"]
    visible: Int[Array, "batch visible"]
    coverage: Float[Array, "batch bands"]


def wavelengths(config: Config) -> Float[np.ndarray, " bands"]:
    """Centres of the bands that a model works on, nm, in the order of the sensor."""
    if config.data.source != "scenes":
        return read_cubes(config.data.source, config.data.only).wavelength
    with jax.ensure_compile_time_eval():
        good = np.asarray(scenes.enmap_good_bands())
        return np.asarray(scenes.enmap_wavelengths(), np.float32)[good]


def num_visible(config: Config) -> int:
    """Patches that the encoder sees, at least one."""
    tokens = (config.data.size // config.model.patch) ** 2
    return max(round(tokens * (1 - config.data.masked)), 1)


def sample_batch(config: Config, key: PRNGKeyArray) -> Batch:
    """`train.batch_size` images of `data.size` pixels along an edge."""
    size, count = config.data.size, config.train.batch_size
    image_key, mask_key, band_key = jax.random.split(key, 3)
    images = sample_images(config, image_key, count)
    tokens = (size // config.model.patch) ** 2
    keep = num_visible(config)
    see = jax.vmap(lambda k: visible_tokens(k, tokens, keep))
    visible = see(jax.random.split(mask_key, count))
    cover = jax.vmap(lambda k: window(k, wavelengths(config), config.data.bands_masked))
    return Batch(images, visible, cover(jax.random.split(band_key, count)))


def window(
    key: PRNGKeyArray, wavelength: Float[np.ndarray, " bands"], chance: float
) -> Float[Array, " bands"]:
    """1 for the bands to see; with `chance`, a window of the spectrum is 0."""
    often, place, width = jax.random.uniform(key, (3,), jnp.float32)
    low, high = float(wavelength.min()), float(wavelength.max())
    half = 0.25 * width * (high - low)
    centre = low + place * (high - low)
    hidden = (often < chance) & (jnp.abs(jnp.asarray(wavelength) - centre) < half)
    return 1.0 - hidden.astype(jnp.float32)


def sample_images(
    config: Config, key: PRNGKeyArray, count: int
) -> Float[Array, "count rows columns bands"]:
    """Simulated scenes, or pieces of measured cubes in one of eight orientations."""
    if config.data.source == "scenes":
        return _scenes(config, key, count)
    size = config.data.size
    values = jnp.asarray(read_cubes(config.data.source, config.data.only).values)
    cubes, rows, columns, bands = values.shape

    def piece(key):
        which, row, column, turn = jax.random.split(key, 4)
        start = (
            jax.random.randint(which, (), 0, cubes),
            jax.random.randint(row, (), 0, rows - size + 1),
            jax.random.randint(column, (), 0, columns - size + 1),
            0,
        )
        x = jax.lax.dynamic_slice(values, start, (1, size, size, bands))[0]
        flip = jax.random.bernoulli(turn, 0.5, (3,))
        x = jnp.where(flip[0], x[::-1], x)
        x = jnp.where(flip[1], x[:, ::-1], x)
        return jnp.where(flip[2], x.swapaxes(0, 1), x)

    return jax.vmap(piece)(jax.random.split(key, count))


def library(config: Config) -> Float[Array, "n bands"]:
    """The made-up spectra that simulated scenes are mixed of: always the same."""
    wavelength = jnp.asarray(wavelengths(config))
    return scenes.smooth_spectra(jax.random.key(0), wavelength, config.data.library)


def _scenes(config: Config, key: PRNGKeyArray, count: int) -> Array:
    # Fields are periodic: of a scene of twice the size, a quarter is not.
    size = config.data.size
    spectra = library(config)
    recipe = scenes.SceneConfig(
        num_members=config.data.scene_members,
        size=2 * size,
        snr_db=config.data.snr_db,
        correlation=CORRELATION / (2 * size),
    )
    keys = jax.random.split(key, -(-count // 4))
    cubes = jax.vmap(lambda k: scenes.make_scene(k, spectra, recipe).cube)(keys)
    quarters = cubes.reshape(len(keys), 2, size, 2, size, -1).swapaxes(2, 3)
    return quarters.reshape(-1, size, size, cubes.shape[-1])[:count]


def sample_pixels(
    config: Config, key: PRNGKeyArray, count: int = 1024
) -> Float[Array, "count bands"]:
    """Spectra of training images, for what is fitted before the first step."""
    small = dataclasses.replace(config.data, size=min(config.data.size, 16))
    small = dataclasses.replace(config, data=small)
    images = sample_images(small, key, -(-4 * count // small.data.size**2))
    pixels = images.reshape(-1, images.shape[-1])
    return jax.random.permutation(jax.random.fold_in(key, 1), pixels)[:count]

"""Endmembers that a training begins with."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ... import io
from ..._errors import ConfigError, DataError
from ...solvers.endmembers import archetypes, atgp, vca
from .config import Config
from .sensors import make_sensor


def first_endmembers(
    config: Config,
    pixels: Float[Array, "n bands"],
    wavelength: Float[np.ndarray, " bands"],
    key: PRNGKeyArray,
) -> Float[Array, "members bands"]:
    """As `config.model.start` says.

    Args:
        config: All settings.
        pixels: Reflectance of training images.
        wavelength: Centres of the bands, nm.
        key: Of the search.

    Raises:
        ConfigError: `start` is no method and no file.
        DataError: The library is damaged, has fewer spectra, or covers other bands.
    """
    members, start = config.model.members, config.model.start
    if start == "random":
        return jax.random.uniform(key, (members, pixels.shape[-1]), jnp.float32)
    if start == "extremes":
        return atgp(pixels, members).value.spectra
    if start in ("vca", "archetypes"):
        search = {"vca": vca, "archetypes": archetypes}[start]
        found = jnp.abs(search(pixels, members, key).value.spectra)
        # Their length is not known: that of the brighter pixels along them.
        unit = found / jnp.linalg.norm(found, axis=-1, keepdims=True)
        return unit * jnp.quantile(pixels @ unit.T, 0.9, axis=0)[:, None]
    return atgp(_library(start, wavelength, members), members).value.spectra


def _library(start: str, wavelength: np.ndarray, members: int) -> Array:
    """Spectra of a library at the bands of the model."""
    if not Path(start).exists():
        raise ConfigError(
            f"model.start is {start!r}, but must be extremes, vca, archetypes, random "
            f"or the path of a spectral library."
        )
    library = io.read_library(start)
    if library.wavelength is None:
        raise DataError(f"{start} tells no wavelengths; add them to its header.")
    known = np.asarray(np.isfinite(library.spectra).all(axis=0))
    sensor = make_sensor(library.wavelength, wavelength, known)
    if not sensor.coverage.all():
        raise DataError(
            f"{start} covers {int(sensor.coverage.sum())} of {wavelength.size} bands; "
            f"use a library of the whole range."
        )
    spectra = np.where(known[None], library.spectra, 0) @ sensor.to_model
    if len(spectra) < members:
        raise DataError(
            f"{start} has {len(spectra)} spectra, but model.members is {members}."
        )
    return jnp.asarray(np.maximum(spectra, 0), jnp.float32)

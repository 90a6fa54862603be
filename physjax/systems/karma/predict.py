"""From a cube of any sensor to reconstruction, abundances and embeddings."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ... import io
from ..._errors import DataError
from ...io.progress import progress as show_progress
from ...nn import from_patches, visible_tokens
from .config import Config
from .loss import hidden_pixels
from .sensors import make_sensor

_PICTURES = (".pdf", ".png", ".svg")
_CHUNK = 32


class Prediction(NamedTuple):
    """What a model makes of a cube, at the bands of the cube.

    Attributes:
        reconstruction: Reflectance, visible patches as measured, the others predicted.
        hidden: Which pixels were hidden.
        embedding: The encoder's output for each patch, all patches seen.
        abundances: Fractions of the endmembers, of sum 1; None without mixing.
        brightness: Sum of their contributions before that, in units of reflectance
            times the root of the number of bands.
        mixed: Brightness times abundances times endmembers.
        endmembers: Spectra of the endmembers, each of norm 1 over the good bands, so
            that a fraction does not depend on how bright a material is.
    """

    reconstruction: Float[np.ndarray, "rows columns bands"]
    hidden: Bool[np.ndarray, "rows columns"]
    embedding: Float[np.ndarray, "high wide width"]
    abundances: Float[np.ndarray, "rows columns members"] | None
    brightness: Float[np.ndarray, "rows columns"] | None
    mixed: Float[np.ndarray, "rows columns bands"] | None
    endmembers: Float[np.ndarray, "members bands"] | None


@eqx.filter_jit
def _answers(model, images, visible, coverage):
    every = jnp.arange((images.shape[1] // model.patch) ** 2)
    answer = lambda x, v: model.complete(x, v, coverage).image
    hidden = jax.vmap(answer)(images, visible)
    tokens, parts = jax.vmap(lambda x: model.encode(x, every, coverage))(images)
    return hidden, tokens, parts


def predict_cube(
    config: Config,
    model: Any,
    reflectance: Float[np.ndarray, "rows columns bands"],
    wavelength: Float[np.ndarray, " bands"],
    *,
    good: Bool[np.ndarray, " bands"] | None = None,
    masked: float = 0.75,
    seed: int = 0,
    progress: bool = False,
) -> Prediction:
    """Reconstruct, unmix and embed a cube, window by window.

    Args:
        config: Settings of the model.
        model: The network; its `complete` reconstructs.
        reflectance: 1 is white; pixels with any NaN count as zero.
        wavelength: Centres of the bands in nm, in any order.
        good: Bands that can be used; all by default.
        masked: Fraction of patches hidden from the reconstruction.
        seed: Which patches are hidden.
        progress: Show how far it is.

    Raises:
        DataError: The model's bands are elsewhere, or `masked` is not a fraction.

    Example:
        >>> from physjax.systems.karma.config import PRESETS
        >>> from physjax.systems.karma.model import make_model
        >>> config = PRESETS["small"]
        >>> model = make_model(config, jax.random.key(0))
        >>> cube = np.full((10, 12, 3), 0.2, np.float32)
        >>> answer = predict_cube(config, model, cube, np.array([500.0, 550.0, 600.0]))
        >>> answer.reconstruction.shape, answer.abundances.shape, answer.embedding.shape
        ((10, 12, 3), (10, 12, 6), (3, 3, 32))
    """
    if not 0 <= masked < 1:
        raise DataError(f"masked is {masked}, but must be at least 0 and below 1.")
    sensor = make_sensor(wavelength, model.wavelength, good)
    rows, columns, _ = reflectance.shape
    size, patch = config.data.size, config.model.patch
    high, wide = -(-rows // size), -(-columns // size)
    per_side = size // patch
    tokens = per_side**2
    keep = max(round(tokens * (1 - masked)), 1)
    coverage = jnp.asarray(sensor.coverage)
    places = [(i, j) for i in range(high) for j in range(wide)]
    draw = jax.jit(jax.vmap(lambda key: visible_tokens(key, tokens, keep)))
    keys = jax.random.split(jax.random.key(seed), -(-len(places) // _CHUNK) * _CHUNK)
    images, covers, embedded, parts = [], [], [], []
    with show_progress(len(places), "windows", show=progress) as advance:
        for begin in range(0, len(places), _CHUNK):
            some = places[begin : begin + _CHUNK]
            cut = [_window(reflectance, i * size, j * size, size) for i, j in some]
            full = np.stack(cut + (_CHUNK - len(some)) * cut[:1])
            visible = draw(keys[begin : begin + _CHUNK])
            found = _answers(
                model, jnp.asarray(full @ sensor.to_model), visible, coverage
            )
            dark = jax.vmap(lambda v: hidden_pixels(config, v))(visible)
            answer = np.asarray(found[0]) @ sensor.from_model
            images.append(np.where(np.asarray(dark)[..., None] > 0, answer, full))
            covers.append(np.asarray(dark)[..., None] > 0)
            embedded.append(found[1].reshape(_CHUNK, per_side, per_side, -1))
            if found[2] is not None:
                unmixed = jax.vmap(lambda x: from_patches(x, size, size))(found[2])
                parts.append(unmixed)
            advance(len(some))
    whole = lambda windows: _stitched(windows, high, wide)
    abundances = brightness = endmembers = mixed = None
    if parts:
        spectra = np.asarray(model.endmembers) @ sensor.from_model
        used = slice(None) if good is None else good
        norm = np.linalg.norm(spectra[:, used], axis=-1)
        endmembers = spectra / np.maximum(norm, 1e-12)[:, None]
        contributed = whole(parts)[:rows, :columns] * norm
        brightness = contributed.sum(-1)
        abundances = contributed / np.maximum(brightness, 1e-12)[..., None]
        mixed = contributed @ endmembers
    return Prediction(
        whole(images)[:rows, :columns],
        whole(covers)[:rows, :columns, 0],
        whole(embedded)[: -(-rows // patch), : -(-columns // patch)],
        abundances,
        brightness,
        mixed,
        endmembers,
    )


def _stitched(windows: list, high: int, wide: int) -> np.ndarray:
    """One image of windows (n, size, size, channels), row by row."""
    x = np.concatenate([np.asarray(w) for w in windows])[: high * wide]
    _, size, _, channels = x.shape
    x = x.reshape(high, wide, size, size, channels).swapaxes(1, 2)
    return x.reshape(high * size, wide * size, channels)


def _window(values, row, column, size):
    """A square that begins at (row, column), mirrored where the image ends."""
    x = values[row : row + size, column : column + size]
    pad = ((0, size - x.shape[0]), (0, size - x.shape[1]), (0, 0))
    x = np.nan_to_num(np.asarray(x, np.float32), nan=0.0)
    return np.pad(x, pad, mode="symmetric")


def predict_file(
    config: Config,
    model: Any,
    input: str | Path,
    output: str | Path,
    *,
    masked: float = 0.75,
    seed: int = 0,
    plot: str | Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """`predict_cube` from file to file.

    Args:
        config: Settings of the model.
        model: As in `predict_cube`.
        input: A cube, see `physjax.io.read_cube`.
        output: `.npz` with the fields of `Prediction` and `wavelength`; complete or not
            at all.
        masked: Fraction of patches hidden from the reconstruction.
        seed: Which patches are hidden.
        plot: Picture (`.png`, `.pdf`, `.svg`).
        progress: Show how far it is.

    Returns:
        Summary: `rows`, `columns`, `bands`, `rmse_hidden`, `seconds`.

    Raises:
        DataError: Anything is wrong with the files.
    """
    start = time.monotonic()
    output = io.check_output(output, {".npz"}, [input])
    if plot is not None:
        plot = io.check_output(plot, _PICTURES, [input])
    cube = io.read_cube(input)
    if cube.wavelength is None:
        raise DataError(f"{input} has no wavelengths; put them into its header.")
    reflectance = cube.reflectance()
    answer = predict_cube(
        config,
        model,
        reflectance,
        cube.wavelength,
        good=cube.good,
        masked=masked,
        seed=seed,
        progress=progress,
    )
    arrays = {k: v for k, v in answer._asdict().items() if v is not None}
    with io.atomic_output(output) as part, open(part, "wb") as file:
        np.savez(file, wavelength=cube.wavelength, **arrays)
    if plot is not None:
        from .picture import plot_prediction

        plot_prediction(plot, reflectance, cube.wavelength, answer)
    error = (answer.reconstruction - reflectance)[answer.hidden][:, cube.good]
    rows, columns, bands = reflectance.shape
    return {
        "rows": rows,
        "columns": columns,
        "bands": bands,
        "rmse_hidden": float(np.sqrt(np.nanmean(error**2))) if error.size else 0.0,
        "seconds": time.monotonic() - start,
    }

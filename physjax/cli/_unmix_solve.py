"""Abundances and residuals of a block of pixels, as one compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..operators.mixing import linear_mixing, spectral_angle
from ..solvers import unmixing

_CHUNK = 2**12
_SOLVERS = {"normalized": "normalized_nonnegative"}


def make_solve(
    kind: str, members: Float[np.ndarray, "members bands"]
) -> Callable[[Float[np.ndarray, "pixels bands"]], Array]:
    """`solve(pixels) -> (pixels, members + 2)`: abundances, residual and angle.

    Pixels that are not finite or all zero give NaN. The residual is the root mean
    square over the bands.
    """
    solver = getattr(unmixing, _SOLVERS.get(kind, kind))
    shaded = kind == "normalized"
    spectra = jnp.asarray(members, jnp.float32)
    if shaded:  # abundances are shares of spectra of the same length
        spectra = spectra / jnp.linalg.norm(spectra, axis=1, keepdims=True)

    def chunk(pixels: Array) -> Array:
        there = jnp.isfinite(pixels).all(1) & (pixels != 0).any(1)
        pixels = jnp.where(there[:, None], pixels, 0)
        shares = solver(pixels, spectra).value
        model = linear_mixing(shares, spectra)
        if shaded:
            size = jnp.sum(model**2, 1)
            bright = jnp.sum(model * pixels, 1) / jnp.where(size > 0, size, 1)
            model = model * bright[:, None]
        rest = jnp.sqrt(jnp.mean((pixels - model) ** 2, 1))
        angle = spectral_angle(pixels, model)
        answer = jnp.concatenate([shares, rest[:, None], angle[:, None]], 1)
        return jnp.where(there[:, None], answer, jnp.nan)

    @jax.jit
    def solve(pixels: Array) -> Array:
        count, bands = pixels.shape
        size = min(_CHUNK, count)
        padded = jnp.pad(pixels, ((0, -count % size), (0, 0)))
        answers: Any = jax.lax.map(chunk, padded.reshape(-1, size, bands))
        return answers.reshape(-1, answers.shape[-1])[:count]

    return solve

"""Abundances and residuals of a block of pixels, as one compiled program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..operators.mixing import linear_mixing
from ..solvers import unmixing

_CHUNK = 2**12
_SOLVERS = {"normalized": "normalized_nonnegative"}
Solve = Callable[
    [Float[np.ndarray, "pixels bands"], Float[np.ndarray, "members bands"]], Array
]


def compile_solve(kind: str, pixels: int, bands: int, members: int) -> Solve:
    """`make_solve` compiled for blocks of that many pixels, so that it may be early."""
    shapes = [
        jax.ShapeDtypeStruct(shape, np.float32)
        for shape in ((pixels, bands), (members, bands))
    ]
    return make_solve(kind).lower(*shapes).compile()


def make_solve(kind: str) -> Any:
    """`solve(pixels, spectra) -> (pixels, members + 2)`: abundances, residual, angle.

    Pixels that are not finite or all zero give NaN. The residual is the root mean
    square over the bands. The spectra are no constants, so that the program is the
    same for all images of a shape and may be kept.
    """
    solver = getattr(unmixing, _SOLVERS.get(kind, kind))
    shaded = kind == "normalized"

    def chunk(pixels: Array, spectra: Array) -> Array:
        size = jnp.sum(jnp.abs(pixels), 1)
        there = jnp.isfinite(size) & (size > 0)
        pixels = jnp.where(there[:, None], pixels, 0)
        shares = solver(pixels, spectra).value
        model = linear_mixing(shares, spectra)
        # The best brightness, and what it leaves: |y - m|^2 = |y - s m|^2 + (1 - s)^2
        # |m|^2, and the angle follows without another pass over the bands.
        length = jnp.sum(model**2, 1)
        bright = jnp.sum(model * pixels, 1) / jnp.where(length > 0, length, 1)
        used = bright if shaded else jnp.ones_like(bright)
        rest = jnp.sum((pixels - used[:, None] * model) ** 2, 1)
        across = jnp.maximum(rest - (used - bright) ** 2 * length, 0)
        angle = jnp.arctan2(jnp.sqrt(across), bright * jnp.sqrt(length))
        error = jnp.sqrt(rest / pixels.shape[1])
        answer = jnp.concatenate([shares, error[:, None], angle[:, None]], 1)
        return jnp.where(there[:, None], answer, jnp.nan)

    @jax.jit
    def solve(pixels: Array, spectra: Array) -> Array:
        if shaded:  # abundances are shares of spectra of the same length
            spectra = spectra / jnp.linalg.norm(spectra, axis=1, keepdims=True)
        return unmixing.in_chunks(
            lambda part: chunk(part, spectra), pixels, chunk_size=_CHUNK
        )

    return solve

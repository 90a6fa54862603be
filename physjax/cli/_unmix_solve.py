"""Abundances and residuals of a block of pixels, as one compiled program."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..operators.mixing import linear_mixing
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
    def solve(pixels: Array) -> Array:
        return unmixing.in_chunks(chunk, pixels, chunk_size=_CHUNK)

    return solve

"""Big cubes, some thousand pixels at a time."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._blocks import by_blocks


def in_chunks(
    function: Callable[[Any], PyTree], spectra: Any, *, chunk_size: int = 65_536
) -> PyTree:
    """`function(spectra)` for spectra that do not fit into memory with what it needs.

    A NumPy array, which may be mapped from a file, is read block of rows by block of
    rows; one block is computed while the next is read, and the answer is NumPy's. An
    array of JAX is cut on its device, also under a transformation.

    Args:
        function: From spectra (pixels, bands) to arrays with pixels first, each pixel
            for itself. It is compiled once.
        spectra: (..., bands), two axes or more.
        chunk_size: Pixels per block, about.

    Returns:
        What `function` returns, with the leading axes of `spectra` in place of pixels.

    Raises:
        ValueError: If there is no axis of pixels, or `chunk_size` is not positive.

    Example:
        >>> cube = np.arange(24.0, dtype=np.float32).reshape(4, 3, 2)
        >>> in_chunks(lambda y: jnp.sum(y, -1), cube, chunk_size=5).shape
        (4, 3)
    """
    if len(spectra.shape) < 2 or chunk_size < 1:
        raise ValueError(
            "`spectra` must have an axis of pixels, and `chunk_size` be positive; got "
            f"shape {spectra.shape} and {chunk_size}."
        )
    if isinstance(spectra, jax.Array):
        return _on_device(function, spectra, chunk_size)
    return _from_host(function, spectra, chunk_size)


def _on_device(function, spectra: jax.Array, chunk_size: int) -> PyTree:
    shape, bands = spectra.shape[:-1], spectra.shape[-1]
    out = by_blocks(function, spectra.reshape(-1, bands), chunk_size)
    return jax.tree.map(lambda x: x.reshape(*shape, *x.shape[1:]), out)


def _from_host(function, spectra: Any, chunk_size: int) -> PyTree:
    compiled = jax.jit(function)
    inner = spectra.shape[1:-1]
    rows = max(chunk_size // max(int(np.prod(inner)), 1), 1)
    total = spectra.shape[0]
    rows = max(min(rows, total), 1)
    whole: Any = None
    waiting: list[tuple[int, Any]] = []

    def fetch():
        nonlocal whole
        start, out = waiting.pop()
        length = min(rows, total - start)
        out = jax.tree.map(
            lambda x: np.asarray(x).reshape(rows, *inner, *x.shape[1:])[:length], out
        )
        if whole is None:
            whole = jax.tree.map(
                lambda x: np.empty((total, *x.shape[1:]), x.dtype), out
            )
        jax.tree.map(
            lambda to, x: to.__setitem__(slice(start, start + length), x), whole, out
        )

    for start in range(0, max(total, 1), rows):
        block = np.asarray(spectra[start : start + rows])
        short = rows - block.shape[0]
        if short:
            block = np.concatenate([block, np.repeat(block[-1:], short, 0)])
        out = compiled(jnp.asarray(block.reshape(-1, spectra.shape[-1])))
        if waiting:
            fetch()
        waiting.append((start, out))
    fetch()
    return whole

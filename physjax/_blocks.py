"""Many rows, a block of them at a time, on their device."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, PyTree


def block_length(count: int, most: int) -> int:
    """The largest divisor of `count` up to `most`; if it is below a quarter, `most`."""
    for length in range(min(most, count), most // 4, -1):
        if count % length == 0:
            return length
    return most


def by_blocks(function: Callable[[Array], PyTree], rows: Array, most: int) -> PyTree:
    """`function(rows)`, which has rows first, from blocks of up to `most` rows.

    Blocks that do not divide the rows cost a copy of them.
    """
    count = rows.shape[0]
    if count <= most:
        return function(rows)
    length = block_length(count, most)
    missing = -count % length
    if missing:
        rows = jnp.pad(rows, ((0, missing), (0, 0)), mode="edge")
    out = lax.map(function, rows.reshape(-1, length, rows.shape[1]))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], out)

r"""Random numbers for particles: Threefry-2x32 written as plain arithmetic.

`jax.random` goes through a loop in memory on the CPU; the same twenty rounds, written
out, fuse with what uses them and cost a third. The numbers depend on the key, the slot
and the lane alone: a batch by `jax.vmap` holds the numbers of its members.

Source: Salmon, Moraes, Dror, Shaw, SC'11, doi 10.1145/2063384.2063405.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, PRNGKeyArray, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def random_words(
    key: PRNGKeyArray, count: int, shape: tuple[int, ...], lane: int | Array = 0
) -> list[UInt32[Array, "..."]]:
    """Words of 32 random bits: Threefry-2x32 with 20 rounds of (slot, lane + pair).

    Args:
        key: Random key, one per step of time.
        count: Number of words per slot.
        shape: Shape of each word.
        lane: Counter from which on this call draws; two calls with one key overlap
            unless their lanes lie `count / 2` apart.

    Returns:
        `count` arrays of the given shape.

    Example:
        >>> a, b, c = random_words(jax.random.key(0), 3, (2, 4))
        >>> a.shape, a.dtype.name, bool((a == b).any())
        ((2, 4), 'uint32', False)
    """
    data = jax.random.key_data(key).astype(jnp.uint32)
    slot = lax.iota(jnp.uint32, int(np.prod(shape))).reshape(shape)
    words: list[Array] = []
    for pair in range((count + 1) // 2):
        second = jnp.asarray(lane, jnp.uint32) + np.uint32(pair)
        words += _threefry(data[0], data[1], slot, jnp.broadcast_to(second, shape))
    return words[:count]


def _threefry(k0, k1, x0, x1) -> tuple[Array, Array]:
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for block in range(5):
        for distance in _ROTATIONS[block % 2]:
            x0 = x0 + x1
            x1 = (x1 << np.uint32(distance)) | (x1 >> np.uint32(32 - distance))
            x1 = x0 ^ x1
        x0 = x0 + keys[(block + 1) % 3]
        x1 = x1 + keys[(block + 2) % 3] + np.uint32(block + 1)
    return x0, x1


def uniform(
    word: UInt32[Array, "..."], dtype: DTypeLike = jnp.float32
) -> Float[Array, "..."]:
    """Uniform numbers of the open interval (0, 1), of 23 bits.

    Example:
        >>> float(uniform(jnp.uint32(0))) > 0, float(uniform(jnp.uint32(2**32 - 1))) < 1
        (True, True)
    """
    steps = (word >> np.uint32(9)).astype(jnp.int32).astype(dtype)
    return (steps + 0.5) * 2.0**-23


def spare_uniform(
    first: UInt32[Array, "..."],
    second: UInt32[Array, "..."],
    dtype: DTypeLike = jnp.float32,
) -> Float[Array, "..."]:
    """Uniform numbers of (0, 1), of the 18 bits that `uniform` and `normal` leave.

    Independent of the numbers that those make of the same two words.
    """
    low = first & np.uint32(511), second & np.uint32(511)
    steps = ((low[0] << np.uint32(9)) | low[1]).astype(jnp.int32).astype(dtype)
    return (steps + 0.5) * 2.0**-18


def two_uniforms(
    word: UInt32[Array, "..."], dtype: DTypeLike = jnp.float32
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Two independent uniform numbers of (0, 1), of 16 bits each."""
    as_unit = lambda w: (w.astype(jnp.int32).astype(dtype) + 0.5) * 2.0**-16
    return as_unit(word & np.uint32(0xFFFF)), as_unit(word >> np.uint32(16))


def normal(
    word: UInt32[Array, "..."], dtype: DTypeLike = jnp.float32
) -> Float[Array, "..."]:
    """Standard normal numbers, up to 5.3 standard deviations.

    Example:
        >>> round(float(normal(jnp.uint32(2**31 + 2**30))), 3)
        0.674
    """
    return lax.erf_inv(2 * uniform(word, dtype) - 1) * (2.0**0.5)

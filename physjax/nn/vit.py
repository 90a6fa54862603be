"""A vision transformer in parts: each acts on the tokens of one sample."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray

from .unet import Norm


class Dense(eqx.Module):
    """$x W + b$ over the trailing axis, for any leading axes."""

    weight: Float[Array, "in out"]
    bias: Float[Array, " out"]

    def __init__(
        self,
        in_size: int,
        out_size: int,
        *,
        scale: float | None = None,
        key: PRNGKeyArray,
    ):
        """Weights of standard deviation `scale`, by default in_size^(-1/2)."""
        size = in_size**-0.5 if scale is None else scale
        self.weight = size * jax.random.normal(key, (in_size, out_size), jnp.float32)
        self.bias = jnp.zeros(out_size, jnp.float32)

    def __call__(self, x: Float[Array, "*axes in"]) -> Float[Array, "*axes out"]:
        y = x @ self.weight
        return y + self.bias.reshape((1,) * (y.ndim - 1) + (-1,))


class Block(eqx.Module):
    """Self-attention and a perceptron, each normalised before and added to its input.

    It knows no order and takes any number of tokens: positions are the caller's.
    """

    attention_norm: Norm
    to_qkv: Dense
    to_out: Dense
    norm: Norm
    widen: Dense
    narrow: Dense
    num_heads: int = eqx.field(static=True)

    def __init__(
        self, width: int, num_heads: int, *, expansion: int = 4, key: PRNGKeyArray
    ):
        """Widths of the tokens and, `expansion` times that, inside the perceptron.

        Raises:
            ValueError: If the heads do not divide the width.
        """
        if width % num_heads:
            raise ValueError(
                f"`width` is {width}; expected a multiple of {num_heads} heads."
            )
        keys = jax.random.split(key, 4)
        self.attention_norm, self.norm = Norm(width), Norm(width)
        self.to_qkv = Dense(width, 3 * width, key=keys[0])
        self.to_out = Dense(width, width, key=keys[1])
        self.widen = Dense(width, expansion * width, key=keys[2])
        self.narrow = Dense(expansion * width, width, key=keys[3])
        self.num_heads = num_heads

    def __call__(self, x: Float[Array, "tokens width"]) -> Float[Array, "tokens width"]:
        n, width = x.shape
        split = lambda t: t.reshape(n, self.num_heads, width // self.num_heads)
        q, k, v = map(split, jnp.split(self.to_qkv(self.attention_norm(x)), 3, -1))
        x = x + self.to_out(jax.nn.dot_product_attention(q, k, v).reshape(n, width))
        return x + self.narrow(jax.nn.gelu(self.widen(self.norm(x))))


class Transformer(eqx.Module):
    """Blocks one after the other, and a normalisation at the end."""

    blocks: tuple[Block, ...]
    norm: Norm

    def __init__(
        self,
        width: int,
        num_heads: int,
        depth: int,
        *,
        expansion: int = 4,
        key: PRNGKeyArray,
    ):
        keys = jax.random.split(key, depth)
        make = lambda k: Block(width, num_heads, expansion=expansion, key=k)
        self.blocks = tuple(make(k) for k in keys)
        self.norm = Norm(width)

    def __call__(self, x: Float[Array, "tokens width"]) -> Float[Array, "tokens width"]:
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


def patches(
    image: Num[Array, "rows columns channels"], size: int
) -> Num[Array, "tokens pixels channels"]:
    """An image cut into squares, row by row; the inverse is `from_patches`.

    Args:
        image: Rows, columns and channels.
        size: Pixels along the side of a square.

    Returns:
        Squares with their `size**2` pixels, row by row.

    Raises:
        ValueError: If the image does not divide into such squares.

    Example:
        >>> patches(jnp.arange(16.0).reshape(4, 4, 1), 2)[1, :, 0].tolist()
        [2.0, 3.0, 6.0, 7.0]
    """
    rows, columns, channels = image.shape
    if rows % size or columns % size:
        raise ValueError(
            f"`image` has {rows} x {columns} pixels; expected multiples of {size}."
        )
    x = image.reshape(rows // size, size, columns // size, size, channels)
    return x.swapaxes(1, 2).reshape(-1, size**2, channels)


def from_patches(
    x: Num[Array, "tokens pixels channels"], rows: int, columns: int
) -> Num[Array, "rows columns channels"]:
    """The image of `rows` times `columns` pixels whose `patches` these are.

    Example:
        >>> image = jnp.arange(48.0).reshape(4, 6, 2)
        >>> bool((from_patches(patches(image, 2), 4, 6) == image).all())
        True
    """
    size = round(x.shape[1] ** 0.5)
    y = x.reshape(rows // size, columns // size, size, size, x.shape[-1])
    return y.swapaxes(1, 2).reshape(rows, columns, x.shape[-1])


def sine_positions(
    rows: int, columns: int, width: int
) -> Float[np.ndarray, "tokens width"]:
    """Sines and cosines of row and column, a quarter of `width` each.

    Args:
        rows: Patches from top to bottom.
        columns: Patches from left to right.
        width: Multiple of four.

    Returns:
        A constant table, float32, patches row by row.

    Raises:
        ValueError: If four does not divide the width.

    Example:
        >>> sine_positions(2, 3, 8).shape
        (6, 8)

    References:
        Vaswani et al., Attention Is All You Need (2017), in two dimensions.
    """
    if width % 4:
        raise ValueError(f"`width` is {width}; expected a multiple of 4.")
    frequency = 100.0 ** -(np.arange(width // 4) / (width // 4))
    place = np.stack(np.divmod(np.arange(rows * columns), columns), -1)
    angle = place[:, :, None] * frequency
    waves = np.concatenate([np.sin(angle), np.cos(angle)], -1)
    return waves.reshape(rows * columns, width).astype(np.float32)


def visible_tokens(
    key: PRNGKeyArray, num_tokens: int, num_visible: int
) -> Int[Array, " visible"]:
    """Which tokens an encoder sees: drawn without replacement, in ascending order."""
    chosen = jax.random.permutation(key, num_tokens)[:num_visible]
    return jnp.sort(chosen).astype(jnp.int32)

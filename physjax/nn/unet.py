"""A one-dimensional U-Net, channels last, for signals of any length."""

from collections.abc import Callable, Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Conv(eqx.Module):
    """Convolution over positions with "same" zero padding, channels last.

    Channels last and no batch axis: under `jax.vmap` XLA sees one batched convolution
    in the layout that is fastest on the CPU.
    """

    weight: Float[Array, "kernel in out"]
    bias: Float[Array, " out"]

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, *, key: PRNGKeyArray
    ):
        scale = (2.0 / (in_channels * kernel)) ** 0.5
        shape = (kernel, in_channels, out_channels)
        self.weight = scale * jax.random.normal(key, shape, jnp.float32)
        self.bias = jnp.zeros(out_channels, jnp.float32)

    def __call__(self, x: Float[Array, "n in"]) -> Float[Array, "n out"]:
        y = jax.lax.conv_general_dilated(
            x[None], self.weight, (1,), "SAME", dimension_numbers=("NHC", "HIO", "NHC")
        )
        return y[0] + self.bias[None]


class Norm(eqx.Module):
    """Root-mean-square over channels at each position, with a learned gain.

    Per position, so that the answer at one place never depends on the length.
    """

    gain: Float[Array, " channels"]

    def __init__(self, channels: int):
        self.gain = jnp.ones(channels, jnp.float32)

    def __call__(self, x: Float[Array, "n channels"]) -> Float[Array, "n channels"]:
        power = jnp.mean(x**2, -1, keepdims=True)
        return x * jax.lax.rsqrt(power + 1e-5) * self.gain[None]


class ConvBlock(eqx.Module):
    """Two convolutions with normalisation between; a residual path around both."""

    first: Conv
    second: Conv
    norm: Norm
    project: Conv | None
    activation: Callable = eqx.field(static=True)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        activation: Callable = jax.nn.silu,
        key: PRNGKeyArray,
    ):
        k1, k2, k3 = jax.random.split(key, 3)
        self.first = Conv(in_channels, out_channels, kernel, key=k1)
        self.second = Conv(out_channels, out_channels, kernel, key=k2)
        self.norm = Norm(out_channels)
        same = in_channels == out_channels
        self.project = None if same else Conv(in_channels, out_channels, 1, key=k3)
        self.activation = activation

    def __call__(self, x: Float[Array, "n in"]) -> Float[Array, "n out"]:
        y = self.activation(self.norm(self.first(x)))
        y = self.second(y)
        return self.activation(y + (x if self.project is None else self.project(x)))


def pool(x: Float[Array, "n channels"]) -> Float[Array, "m channels"]:
    """Average of pairs of positions; `n` must be even."""
    return 0.5 * (x[0::2] + x[1::2])


def upsample(x: Float[Array, "m channels"]) -> Float[Array, "n channels"]:
    """Each position twice."""
    return jnp.repeat(x, 2, axis=0, total_repeat_length=2 * x.shape[0])


class SelfAttention(eqx.Module):
    """Multi-head self-attention over positions, pre-normalised, with a residual path.

    No position code: the convolutions around it carry the neighbourhood, so that the
    block takes any length.
    """

    norm: Norm
    to_qkv: Conv
    to_out: Conv
    num_heads: int = eqx.field(static=True)

    def __init__(self, channels: int, num_heads: int, *, key: PRNGKeyArray):
        if channels % num_heads:
            raise ValueError(
                f"`channels` is {channels}; expected a multiple of {num_heads} heads."
            )
        k1, k2 = jax.random.split(key)
        self.norm = Norm(channels)
        self.to_qkv = Conv(channels, 3 * channels, 1, key=k1)
        self.to_out = Conv(channels, channels, 1, key=k2)
        self.num_heads = num_heads

    def __call__(self, x: Float[Array, "n channels"]) -> Float[Array, "n channels"]:
        n, channels = x.shape
        split = lambda t: t.reshape(n, self.num_heads, channels // self.num_heads)
        q, k, v = (split(t) for t in jnp.split(self.to_qkv(self.norm(x)), 3, -1))
        y = jax.nn.dot_product_attention(q, k, v).reshape(n, channels)
        return x + self.to_out(y)


class Encoder(eqx.Module):
    """Blocks and poolings from fine to coarse; returns the skips, coarsest last."""

    blocks: tuple[ConvBlock, ...]

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        kernels: Sequence[int],
        *,
        key: PRNGKeyArray,
    ):
        keys = jax.random.split(key, len(widths))
        sizes = (in_channels, *widths)
        self.blocks = tuple(
            ConvBlock(sizes[i], sizes[i + 1], kernels[i], key=k)
            for i, k in enumerate(keys)
        )

    def __call__(self, x: Float[Array, "n in"]) -> list[Array]:
        skips = []
        for i, block in enumerate(self.blocks):
            x = block(x if i == 0 else pool(x))
            skips.append(x)
        return skips


class Decoder(eqx.Module):
    """Up-samplings and blocks from coarse to fine, each joined with its skip.

    `join="concat"` lays the up-sampled channels beside the skip's, as U-Net does;
    `join="add"` projects them to the skip's width while still coarse and adds, which
    saves most of the cost of the finest blocks.
    """

    blocks: tuple[ConvBlock, ...]
    projections: tuple[Conv, ...]

    def __init__(
        self,
        widths: Sequence[int],
        kernels: Sequence[int],
        *,
        join: Literal["add", "concat"] = "concat",
        key: PRNGKeyArray,
    ):
        concat = join == "concat"
        keys = jax.random.split(key, (2, len(widths) - 1))
        self.blocks = tuple(
            ConvBlock(fine + concat * coarse, fine, kernel, key=k)
            for fine, coarse, kernel, k in zip(
                widths[:-1], widths[1:], kernels[:-1], keys[0], strict=True
            )
        )
        self.projections = (
            ()
            if concat
            else tuple(
                Conv(coarse, fine, 1, key=k)
                for fine, coarse, k in zip(
                    widths[:-1], widths[1:], keys[1], strict=True
                )
            )
        )

    def __call__(self, skips: list[Array]) -> Float[Array, "n out"]:
        *skips, x = skips
        for i in reversed(range(len(self.blocks))):
            if self.projections:
                x = upsample(self.projections[i](x)) + skips[i]
            else:
                x = jnp.concatenate([upsample(x), skips[i]], -1)
            x = self.blocks[i](x)
        return x

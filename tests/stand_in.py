"""A tiny model with RamPINN's interface, for tests of everything around the model."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Retrieval(NamedTuple):
    raman: Array
    background: Array


class StandIn(eqx.Module):
    """Amplitude minus its moving average; scale-equivariant, any length."""

    kernel: Float[Array, " k"]

    def __init__(self):
        self.kernel = jnp.full(9, 1 / 9, jnp.float32)

    def __call__(self, intensity: Float[Array, " n"]) -> Retrieval:
        amplitude = jnp.sqrt(2 * jax.nn.relu(intensity))
        half = self.kernel.size // 2
        padded = jnp.pad(amplitude, half, mode="edge")
        background = jnp.convolve(padded, self.kernel, mode="valid")
        return Retrieval(amplitude - background, background)

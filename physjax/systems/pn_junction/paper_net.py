r"""The published network: convolutions of four widths, then two dense layers.

Charge and voltages in, two channels of 41 x 9 nodes; parallel convolutions of 3 x 3 to
9 x 9 nodes (64, 32, 16, 16 channels), each with batch normalisation, leaky ReLU and a
maximum over 3 x 3 nodes; three 3 x 3 convolutions of 128, 256 and 512 channels; a dense
layer of 1024 with dropout; one number per node. 195 million parameters, 193 of them in
the first dense layer. `divisor` divides all widths.

A maximum over nodes spoils what is linear, as the map from charge to potential is. But
a smooth average of the charge and the same with the other sign make a pair whose two
maxima differ by twice the average, all but exactly. So the parallel convolutions begin
as such pairs, and all activations where leaky ReLUs are linear. What follows the first
training is in `settle`.
"""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from .config import Config
from .data import PAPER_GRID
from .frames import DENSITY, Frame

_SLOPE = 0.01
_KERNELS = (3, 5, 7, 9)
_BRANCHES = (64, 32, 16, 16)
_TRUNK = (128, 256, 512)
_HIDDEN = 1024
_LINEAR = 3.0
"""Mean of an activation of unit variance at the beginning."""
_NOISE = 0.3
"""Random part of the trunk's weights at the beginning."""
_WIDEST = 7
"""Nodes across the widest average, so that two branches can share a pair."""


class Normalisation(eqx.Module):
    """Batch normalisation of channels; axis 1 of (batch, channels, ...)."""

    scale: Float[Array, " c"]
    shift: Float[Array, " c"]
    mean: Float[Array, " c"]
    variance: Float[Array, " c"]

    def __init__(self, channels: int):
        self.scale, self.shift = jnp.ones(channels), jnp.full(channels, _LINEAR)
        self.mean, self.variance = jnp.zeros(channels), jnp.ones(channels)

    def __call__(
        self, x: Float[Array, "batch c ..."], training: bool, seen: list
    ) -> Float[Array, "batch c ..."]:
        shape = (1, -1) + (1,) * (x.ndim - 2)
        mean, variance = (lax.stop_gradient(a) for a in (self.mean, self.variance))
        if training:
            axes = (0, *range(2, x.ndim))
            mean, variance = jnp.mean(x, axes), jnp.var(x, axes)
            seen.append((mean, variance))
        factor = self.scale * lax.rsqrt(variance + 1e-5)
        offset = self.shift - mean * factor
        return x * factor.reshape(shape) + offset.reshape(shape)


class Layer(eqx.Module):
    """Convolution, normalisation, leaky ReLU."""

    weight: Float[Array, "o i k k"]
    norm: Normalisation

    def __init__(self, inputs: int, outputs: int, width: int, *, key: PRNGKeyArray):
        self.weight = jax.random.normal(key, (outputs, inputs, width, width))
        self.norm = Normalisation(outputs)

    def averaging(self, first: int) -> "Layer":
        """The same with smooth averages of one input, of alternating sign.

        Channels are counted from `first` on, over all branches: the members of a pair
        are neighbours and have the same width. Of four pairs one sees the voltages and
        nothing else: of these alone maxima are exact.
        """
        outputs, _, width, _ = self.weight.shape
        x = np.arange(width) - (width - 1) / 2
        squared = (x[:, None] ** 2 + x[None] ** 2) / 2
        weight = np.zeros(self.weight.shape)
        for channel, place in enumerate(range(first, first + outputs)):
            pair, sign = place // 2, 1 - 2 * (place % 2)
            # Pairs of one kernel differ, so that they do not say the same.
            across = 0.42 * min(width, _WIDEST) / (1 + 0.25 * (pair // 4))
            hat = np.exp(-squared / across**2)
            hat *= sign / np.sqrt(np.mean(hat**2))
            weight[channel, 1 if pair % 4 == 0 else 0] = hat
        return self.of(jnp.asarray(weight, self.weight.dtype))

    def passing(self) -> "Layer":
        """The same with all inputs passed on as they are, but for some of the noise."""
        outputs, inputs, width, _ = self.weight.shape
        channels = np.arange(outputs)
        same = np.zeros(self.weight.shape)
        # Layers scale their weights by the root of their number.
        same[channels, channels % inputs, width // 2, width // 2] = width * inputs**0.5
        return self.of(_NOISE * self.weight + jnp.asarray(same, self.weight.dtype))

    def of(self, weight: Float[Array, "o i k k"]) -> "Layer":
        """The same with these weights."""
        return eqx.tree_at(lambda layer: layer.weight, self, weight)

    def __call__(self, x: Float[Array, "batch i nx ny"], training: bool, seen: list):
        layout = ("NCHW", "OIHW", "NCHW")
        y = lax.conv_general_dilated(
            x, _scaled(self.weight), (1, 1), "SAME", dimension_numbers=layout
        )
        return jax.nn.leaky_relu(self.norm(y, training, seen), _SLOPE)


def _scaled(weight: Float[Array, "o *inputs"]) -> Float[Array, "o *inputs"]:
    """Weights are kept at unit size, so that one learning rate suits all layers.

    A step of Adam moves every weight alike: unscaled, the 10^5 inputs of the first
    dense layer would together throw its outputs about.
    """
    return weight * math.sqrt(2 / math.prod(weight.shape[1:]))


def _largest_nearby(x: Float[Array, "batch c nx ny"]) -> Float[Array, "batch c nx ny"]:
    """Maximum over 3 x 3 nodes, one axis after the other."""
    for axis in (2, 3):
        pad = [(1, 1) if a == axis else (0, 0) for a in range(4)]
        wide = jnp.pad(x, pad, constant_values=-jnp.inf)
        n = x.shape[axis]
        cut = lambda i, wide=wide, axis=axis, n=n: lax.slice_in_dim(
            wide, i, i + n, axis=axis
        )
        x = jnp.maximum(jnp.maximum(cut(0), cut(1)), cut(2))
    return x


class PaperNet(eqx.Module):
    """The published network; a `PoissonSolver` for its own device only."""

    branches: tuple[Layer, ...]
    trunk: tuple[Layer, ...]
    first: Float[Array, "hidden features"]
    norm: Normalisation
    last: Float[Array, "nodes hidden"]
    bias: Float[Array, " nodes"]
    dropout: float = eqx.field(static=True)

    def __init__(self, divisor: int, dropout: float, *, key: PRNGKeyArray):
        of = lambda width: max(width // divisor, 1)
        nodes = PAPER_GRID[0] * PAPER_GRID[1]
        keys = iter(jax.random.split(key, 9))
        before = np.cumsum([0, *map(of, _BRANCHES)])
        self.branches = tuple(
            Layer(2, of(c), k, key=next(keys)).averaging(int(first))
            for c, k, first in zip(_BRANCHES, _KERNELS, before[:-1], strict=True)
        )
        widths = [sum(of(c) for c in _BRANCHES), *map(of, _TRUNK)]
        self.trunk = tuple(
            Layer(a, b, 3, key=next(keys)).passing()
            for a, b in itertools.pairwise(widths)
        )
        features, hidden = widths[-1] * nodes, of(_HIDDEN)
        dense = lambda m, n: jax.random.normal(next(keys), (n, m))
        self.first, self.last = dense(features, hidden), dense(hidden, nodes)
        self.norm, self.bias = Normalisation(hidden), jnp.zeros(nodes)
        self.dropout = dropout

    def __call__(
        self,
        rho: Float[Array, "*batch 41 9"],
        voltages: Float[Array, "*batch 2"],
        guess: Float[Array, "*batch 41 9"] | None = None,
    ) -> Float[Array, "*batch 41 9"]:
        """Potential, V, of a charge density in C/cm^3."""
        from ..._constants import ELEMENTARY_CHARGE

        del guess
        batch = rho.shape[:-2]
        charge = rho.reshape(-1, *PAPER_GRID) / (ELEMENTARY_CHARGE * DENSITY)
        phi = self.forward(charge, voltages.reshape(-1, 2))[0]
        return phi.reshape(*batch, *PAPER_GRID).astype(rho.dtype)

    def forward(
        self,
        charge: Float[Array, "batch 41 9"],
        voltages: Float[Array, "batch 2"],
        *,
        training: bool = False,
        key: PRNGKeyArray | None = None,
    ) -> tuple[Float[Array, "batch 41 9"], list]:
        """Potential of a batch, and in training the statistics of its layers."""
        seen = []
        x = self.features(charge, voltages, training, seen)
        x = x @ _scaled(self.first).T
        x = jax.nn.leaky_relu(self.norm(x, training, seen), _SLOPE)
        if training and self.dropout and key is not None:
            kept = jax.random.bernoulli(key, 1 - self.dropout, x.shape)
            x = jnp.where(kept, x / (1 - self.dropout), 0)
        phi = x @ _scaled(self.last).T + self.bias[None]
        return phi.reshape(-1, *PAPER_GRID), seen

    def features(
        self,
        charge: Float[Array, "batch 41 9"],
        voltages: Float[Array, "batch 2"],
        training: bool,
        seen: list,
    ) -> Float[Array, "batch features"]:
        """What the dense layers see."""
        charge, voltages = (x.astype(self.bias.dtype) for x in (charge, voltages))
        contacts = jnp.zeros_like(charge)
        contacts = contacts.at[:, 0].set(voltages[:, :1])
        contacts = contacts.at[:, -1].set(voltages[:, 1:])
        x = jnp.stack([charge, contacts], axis=1)
        x = jnp.concatenate(
            [_largest_nearby(layer(x, training, seen)) for layer in self.branches], 1
        )
        for layer in self.trunk:
            x = layer(x, training, seen)
        return x.reshape(x.shape[0], -1)


def paper_loss(
    config: Config, model: PaperNet, batch: Frame, key: PRNGKeyArray | None
) -> tuple[Array, dict[str, Array]]:
    r"""$\lVert e \rVert_F + c\,\lVert e_\text{contacts} \rVert_F$ over the batch."""
    training = config.model.statistics == "batch"
    phi, _ = model.forward(batch.charge, batch.voltages, training=training, key=key)
    error = phi - batch.potential.astype(phi.dtype)
    ends = error[:, jnp.array([0, -1])]
    norm = lambda e: jnp.sqrt(jnp.sum(e**2) + 1e-12)
    metrics = {
        "rmse": jnp.sqrt(jnp.mean(error**2)),
        "rmse_contacts": jnp.sqrt(jnp.mean(ends**2)),
    }
    return norm(error) + config.loss.contact * norm(ends), metrics

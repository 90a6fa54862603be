r"""The published network: convolutions of four widths, then two dense layers.

Charge and voltages in, two channels of 41 x 9 nodes; parallel convolutions of 3 x 3 to
9 x 9 nodes (64, 32, 16, 16 channels), each with batch normalisation, leaky ReLU and a
maximum over 3 x 3 nodes; three 3 x 3 convolutions of 128, 256 and 512 channels; a dense
layer of 1024 with dropout; one number per node. 195 million parameters, 193 of them in
the first dense layer. `divisor` divides all widths.

In training, batches are normalised by their own statistics; `settle_statistics` then
puts the mean over many batches in their place.
"""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from .config import Config
from .data import PAPER_GRID
from .frames import Frame, sample_frames

DENSITY = 1e17
"""Charge that the network sees as 1, elementary charges per cm^3."""
_SLOPE = 0.01
_KERNELS = (3, 5, 7, 9)
_BRANCHES = (64, 32, 16, 16)
_TRUNK = (128, 256, 512)
_HIDDEN = 1024


class Normalisation(eqx.Module):
    """Batch normalisation of channels; axis 1 of (batch, channels, ...)."""

    scale: Float[Array, " c"]
    shift: Float[Array, " c"]
    mean: Float[Array, " c"]
    variance: Float[Array, " c"]

    def __init__(self, channels: int):
        # Begun where leaky ReLUs are linear, as the map to be learned is.
        self.scale, self.shift = jnp.ones(channels), jnp.full(channels, 1.0)
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
        self.branches = tuple(
            Layer(2, of(c), k, key=next(keys))
            for c, k in zip(_BRANCHES, _KERNELS, strict=True)
        )
        widths = [sum(of(c) for c in _BRANCHES), *map(of, _TRUNK)]
        self.trunk = tuple(
            Layer(a, b, 3, key=next(keys)) for a, b in itertools.pairwise(widths)
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
        x = x.reshape(x.shape[0], -1) @ _scaled(self.first).T
        x = jax.nn.leaky_relu(self.norm(x, training, seen), _SLOPE)
        if training and self.dropout and key is not None:
            kept = jax.random.bernoulli(key, 1 - self.dropout, x.shape)
            x = jnp.where(kept, x / (1 - self.dropout), 0)
        phi = x @ _scaled(self.last).T + self.bias[None]
        return phi.reshape(-1, *PAPER_GRID), seen


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


def settle_statistics(
    config: Config, model: PaperNet, key: PRNGKeyArray, batches: int = 16
) -> PaperNet:
    """The model with the statistics of many batches in its normalisations."""

    @eqx.filter_jit
    def statistics(model, key):
        batch = sample_frames(config, key)
        return model.forward(batch.charge, batch.voltages, training=True)[1]

    total = [statistics(model, k) for k in jax.random.split(key, batches)]
    means = jax.tree.map(lambda *x: sum(x) / batches, *total)
    where = lambda m: [
        leaf
        for norm in (*[layer.norm for layer in (*m.branches, *m.trunk)], m.norm)
        for leaf in (norm.mean, norm.variance)
    ]
    return eqx.tree_at(where, model, [leaf for pair in means for leaf in pair])

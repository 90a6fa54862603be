"""What follows the first training of the published network.

That one is short and goes by the statistics of batches. Then those of many batches take
their place, and the dense layers are solved for by ridge regression on recorded states.
A second training may go on from there by the published loss.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import PRNGKeyArray

from ...io.progress import progress
from .config import Config
from .frames import sample_frames
from .paper_net import PaperNet

_FAR = 5.0
"""Mean of hidden units of unit variance: leaky ReLUs are exact there."""
_RIDGE = 2e-4
_SOLVABLE = 20_000
"""Features up to which the dense layers are solved for: 3 GB of normal matrix."""


def settle(config: Config, model: PaperNet, key: PRNGKeyArray) -> PaperNet:
    """The model with stored statistics, and with its dense layers solved for."""
    model = settle_statistics(config, model, key)
    if model.first.shape[1] > _SOLVABLE:
        return model
    return solve_dense_layers(config, model, key)


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


def solve_dense_layers(
    config: Config, model: PaperNet, key: PRNGKeyArray, samples: int = 64_000
) -> PaperNet:
    """Ridge regression of the potential on the features, in as many modes as there are
    hidden units, which stay where leaky ReLUs are linear."""

    @jax.jit
    def batch(key):
        frame = sample_frames(config, key)
        x = model.features(frame.charge, frame.voltages, False, [])
        return x, frame.potential.reshape(x.shape[0], -1)

    pairs, size = [], config.train.batch_size
    with progress(samples, "states for the dense layers") as advance:
        for k in range(-(-samples // size)):
            pairs.append(jax.tree.map(np.asarray, batch(jax.random.fold_in(key, k))))
            advance(size)
    x, y = (np.concatenate(part) for part in zip(*pairs, strict=True))
    x_mean, y_mean = x.mean(0), y.mean(0, dtype=np.float64)
    x -= x_mean
    spread = x.std(0) + 1e-6
    x /= spread
    gram = (x.T @ x).astype(np.float64)
    gram[np.diag_indices_from(gram)] += _RIDGE * len(x)
    right = x.T @ (y - y_mean).astype(x.dtype)
    weights = scipy.linalg.solve(gram, right, assume_a="pos", overwrite_a=True)
    # The modes of what is predicted, not of the weights.
    predicted = x @ weights.astype(x.dtype)
    values, modes = np.linalg.eigh(predicted.T.astype(np.float64) @ predicted)
    hidden = model.norm.mean.shape[0]
    modes, values = modes[:, ::-1][:, :hidden], values[::-1][:hidden]
    scale = np.sqrt(np.maximum(values / len(x), 1e-18))
    first = (weights @ modes / scale).T / spread  # of unit variance each
    last = modes * scale
    as_like = lambda a, like: jnp.asarray(a, like.dtype)
    unscaled = lambda w: w / math.sqrt(2 / w.shape[1])
    zero, one = np.zeros(hidden), np.ones(hidden)
    return eqx.tree_at(
        lambda m: (
            m.first, m.last, m.bias,
            m.norm.mean, m.norm.variance, m.norm.scale, m.norm.shift,
        ),
        model,
        (
            as_like(unscaled(first), model.first),
            as_like(unscaled(last), model.last),
            as_like(y_mean - last @ np.full(hidden, _FAR), model.bias),
            as_like(first @ x_mean, model.norm.mean),
            as_like(one, model.norm.variance),
            as_like(one, model.norm.scale),
            as_like(zero + _FAR, model.norm.shift),
        ),
    )  # fmt: skip

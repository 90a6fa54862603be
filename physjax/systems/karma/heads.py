"""Heads on features of a frozen encoder, and a segmentation that trains all of it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...nn import Dense, from_patches
from ...solvers.unmixing import fcls, normalized_nonnegative
from .model import Karma


def fit_linear_probe(
    features: Float[np.ndarray, "n features"],
    labels: Int[np.ndarray, " n"],
    num_classes: int,
    *,
    strength: float = 1.0,
    max_steps: int = 300,
) -> tuple[Float[np.ndarray, "features classes"], Float[np.ndarray, " classes"]]:
    r"""Multinomial logistic regression: $\min \tfrac12 |W|^2 + C \sum_i \ell_i$.

    Args:
        features: Standardised, see `features.standardised`.
        labels: Classes from 0.
        num_classes: Number of classes.
        strength: C, as in scikit-learn.
        max_steps: Iterations of L-BFGS.

    Returns:
        Weights and biases: the class is the argmax of `x @ W + b`.

    Example:
        >>> x = np.array([[-1.0], [-0.5], [0.5], [1.0]])
        >>> w, b = fit_linear_probe(x, np.array([0, 0, 1, 1]), 2)
        >>> np.argmax(x @ w + b, -1).tolist()
        [0, 0, 1, 1]
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax, softmax

    x = np.asarray(features, np.float64)
    truth = np.eye(num_classes)[labels]
    shape = (x.shape[1], num_classes)

    def objective(flat):
        w, b = flat[: -shape[1]].reshape(shape), flat[-shape[1] :]
        scores = x @ w + b
        value = -strength * np.sum(truth * log_softmax(scores, -1)) + 0.5 * np.sum(w**2)
        slope = strength * (softmax(scores, -1) - truth)
        return value, np.concatenate([(x.T @ slope + w).ravel(), slope.sum(0)])

    start = np.zeros((shape[0] + 1) * shape[1])
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": max_steps}
    ).x
    return found[: -shape[1]].reshape(shape), found[-shape[1] :]


def nearest_neighbours(
    features: Float[np.ndarray, "n features"],
    labels: Int[np.ndarray, " n"],
    query: Float[np.ndarray, "m features"],
    *,
    num_neighbours: int = 10,
) -> Int[np.ndarray, " m"]:
    """Class of most of the nearest features by angle; of a tie, the lower class.

    Example:
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> nearest_neighbours(x, np.array([0, 1]), x + 0.1, num_neighbours=1).tolist()
        [0, 1]
    """
    unit = lambda x: x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
    likeness = unit(np.asarray(query)) @ unit(np.asarray(features)).T
    count = min(num_neighbours, len(labels))
    near = np.argpartition(-likeness, count - 1, axis=-1)[:, :count]
    votes = np.eye(int(labels.max()) + 1)[labels[near]].sum(1)
    return np.argmax(votes, -1)


def unmix(
    model: Karma,
    spectra: Float[Array, "*pixels bands"],
    *,
    normalised: bool = True,
) -> Float[Array, "*pixels members"]:
    """Abundances over the model's endmembers, at the model's bands.

    Args:
        model: One that mixes.
        spectra: Reflectance.
        normalised: Leave brightness out, as `solvers.unmixing.normalized_nonnegative`;
            else fully constrained least squares.

    Raises:
        ValueError: If the model has no endmembers.
    """
    if model.endmembers is None:
        raise ValueError("`model` has no endmembers; expected one that mixes.")
    method = normalized_nonnegative if normalised else fcls
    return method(spectra, model.endmembers).value


class Segmentation(eqx.Module):
    """Encoder and a linear map from each token to the classes of its pixels."""

    encoder: Karma
    to_classes: Dense
    num_classes: int = eqx.field(static=True)

    def __init__(self, encoder: Karma, num_classes: int, *, key: PRNGKeyArray):
        self.encoder = encoder
        width = encoder.encoder.norm.gain.size
        self.to_classes = Dense(width, encoder.patch**2 * num_classes, key=key)
        self.num_classes = num_classes

    def __call__(
        self, image: Float[Array, "rows columns bands"]
    ) -> Float[Array, "rows columns classes"]:
        """Scores of the classes of every pixel."""
        rows, columns, bands = image.shape
        size = self.encoder.patch
        every = jnp.arange(rows // size * (columns // size), dtype=jnp.int32)
        tokens, _ = self.encoder.encode(image, every, jnp.ones(bands, jnp.float32))
        scores = self.to_classes(tokens).reshape(len(every), size**2, -1)
        return from_patches(scores, rows, columns)


def fine_tune(
    head: Segmentation,
    images: Float[Array, "n rows columns bands"],
    labels: Int[Array, "n rows columns"],
    *,
    steps: int = 200,
    learning_rate: float = 1e-3,
    batch_size: int = 8,
    frozen: bool = False,
    key: PRNGKeyArray,
) -> Segmentation:
    """Train a segmentation by cross-entropy over labelled pixels.

    Args:
        head: What to begin with.
        images: Reflectance at the model's bands.
        labels: Classes from 0; below 0 where unknown.
        steps: Steps of Adam.
        learning_rate: Its rate.
        batch_size: Images per step.
        frozen: Train the linear map alone.
        key: Of the batches.
    """
    trained = jax.tree.map(eqx.is_inexact_array, head)
    if frozen:
        still = jax.tree.map(lambda _: False, head.encoder)
        trained = eqx.tree_at(lambda h: h.encoder, trained, still)
    optimiser = optax.adam(learning_rate)
    params, static = eqx.partition(head, trained)

    def objective(params, x, y):
        scores = jax.vmap(eqx.combine(params, static))(x)
        with jax.numpy_dtype_promotion("standard"):  # Optax mixes integers
            errors = optax.softmax_cross_entropy_with_integer_labels(
                scores, jnp.maximum(y, 0)
            )
        known = (y >= 0).astype(scores.dtype)
        return jnp.sum(errors * known) / jnp.maximum(jnp.sum(known), 1)

    @jax.jit
    def step(params, state, key):
        at = jax.random.randint(key, (batch_size,), 0, len(images))
        slope = jax.grad(objective)(params, images[at], labels[at])
        with jax.numpy_dtype_promotion("standard"):  # Optax counts in integers
            change, state = optimiser.update(slope, state)
        return optax.apply_updates(params, change), state

    state: Any = optimiser.init(params)
    for k in jax.random.split(key, steps):
        params, state = step(params, state, k)
    return eqx.combine(params, static)

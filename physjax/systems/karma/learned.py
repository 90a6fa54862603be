r"""Endmembers of one scene, learned from its pixels alone.

What a decoder that mixes learns from a batch, learned from one image: endmembers
$A \ge 0$ that leave little of the pixels once each has its non-negative contributions,

$$\min_{A \ge 0} \frac1N \sum_n \min_{c \ge 0} |\hat y_n - c A|^2
  + \lambda \frac1M \sum_k |A_k - \bar A|^2,$$

with pixels and endmembers of norm 1, so that brightness does not matter. The further
the endmembers are apart the better noise is fitted; the second term weighs against it,
so $\lambda$ is in units of the noise: of what the start leaves.
"""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from ...solvers.unmixing import nonnegative_in_steps


def learn_endmembers(
    spectra: Float[Array, "pixels bands"],
    start: Float[Array, "members bands"],
    key: PRNGKeyArray,
    *,
    volume: float = 0.6,
    steps: int = 300,
    batch_size: int = 1024,
    learning_rate: float = 1e-4,
) -> Float[Array, "members bands"]:
    """Endmembers of a scene, from those of a classical method or of a library.

    Args:
        spectra: Reflectance of the pixels.
        start: Endmembers to begin with, as of `solvers.endmembers.blind_endmembers`.
        key: Of the batches.
        volume: Weight of the spread of the endmembers, in units of the squared error
            that those of the start leave of a pixel.
        steps: Steps of Adam; the rate falls to zero along a cosine.
        batch_size: Pixels per step.
        learning_rate: Rate at the beginning.

    Returns:
        Endmembers of norm 1; their scale is not known.

    Example:
        >>> true = jnp.array([[1.0, 0.2, 0.1], [0.1, 0.3, 1.0]])
        >>> share = jax.random.uniform(jax.random.key(0), (200, 1))
        >>> pixels = share * true[0] + (1 - share) * true[1]
        >>> found = learn_endmembers(pixels, pixels[:2], jax.random.key(1), steps=50)
        >>> found.shape
        (2, 3)
    """
    unit = lambda x: x / jnp.maximum(jnp.linalg.norm(x, axis=-1, keepdims=True), 1e-6)
    pixels = unit(spectra)
    schedule = optax.cosine_decay_schedule(learning_rate, steps)
    optimiser = optax.adam(schedule)

    def leaves(members, batch):
        parts = nonnegative_in_steps(batch, members, num_steps=50)
        return jnp.mean(jnp.sum((batch - parts @ members) ** 2, -1))

    def objective(values, batch):
        members = unit(jnp.abs(values))
        spread = members - jnp.mean(members, 0, keepdims=True)
        return leaves(members, batch) + weight * jnp.mean(jnp.sum(spread**2, -1))

    def step(state, key):
        values, moments = state
        at = jax.random.randint(key, (batch_size,), 0, len(pixels))
        slope = jax.grad(objective)(values, pixels[at])
        with jax.numpy_dtype_promotion("standard"):  # Optax counts in integers
            change, moments = optimiser.update(slope, moments)
            values = (values + change).astype(values.dtype)
        return (values, moments), None

    first = unit(start)
    weight = volume * leaves(first, pixels)
    state = (first, optimiser.init(first))
    (values, _), _ = jax.lax.scan(step, state, jax.random.split(key, steps))
    return unit(jnp.abs(values))

r"""Interpolation of what is seen to what is not, by a Gaussian process.

$$\hat c = \bar c + K_{\cdot v} (K_{vv} + \epsilon I)^{-1} (c_v - \bar c), \qquad
K(d) = \sum_i w_i\, e^{-d / \ell_i},$$

with the mean over the seen pixels $\bar c$, and learned lengths, weights and nugget:
simple kriging with a mixture of exponential covariances.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class Kriging(eqx.Module):
    """Interpolation between the pixels of visible patches; three learned scales.

    Lengths (pixels), weights and nugget are kept as a tenth of their logarithms: few
    numbers, learned ten times as fast as the many weights of a network.
    """

    lengths: Float[Array, " scales"]
    weights: Float[Array, " scales"]
    nugget: Float[Array, "1"]
    tolerance: float = eqx.field(static=True)

    def __init__(
        self, lengths: tuple[float, ...] = (3.0, 10.0, 30.0), tolerance: float = 1e-2
    ):
        """Lengths to begin with, in pixels, and the residual at which it is solved.

        What is interpolated is known to some ten per cent: one per cent will do.
        """
        self.tolerance = tolerance
        self.lengths = 0.1 * jnp.log(jnp.asarray(lengths, jnp.float32))
        self.weights = jnp.zeros(len(lengths), jnp.float32)
        self.nugget = jnp.full(1, 0.1 * np.log(0.05), jnp.float32)

    def __call__(
        self,
        values: Float[Array, "visible per_patch channels"],
        visible: Int[Array, " visible"],
        distances: Float[np.ndarray, "pixels pixels"],
    ) -> Float[Array, "patches per_patch channels"]:
        """Values at the pixels of all patches, from those of the visible ones.

        Args:
            values: What is known, patch by patch.
            visible: Places of these patches.
            distances: As `distance_table` makes it.
        """
        _, size, channels = values.shape
        within = jnp.arange(size, dtype=visible.dtype)
        seen = (size * visible[:, None] + within[None]).reshape(-1)
        known = values.reshape(-1, channels)
        shares = jax.nn.softmax(10 * self.weights).reshape(1, 1, -1)
        rates = jnp.exp(-10 * self.lengths).reshape(1, 1, -1)
        kernel = jnp.sum(
            jnp.exp(-jnp.asarray(distances)[..., None] * rates) * shares, -1
        )
        to_all = kernel[:, seen]
        among, nugget = to_all[seen], jnp.exp(10 * self.nugget[0])
        mean = jnp.mean(known, 0, keepdims=True)
        weights, _ = jax.scipy.sparse.linalg.cg(
            lambda x: among @ x + nugget * x,
            known - mean,
            tol=self.tolerance,
            maxiter=100,
        )
        return (mean + to_all @ weights).reshape(-1, size, channels)


def distance_table(size: int, patch: int) -> Float[np.ndarray, "pixels pixels"]:
    """Distances between the pixels of a square image, in the order of its patches."""
    row, column = np.divmod(np.arange(size**2), size)
    order = np.lexsort((column, row, column // patch, row // patch))
    place = np.stack([row, column], -1)[order]
    return np.sqrt(np.sum((place[:, None] - place[None]) ** 2, -1)).astype(np.float32)

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
    nugget: Float[Array, ""]

    def __init__(self, lengths: tuple[float, ...] = (3.0, 10.0, 30.0)):
        """Lengths to begin with, in pixels."""
        self.lengths = 0.1 * jnp.log(jnp.asarray(lengths, jnp.float32))
        self.weights = jnp.zeros(len(lengths), jnp.float32)
        self.nugget = 0.1 * jnp.log(jnp.float32(0.05))

    def __call__(
        self,
        values: Float[Array, "seen channels"],
        seen: Int[Array, " seen"],
        distances: Float[np.ndarray, "pixels pixels"],
    ) -> Float[Array, "pixels channels"]:
        """Values at all pixels, from those at the pixels `seen`."""
        d = jnp.asarray(distances)
        shares = jax.nn.softmax(10 * self.weights).reshape(1, 1, -1)
        rates = jnp.exp(-10 * self.lengths).reshape(1, 1, -1)
        waves = jnp.exp(-d[..., None] * rates)
        kernel = jnp.sum(waves * shares, -1)
        to_all = kernel[:, seen]
        nugget = jnp.exp(10 * self.nugget)
        apply = lambda x: to_all[seen] @ x + nugget * x
        mean = jnp.mean(values, 0, keepdims=True)
        weights, _ = jax.scipy.sparse.linalg.cg(
            apply, values - mean, tol=1e-4, maxiter=40
        )
        return mean + to_all @ weights


def distance_table(size: int) -> Float[np.ndarray, "pixels pixels"]:
    """Distances between the pixels of a square image, patch order not considered."""
    place = np.stack(np.divmod(np.arange(size**2), size), -1)
    apart = place[:, None] - place[None]
    return np.sqrt(np.sum(apart**2, -1)).astype(np.float32)

r"""What a spectrum owes to each endmember, by a fixed number of steps: for training."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def contributions(
    spectra: Float[Array, "*axes bands"],
    endmembers: Float[Array, "members bands"],
    coverage: Float[Array, " bands"],
    *,
    steps: int = 60,
) -> Float[Array, "*axes members"]:
    r"""$\arg\min_{c \ge 0} |(r - cA) m|^2$ by accelerated projected gradients.

    No gradient passes: at the minimum the one with respect to `endmembers` of what is
    left of the spectra is that with c held.
    """
    seen = jax.lax.stop_gradient(endmembers) * coverage[None]
    norm = jnp.sqrt(jnp.sum(seen**2, -1, keepdims=True)) + 1e-6
    seen = seen / norm
    gram = seen @ seen.T
    bound = jnp.max(jnp.sum(jnp.abs(gram), -1))
    aim = jax.lax.stop_gradient(spectra) @ seen.T

    def step(state, _):
        c, ahead, t = state
        new = jnp.maximum(ahead - (ahead @ gram - aim) / bound, 0)
        t_new = (1 + jnp.sqrt(1 + 4 * t**2)) / 2
        return (new, new + (t - 1) / t_new * (new - c), t_new), None

    start = jnp.zeros_like(aim)
    one = jnp.ones((), aim.dtype)
    (c, _, _), _ = jax.lax.scan(step, (start, start, one), None, length=steps)
    return c / norm.reshape((1,) * (c.ndim - 1) + (-1,))

r"""Non-negative least squares in a fixed number of steps, for use within a training."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ._endmembers import plain_inverse

_RELAXATION = 1.6
_PENALTY = 0.03
"""Of the split, in units of the squared length of the endmembers: from 0.01, which ends
nearer but begins slower, to 0.1, after twenty steps the best on mixtures of twelve."""


def nonnegative_in_steps(
    spectra: Float[Array, "*axes bands"],
    endmembers: Float[Array, "members bands"],
    coverage: Float[Array, " bands"] | None = None,
    *,
    num_steps: int = 24,
) -> Float[Array, "*axes members"]:
    r"""$\arg\min_{c \ge 0} |(r - c A) m|^2$ to some per cent, by ADMM.

    What a network unmixes in every training step: no test ends the loop, so that all
    pixels take the same steps, and no decomposition stands in the way of batches.
    `nonnegative` gives the exact answer, with gradients.

    No gradient passes: by the envelope theorem that of what is left of the spectra,
    with respect to `endmembers`, is the one with c held.

    Args:
        spectra: Reflectance r; any unit.
        endmembers: Spectra A, not all zero.
        coverage: m, 1 for bands that count and 0 for others; all by default.
        num_steps: Steps; static.

    Returns:
        Contributions c: brightness times abundances.

    Example:
        >>> endmembers = jnp.array([[1.0, 0.0, 0.2], [0.0, 1.0, 0.4]])
        >>> spectrum = jnp.array([0.5, -0.1, 0.1])
        >>> c = nonnegative_in_steps(spectrum, endmembers)
        >>> [round(float(x), 3) for x in c]
        [0.5, 0.0]

    References:
        Bioucas-Dias and Figueiredo, Alternating direction algorithms for constrained
        sparse regression, WHISPERS (2010).
    """
    members = lax.stop_gradient(endmembers)
    if coverage is not None:
        members = members * coverage[None]
    length = jnp.sqrt(jnp.sum(members**2, -1, keepdims=True)) + 1e-6
    members = members / length
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")
    eye = jnp.eye(members.shape[0], dtype=members.dtype)
    inverse = plain_inverse(dot(members, members.T) + _PENALTY * eye)
    constant = dot(dot(lax.stop_gradient(spectra), members.T), inverse)
    push = _PENALTY * inverse

    def step(state, _):
        c, dual = state
        free = constant + dot(c - dual, push)
        free = _RELAXATION * free + (1 - _RELAXATION) * c
        new = jnp.maximum(free + dual, 0)
        return (new, dual + free - new), None

    start = jnp.maximum(constant, 0)
    (c, _), _ = lax.scan(step, (start, jnp.zeros_like(start)), None, length=num_steps)
    return c / length.reshape((1,) * (c.ndim - 1) + (-1,))

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
        >>> c = nonnegative_in_steps(spectrum, endmembers, num_steps=100)
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
    start = dot(dot(lax.stop_gradient(spectra), members.T), inverse)
    # Both variables of the split in one: c is the positive part of w, the multipliers
    # over the penalty its negative part, and c less these |w|. So a step of ADMM with
    # relaxation r is w' = r (start + |w| push) + (1 - r) c + min(w, 0).
    r = _RELAXATION
    push = r * _PENALTY * inverse - r / 2 * eye

    def step(w, _):
        return r * start + dot(jnp.abs(w), push) + (1 - r / 2) * w, None

    w, _ = lax.scan(step, jnp.maximum(start, 0), None, length=num_steps)
    c = jnp.maximum(w, 0)
    return c / length.reshape((1,) * (c.ndim - 1) + (-1,))

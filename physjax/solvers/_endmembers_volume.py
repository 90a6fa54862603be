r"""SISAL: the smallest simplex around the data, with a soft wall.

Pixels are scaled onto the plane $c^T z = 1$ in the subspace of the scene. There

$$\min_Q\; -\log|\det Q| + \tau\, \tfrac1N \sum_{nk} \max(-(Q z_n)_k, 0), \qquad
1^T Q = c^T,$$

whose abundances $Q z$ sum to 1 and whose endmembers are the columns of $Q^{-1}$.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._solution import Solution
from ._endmembers import (
    Endmembers,
    adam,
    as_solution,
    check_scene,
    dot,
    plain_inverse,
    small_logdet,
    spectrum_of_scene,
)
from ._endmembers_pure import extremes


def sisal(
    spectra: Float[Array, "pixels bands"],
    num_members: int,
    key: PRNGKeyArray,
    *,
    wall: float = 30.0,
    num_steps: int = 400,
) -> Solution[Endmembers]:
    """Simplex of small volume that may leave some pixels outside.

    Args:
        spectra: Pixels of the scene, any unit, none of them zero.
        num_members: Number of endmembers; static.
        key: Random key of the start, which is that of VCA.
        wall: Weight of the mean depth outside; a pixel pulls a facet until about
            1 / `wall` of them lie behind it. Larger is harder: noise then counts.
        num_steps: Steps of the optimiser.

    Returns:
        Solution with the endmembers; `stats` has `log_volume` and `outside`, the share
        of negative abundances.

    Example:
        >>> import jax
        >>> key = jax.random.key(0)
        >>> shares = 0.8 * jax.random.dirichlet(key, jnp.ones(3), (400,)) + 0.2 / 3
        >>> found = sisal(shares @ (jnp.eye(3, 8) + 0.1), 3, key, num_steps=100)
        >>> found.value.spectra.shape
        (3, 8)

    References:
        Bioucas-Dias, A variable splitting augmented Lagrangian approach to linear
        spectral unmixing, WHISPERS (2009).
    """
    y = check_scene(spectra, num_members)
    _, vectors = spectrum_of_scene(y)
    axes = vectors[:, :num_members]
    z = dot(y, axes)
    mean = jnp.mean(z, axis=0)
    direction = mean / dot(mean, mean)
    along = dot(z, direction)
    z = z / jnp.where(jnp.abs(along) > 0, along, 1)[:, None]
    # A simplex twice as large as that of the extremes is the start.
    vertices = z[extremes(z, num_members, key)]
    center = jnp.mean(vertices, axis=0, keepdims=True)
    vertices = center + 2 * (vertices - center)
    unmix = plain_inverse(vertices).T
    x = dot(z, unmix.T)  # relative to the start: rows of x sum to 1
    eye = jnp.eye(num_members, dtype=z.dtype)

    def level(change):  # 1^T turn = 1^T keeps the sums of the abundances
        return change - jnp.mean(change, axis=0, keepdims=True)

    def slope(change, _):
        turn = eye + level(change)
        behind = (dot(x, turn.T) < 0).astype(z.dtype)
        pull = wall * dot(behind.T, x) / x.shape[0]
        return level(-plain_inverse(turn).T - pull), None

    change, _ = adam(slope, jnp.zeros_like(eye), num_steps, 0.05)
    turn = eye + level(change)
    unmix = dot(turn, unmix)
    members = dot(plain_inverse(unmix).T, axes.T)
    stats = {
        "log_volume": -small_logdet(unmix),
        "outside": jnp.mean((dot(z, unmix.T) < 0).astype(z.dtype)),
    }
    return as_solution(Endmembers(members), spectra.dtype, stats)

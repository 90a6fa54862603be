r"""Abundances as posterior means, their prior learned from the scene.

For $y = \sum_k w_k e_k + n$ with white noise the conditional of one $w_k$ given the
others is a Gaussian times its prior, a mixture of exponentials: a mixture of truncated
Gaussians, from which a Gibbs sampler draws exactly.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import log_ndtr, ndtri
from jaxtyping import Array, Float, PRNGKeyArray

from .._numerics import as_real, working_dtype
from .._solution import NON_FINITE, SUCCESS, Solution
from ._endmembers import dot, plain_inverse, unit_rows
from ._endmembers_likelihood import MEANS, log_exponentials


def posterior_abundances(
    spectra: Float[Array, "pixels bands"],
    endmembers: Float[Array, "members bands"],
    key: PRNGKeyArray,
    *,
    num_sweeps: int = 150,
    burn_in: int = 30,
) -> Solution[Float[Array, "pixels members"]]:
    """Posterior means of the fractions of each pixel.

    How sparse each material is, is learned from the scene. Where noise is large or
    endmembers are alike, this is nearer to the truth than least squares.

    Args:
        spectra: Pixels of the scene, any unit, with white noise.
        endmembers: One per row; fractions are of these scaled to unit L2 norm.
        key: Random key of the sampler.
        num_sweeps: Sweeps of the sampler over all members.
        burn_in: Sweeps at the start that are left out.

    Returns:
        Solution with the fractions, at least 0 and of sum 1; `stats` has `deviation`,
        their posterior standard deviation, and `noise`.

    Raises:
        ValueError: If the bands differ, or no sweep is left.

    Example:
        >>> key = jax.random.key(0)
        >>> shares = jax.random.dirichlet(key, jnp.ones(3), (300,))
        >>> y = shares @ jnp.eye(3, 8) + 0.01 * jax.random.normal(key, (300, 8))
        >>> found = posterior_abundances(y, jnp.eye(3, 8), key).value
        >>> bool(jnp.sqrt(jnp.mean((found - shares) ** 2)) < 0.02)
        True
    """
    y = as_real(spectra, "spectra")
    dtype = y.dtype
    y = y.astype(working_dtype(dtype))
    endmembers = jnp.asarray(endmembers)
    if y.ndim != 2 or endmembers.ndim != 2 or y.shape[1] != endmembers.shape[1]:
        raise ValueError(
            f"`endmembers` has shape {endmembers.shape}; expected (members, bands), "
            f"with the bands of `spectra`, whose shape is {y.shape}."
        )
    if not 0 <= burn_in < num_sweeps:
        raise ValueError(
            f"`burn_in` is {burn_in}; expected less than `num_sweeps`, {num_sweeps}."
        )
    (pixels, bands), members = y.shape, len(endmembers)
    e = unit_rows(endmembers.astype(y.dtype))
    inverse = plain_inverse(dot(e, e.T))
    ordinary = dot(dot(y, e.T), inverse)
    left = jnp.sum((y - dot(ordinary, e)) ** 2) / (pixels * max(bands - members, 1))
    smallest = 1e-6 * jnp.sqrt(jnp.mean(y**2))
    noise = jnp.maximum(jnp.sqrt(left), smallest)

    # Units in which every component has mean 1, as the means of the mixture suppose.
    level = jnp.maximum(jnp.mean(jnp.maximum(ordinary, 0), axis=0), smallest)
    e = level[:, None] * e
    w = jnp.maximum(ordinary / level[None, :], 0)
    spread = noise * jnp.sqrt(jnp.diagonal(inverse)) / level
    log_weights = _learn(ordinary / level[None, :], spread)
    gram = dot(e, e.T) / noise**2
    cross = dot(y, e.T) / noise**2
    rate = 1 / jnp.asarray(MEANS, y.dtype)

    def draw(k, state):
        w, key = state
        key, pick, place = jax.random.split(key, 3)
        precision = gram[k, k]
        mean = (cross[:, k] - dot(w, gram[k]) + precision * w[:, k]) / precision
        sigma = 1 / jnp.sqrt(precision)
        means = mean[:, None] - (rate * sigma**2)[None, :]  # of each truncated Gaussian
        mass = log_weights[k] + jnp.log(rate) + 0.5 * (rate * sigma) ** 2
        mass = mass[None, :] - rate[None, :] * mean[:, None]
        mass = mass + log_ndtr(means / sigma)
        which = jax.random.categorical(pick, mass)
        chosen = jnp.take_along_axis(means, which[:, None], axis=1)[:, 0]
        u = jax.random.uniform(place, chosen.shape, chosen.dtype, 1e-6, 1.0 - 1e-6)
        return w.at[:, k].set(sigma * _truncated(u, -chosen / sigma) + chosen), key

    def sweep(state, number):
        w, key, first, second = state
        w, key = lax.fori_loop(0, members, draw, (w, key))
        w = jnp.maximum(w, 0)
        weighted = w * level[None, :]
        total = jnp.sum(weighted, axis=1, keepdims=True)
        shares = jnp.where(total > 0, weighted / jnp.where(total > 0, total, 1), 0)
        counts = (number >= burn_in).astype(y.dtype)
        return (w, key, first + counts * shares, second + counts * shares**2), None

    start = (w, key, jnp.zeros_like(w), jnp.zeros_like(w))
    (_, _, first, second), _ = lax.scan(sweep, start, jnp.arange(num_sweeps))
    kept = num_sweeps - burn_in
    mean = first / kept
    variance = jnp.maximum(second / kept - mean**2, 0)
    mean = mean / jnp.maximum(jnp.sum(mean, axis=1, keepdims=True), 1e-6)
    finite = jnp.all(jnp.isfinite(mean))
    stats = {"deviation": jnp.sqrt(variance), "noise": noise}
    result = jnp.where(finite, SUCCESS, NON_FINITE).astype(jnp.int32)
    return Solution(mean.astype(dtype), result, stats)


def _learn(w, spread, rounds: int = 30):
    """Log weights of the exponentials of each member, by expectation-maximisation."""
    density = log_exponentials(w, spread)
    start = jnp.full(density.shape[1:], -jnp.log(float(len(MEANS))), w.dtype)

    def step(_, log_weights):
        share = jax.nn.softmax(density + log_weights[None], axis=-1)
        return jnp.log(jnp.mean(share, axis=0) + 1e-4)

    return jax.nn.log_softmax(lax.fori_loop(0, rounds, step, start), axis=-1)


def _truncated(u, low):
    """Standard normal above `low`, at the level u of its distribution."""
    near = jnp.minimum(low, 4.0)
    inside = -ndtri(u * jnp.exp(log_ndtr(-near)))
    # Far in the tail: the Rayleigh tail, whose error falls as 1 / low^2.
    tail = jnp.sqrt(jnp.maximum(low, 4.0) ** 2 - 2 * jnp.log(u))
    return jnp.where(low > 4, tail, jnp.maximum(inside, low))

r"""Endmembers outside the data: the simplex of largest likelihood.

In the subspace of the scene a pixel is $z = \sum_k w_k e_k + n$ with $w_k = s\,a_k$.
For independent $w_k \ge 0$ with densities $p_k$ and white noise of variance $\sigma^2$

$$\log p(z) \approx \log|\det W| + \sum_k \log (p_k * N(0, \sigma^2 |W_k|^2))
((W z)_k), \qquad W = E^{-1},$$

each $p_k$ a mixture of exponentials of fixed means and learned weights. With one
exponential, abundances are uniform on the simplex and brightness is Gamma distributed:
the smallest simplex that holds the data within the noise. The mixture learns how sparse
each material is, so that pixels that crowd on a facet do not push it outwards.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
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
    subsample,
    unit_rows,
)
from ._endmembers_pure import extremes

MEANS = np.array([0.02, 0.08, 0.3, 1.0, 3.0])
"""Means of the exponentials, in units of the mean of a component."""


def simplex_likelihood(
    spectra: Float[Array, "pixels bands"],
    num_members: int,
    key: PRNGKeyArray,
    *,
    num_starts: int = 3,
    num_steps: int = 100,
    num_pixels: int = 3_000,
    min_purity: float = 0.5,
) -> Solution[Endmembers]:
    """Endmembers that no pixel needs to show, by largest likelihood.

    Args:
        spectra: Pixels of the scene, any unit, with white noise; brightness may differ
            from pixel to pixel.
        num_members: Number of endmembers; static.
        key: Random key of the pixels used and of the starts.
        num_starts: Starts (by VCA), of which the likeliest is followed.
        num_steps: Steps of the optimiser.
        num_pixels: Most pixels used. On generated scenes more starts, steps and pixels
            than these cost five times as much and find nothing better.
        min_purity: Share, of spectra of unit norm, that each endmember has in the 0.2 %
            of pixels where it is largest; it is drawn in where it has less. Three
            times the noise of the share is added, up to 0.85.

    Returns:
        Solution with the endmembers of unit L2 norm; `stats` has `log_likelihood`, per
        pixel, and `noise`, the standard deviation.

    Example:
        >>> key = jax.random.key(0)
        >>> shares = jax.random.dirichlet(key, jnp.ones(3), (500,))
        >>> corners = jnp.eye(3, 8) + 0.1
        >>> y = shares @ corners + 1e-3 * jax.random.normal(key, (500, 8))
        >>> found = simplex_likelihood(y, 3, key, num_starts=2, num_steps=100)
        >>> found.value.spectra.shape
        (3, 8)

    References:
        The likelihood of one exponential: Wu, Ma, Li and So, Probabilistic simplex
        component analysis, IEEE TSP 70 (2022). The mixture is ours.
    """
    y = check_scene(spectra, num_members)
    options = (num_starts, num_steps, num_pixels, min_purity)
    members, stats = likeliest(y, spectrum_of_scene(y), num_members, key, *options)
    return as_solution(Endmembers(members), spectra.dtype, stats)


def likeliest(
    y,
    spectrum,
    num_members,
    key,
    num_starts=3,
    num_steps=100,
    num_pixels=3_000,
    min_purity=0.5,
):
    """Endmembers and figures, given the eigenvalues and eigenvectors of the scene."""
    values, vectors = spectrum
    pixels, bands = y.shape
    axes = vectors[:, :num_members]
    scale = jnp.sqrt(jnp.sum(values[:num_members]))
    tail = jnp.sum(values[num_members:]) / max(bands - num_members, 1)
    smallest = jnp.finfo(y.dtype).eps * 10
    noise = jnp.maximum(jnp.sqrt(jnp.maximum(tail, 0)) / scale, smallest)
    pick, start = jax.random.split(key)
    z = dot(y[subsample(pick, pixels, num_pixels)], axes) / scale

    few = z[:: max(z.shape[0] // 2000, 1)]  # from everywhere: rows of a scene are alike
    begin = jax.vmap(lambda k: _start(z, k))(jax.random.split(start, num_starts))
    tried, value = lax.map(
        lambda w: _ascend(few, noise, w, num_steps, 0.05, 0.3), begin
    )
    value = jnp.where(jnp.isfinite(value), value, -jnp.inf)
    best = tried[jnp.argmax(value)]
    unmix, likelihood = _ascend(z, noise, best, num_steps, 0.02, 0.03)
    members = dot(_drawn_in(z, unmix, noise, min_purity), axes.T)
    stats = {"log_likelihood": likelihood, "noise": noise * scale}
    return members, stats


def _drawn_in(z, unmix, noise, min_purity):
    """Endmembers of unit norm, drawn in until each makes up some pixels.

    A dark material, whose pixels are lit by what little else they hold, leaves the
    likelihood flat along the line from the others to it. Let p be its share in its
    purest pixels and r what else they hold: with e' = (p e + (q - p) r) / q the share
    is q.
    """
    members = unit_rows(plain_inverse(unmix).T)
    inverse = plain_inverse(members)
    w = jnp.maximum(dot(z, inverse), 0)
    # The larger the noise of a share, the less its extremes say how far to go.
    blur = noise * jnp.sqrt(jnp.sum(inverse**2, axis=0))
    blur = blur / jnp.mean(jnp.sqrt(jnp.sum(z**2, axis=1)))
    least = jnp.clip(min_purity + 3 * blur, min_purity, max(0.85, min_purity))
    shares = w / jnp.maximum(jnp.sum(w, axis=1, keepdims=True), 1e-6)
    count = max(z.shape[0] // 500, 1)

    def one(k):
        purest = lax.top_k(shares[:, k], count)[1]
        mean = jnp.mean(shares[purest], axis=0)
        p = jnp.clip(mean[k], 0.02, 1)
        rest = dot(mean.at[k].set(0), members) / jnp.maximum(1 - p, 1e-6)
        short = jnp.maximum(least[k] - p, 0)
        return (p * members[k] + short * rest) / jnp.maximum(least[k], p)

    return unit_rows(lax.map(one, jnp.arange(members.shape[0])))


def _start(z, key):
    """Unmixing rows of a VCA run over the brighter pixels."""
    members = z.shape[1]
    along = dot(z, jnp.mean(z, axis=0))
    bright = along >= jnp.quantile(along, 0.3)
    points = jnp.where(
        bright[:, None],
        z / jnp.where(bright, along, 1)[:, None],
        (z.mean(0) / along.mean())[None, :],
    )
    vertices = points[extremes(points, members, key)]
    ridge = 1e-6 * jnp.eye(members, dtype=z.dtype)
    unmix = plain_inverse(vertices + ridge).T
    level = jnp.mean(jnp.abs(dot(z, unmix.T)), axis=0)
    return unmix / level[:, None]


def _ascend(z, noise, unmix, num_steps, rate, softness):
    """The unmixing rows after some steps from a start, and their likelihood.

    The walls of the simplex begin `softness` thick, in units of the mean of a
    component, and end as thick as the noise: from a start too small, sharp walls throw
    the vertices about.
    """
    members = z.shape[1]
    # Relative to the start the problem is well scaled whatever the endmembers are.
    x = dot(z, unmix.T)
    covariance = noise**2 * dot(unmix, unmix.T)
    eye = jnp.eye(members, dtype=z.dtype)
    parameters = (eye, jnp.zeros((members, len(MEANS)), z.dtype))

    def loss(parameters, blur):
        turn, logits = parameters
        w = dot(x, turn.T)
        sigma = jnp.sqrt(jnp.sum(dot(turn, covariance) * turn, axis=1) + blur**2)
        weights = jax.nn.log_softmax(4 * logits, axis=1)  # they may move faster
        density = jax.scipy.special.logsumexp(
            _log_exponentials(w, sigma) + weights[None], axis=-1
        )
        prior = 1e-3 * jnp.sum(weights)
        return -jnp.mean(jnp.sum(density, axis=1)) - prior

    def slope(parameters, progress):
        blur = (softness * jnp.exp(-8 * progress)).astype(z.dtype)
        turn, logits = jax.grad(loss)(parameters, blur)
        # d log|det T| / dT = T^-T
        return turn - plain_inverse(parameters[0]).T, logits

    turn, logits = adam(slope, parameters, num_steps, rate)
    value = small_logdet(turn) + small_logdet(unmix) - loss((turn, logits), 0.0)
    return dot(turn, unmix), value


def _log_exponentials(
    w: Float[Array, "pixels members"], sigma: Float[Array, " members"]
) -> Float[Array, "pixels members means"]:
    """Log densities of exponentials, blurred by the noise of each member."""
    sigma = sigma[None, :, None]
    means = jnp.asarray(MEANS, w.dtype)[None, None, :]
    # Far below the noise a smaller mean makes no difference, but cancels digits.
    rate = 1 / jnp.sqrt(means**2 + (0.25 * sigma) ** 2)
    blur = rate * sigma
    x = w[..., None]
    return (
        jnp.log(rate)
        + 0.5 * blur**2
        - rate * x
        + jax.scipy.special.log_ndtr(x / sigma - blur)
    )

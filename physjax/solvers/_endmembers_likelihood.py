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
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from .._solution import Solution
from ._blurred_exponentials import MEANS, mixture_likelihood
from ._endmembers import (
    Endmembers,
    adam,
    as_solution,
    check_scene,
    dot,
    one_of_each,
    plain_inverse,
    small_logdet,
    spectrum_of_scene,
    unit_rows,
)
from ._endmembers_pure import extremes_along


def simplex_likelihood(
    spectra: Float[Array, "pixels bands"],
    num_members: int,
    key: PRNGKeyArray,
    *,
    num_starts: int = 6,
    num_steps: int = 100,
    num_pixels: int = 4000,
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
        num_pixels: Most pixels used. On generated scenes twice the steps and
            pixels find nothing better.
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
    num_starts=6,
    num_steps=100,
    num_pixels=4000,
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
    # One draw for all: a generator of random numbers is long to compile.
    wanted = min(num_pixels, pixels)
    draw = jax.random.uniform(key, (wanted + num_starts * num_members**2,), y.dtype)
    z = dot(y[one_of_each(draw[:wanted], pixels)], axes) / scale
    directions = draw[wanted:].reshape(num_starts, num_members, num_members) - 0.5
    begin = lax.map(lambda d: _start(z, d), directions)

    def follow(best, inputs):
        place, unmix = inputs
        # One program for the starts and for the best of them, which comes last.
        is_last = place == num_starts
        unmix = jnp.where(is_last, best[0], unmix)
        rate = jnp.where(is_last, 0.02, 0.05)
        softness = jnp.where(is_last, 0.03, 0.3)
        unmix, value = _ascend(z, noise, unmix, num_steps, rate, softness)
        better = is_last | (value > best[1])  # false where it is not finite
        return jax.tree.map(
            lambda new, old: jnp.where(better, new, old), (unmix, value), best
        ), None

    order = jnp.arange(num_starts + 1)
    begin = jnp.concatenate([begin, begin[:1]])
    nothing = (begin[0], jnp.asarray(-jnp.inf, z.dtype))
    (unmix, likelihood), _ = lax.scan(follow, nothing, (order, begin))
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

    purest = lax.top_k(shares.T, count)[1]
    mean = jnp.mean(shares[purest], axis=1)  # row k: the purest pixels of k
    p = jnp.clip(jnp.diagonal(mean), 0.02, 1)[:, None]
    others = mean * (1 - jnp.eye(len(mean), dtype=mean.dtype))
    rest = dot(others, members) / jnp.maximum(1 - p, 1e-6)
    short = jnp.maximum(least[:, None] - p, 0)
    return unit_rows(p * members + short * rest)


def _start(z, directions):
    """Unmixing rows of a VCA run over the brighter pixels, about two thirds."""
    members = z.shape[1]
    along = dot(z, jnp.mean(z, axis=0))
    bright = along >= jnp.mean(along) - 0.5 * jnp.std(along)
    points = jnp.where(
        bright[:, None],
        z / jnp.where(bright, along, 1)[:, None],
        (z.mean(0) / along.mean())[None, :],
    )
    vertices = points[extremes_along(points, directions)]
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
    members, pixels = z.shape[1], z.shape[0]
    # Relative to the start the problem is well scaled whatever the endmembers are.
    x = dot(unmix, z.T)
    covariance = noise**2 * dot(unmix, unmix.T)
    eye = jnp.eye(members, dtype=z.dtype)
    parameters = (eye, jnp.zeros((members, len(MEANS)), z.dtype))

    def likelihood(parameters, blur):
        """The likelihood without its determinant, its slopes and the weights."""
        turn, logits = parameters
        spread = dot(turn, covariance)
        sigma = jnp.sqrt(jnp.sum(spread * turn, axis=1) + blur**2)
        weights = jax.nn.softmax(4 * logits, axis=1)  # they may move faster
        value, along_w, along_sigma, along_weights = mixture_likelihood(
            dot(turn, x), sigma, weights
        )
        along_turn = dot(along_w, x.T) / pixels
        along_turn = along_turn + (along_sigma / sigma)[:, None] * spread
        # 1e-3 times the sum of the log weights keeps each of them alive.
        along_weights = along_weights + 1e-3
        rest = jnp.sum(along_weights, axis=1, keepdims=True)
        along_logits = 4 * (along_weights - weights * rest)
        value = jnp.sum(value) + 1e-3 * jnp.sum(jnp.log(weights))
        return value, (along_turn, along_logits)

    def slope(parameters, progress):
        blur = (softness * jnp.exp(-8 * progress)).astype(z.dtype)
        value, (turn, logits) = likelihood(parameters, blur)
        # d log|det T| / dT = T^-T
        return (-turn - plain_inverse(parameters[0]).T, -logits), value

    (turn, _), values = adam(slope, parameters, num_steps, rate)
    unmix = dot(turn, unmix)
    return unmix, small_logdet(unmix) + values[-1]

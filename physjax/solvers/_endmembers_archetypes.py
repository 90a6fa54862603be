r"""Endmembers inside the data: entropic archetypal analysis.

$$\min_{A, B} \|Y - A B Y\|^2, \qquad A \ge 0,\ A 1 = 1, \quad B \ge 0,\ B 1 = 1,$$

with pixels scaled to unit L2 norm: endmembers are mixtures of pixels (rows of B),
pixels mixtures of endmembers (rows of A). Multiplicative steps keep the rows in the
simplex.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from .._solution import Solution
from ._endmembers import (
    Endmembers,
    as_solution,
    check_scene,
    dot,
    spectrum_of_scene,
    subsample,
    unit_rows,
)

RANK = 16
"""Most dimensions the search is done in; the rest is noise."""


def archetypes(
    spectra: Float[Array, "pixels bands"],
    num_members: int,
    key: PRNGKeyArray,
    *,
    num_starts: int = 4,
    num_rounds: int = 150,
    num_steps: int = 20,
    num_pixels: int = 3_000,
    slack: float = 0.05,
) -> Solution[Endmembers]:
    """Endmembers that are mixtures of pixels, by entropic archetypal analysis.

    Of several starts those whose misfit (sum of absolute residuals) is within `slack`
    of the smallest are kept, and of these the one whose endmembers are least alike: the
    largest cosine between two of them is smallest. No reference enters.

    Args:
        spectra: Pixels of the scene, any unit.
        num_members: Number of endmembers; static.
        key: Random key of the pixels used and of the starts.
        num_starts: Number of starts, side by side.
        num_rounds: Rounds, of steps on the abundances and on the endmembers.
        num_steps: Steps on each in a round.
        num_pixels: Most pixels used. On generated scenes whose spectra vary, 8 starts
            and 10000 pixels were no better than these; 60 rounds were worse.
        slack: Relative excess of misfit that is accepted.

    Returns:
        Solution with the endmembers, of unit L2 norm; `stats` has `misfit` and
        `coherence` of every start, and `chosen`.

    Example:
        >>> key = jax.random.key(0)
        >>> shares = jax.random.dirichlet(key, jnp.ones(3), (200,))
        >>> y = jnp.concatenate([shares, jnp.eye(3)]) @ (jnp.eye(3, 8) + 0.1)
        >>> found = archetypes(y, 3, key, num_starts=2, num_rounds=10)
        >>> found.value.spectra.shape
        (3, 8)

    References:
        Zouaoui, Muhawenayo, Rasti, Chanussot and Mairal, Entropic descent archetypal
        analysis for blind hyperspectral unmixing, IEEE TIP 32, 4649 (2023).
    """
    y = check_scene(spectra, num_members)
    vectors = spectrum_of_scene(y)[1]
    options = (num_starts, num_rounds, num_steps, num_pixels, slack)
    members, stats = archetypes_in(y, vectors, num_members, key, options)
    return as_solution(Endmembers(members), spectra.dtype, stats)


def archetypes_in(y, vectors, num_members, key, options=(4, 150, 20, 3_000, 0.05)):
    """Endmembers and figures, given the eigenvectors of the scene."""
    num_starts, num_rounds, num_steps, num_pixels, slack = options
    pick, start = jax.random.split(key)
    chosen = subsample(pick, y.shape[0], num_pixels)
    y = unit_rows(y[chosen])
    axes = vectors[:, : min(max(RANK, num_members), y.shape[1])]
    z = dot(y, axes)

    def run(key):
        return _descend(z, num_members, key, num_rounds, num_steps)

    members, misfit = lax.map(run, jax.random.split(start, num_starts))
    spectra_all = unit_rows(members)
    cosine = dot(spectra_all, jnp.swapaxes(spectra_all, 1, 2))
    off = 1 - jnp.eye(num_members, dtype=z.dtype)
    coherence = jnp.max(cosine * off[None], axis=(1, 2))
    misfit = jnp.where(jnp.isfinite(misfit), misfit, jnp.inf)
    fits = misfit <= (1 + slack) * jnp.min(misfit)
    best = jnp.argmin(jnp.where(fits, coherence, jnp.inf))
    found = unit_rows(dot(members[best], axes.T))
    stats = {"misfit": misfit, "coherence": coherence, "chosen": best}
    return found, stats


def _descend(z, num_members, key, num_rounds, num_steps):
    """Archetypes from one random start, and the sum of absolute residuals."""
    pixels = z.shape[0]
    # Rows of B start near single random pixels, those of A even.
    mixture = 0.1 * jax.random.normal(key, (num_members, pixels), z.dtype)
    members = dot(jax.nn.softmax(mixture, axis=1), z)
    shares = jnp.zeros((pixels, num_members), z.dtype)
    # Steps as large as the curvature allows: entropy is strongly convex in the sum of
    # absolute values, against which a form is bounded by its largest element, which is
    # 1 for pixels of unit norm; between rows of B by the row sums of A^T A.

    def on_shares(_, state):
        logits, members = state
        a = jax.nn.softmax(logits, axis=1)
        rate = 1 / jnp.max(jnp.abs(dot(members, members.T)))
        slope = dot(dot(a, members) - z, members.T)
        return logits - rate * slope, members

    def on_mixture(_, state):
        logits, a, gram, cross = state
        b = jax.nn.softmax(logits, axis=1)
        # d/dB of |Z - A B Z|^2 / 2 = (A^T A) B Z Z^T - A^T Z Z^T
        slope = dot(dot(gram, dot(b, z)) - cross, z.T)
        rate = 1 / jnp.max(jnp.sum(jnp.abs(gram), axis=1))
        return logits - rate * slope, a, gram, cross

    def turn(_, state):
        logits_a, logits_b, members = state
        logits_a, _ = lax.fori_loop(0, num_steps, on_shares, (logits_a, members))
        a = jax.nn.softmax(logits_a, axis=1)
        gram, cross = dot(a.T, a), dot(a.T, z)
        logits_b, *_ = lax.fori_loop(
            0, num_steps, on_mixture, (logits_b, a, gram, cross)
        )
        members = dot(jax.nn.softmax(logits_b, axis=1), z)
        return logits_a, logits_b, members

    start = (shares, mixture, members)
    shares, _, members = lax.fori_loop(0, num_rounds, turn, start)
    a = jax.nn.softmax(shares, axis=1)
    return members, jnp.sum(jnp.abs(z - dot(a, members)))

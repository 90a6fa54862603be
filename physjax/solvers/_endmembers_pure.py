"""Endmembers that are pixels: VCA, N-FINDR, PPI and ATGP."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .._solution import Solution
from ._endmembers import (
    Endmembers,
    as_solution,
    check_scene,
    dot,
    plain_inverse,
    small_logdet,
    spectrum_of_scene,
    unit_rows,
)


def vca(
    spectra: Float[Array, "pixels bands"], num_members: int, key: PRNGKeyArray
) -> Solution[Endmembers]:
    """Vertex component analysis: extremes along random directions.

    Each direction is orthogonal to the endmembers found so far. Below a signal-to-noise
    ratio of 15 + 10 log10(members) dB the pixels are projected onto the members - 1
    leading principal components, above it onto the leading singular vectors and from
    the origin onto a plane. The spectra are those of the projected pixels.

    Args:
        spectra: Pixels of the scene, any unit.
        num_members: Number of endmembers; static.
        key: Random key: `jax.vmap` over keys gives many runs in one program.

    Returns:
        Solution with the endmembers; `stats` has `snr_db`, the ratio as estimated.

    Raises:
        ValueError: If the spectra are no matrix, or too few.

    Example:
        >>> key = jax.random.key(0)
        >>> corners = jnp.eye(3, 8)
        >>> mixed = jax.random.dirichlet(key, jnp.ones(3), (50,)) @ corners
        >>> found = vca(jnp.concatenate([corners, mixed]), 3, key).value
        >>> sorted(found.pixels.tolist())
        [0, 1, 2]

    References:
        Nascimento and Bioucas-Dias, IEEE TGRS 43, 898 (2005).
    """
    y = check_scene(spectra, num_members)
    (pixels, bands), members = y.shape, num_members
    mean = jnp.mean(y, axis=0)
    # One decomposition serves both projections, so that one program holds one.
    values, vectors = spectrum_of_scene(y - mean[None, :])
    power = jnp.mean(jnp.sum(y**2, axis=1))
    leading = vectors[:, : members - 1]
    inside = jnp.sum(values[: members - 1]) + jnp.sum(mean**2)
    # signal = (inside - members / bands * power) / (1 - members / bands)
    signal = inside - members / bands * power
    noise = jnp.maximum(power - inside, jnp.finfo(y.dtype).tiny)
    snr_db = 10 * jnp.log10(jnp.maximum(signal / noise, jnp.finfo(y.dtype).tiny))
    is_noisy = snr_db < 15 + 10 * jnp.log10(jnp.asarray(float(members), y.dtype))

    # The affine hull of the mean and the leading components holds the projection of
    # high ratios too: its direction off the components is that of the mean.
    off = unit_rows(mean - dot(leading, dot(leading.T, mean)))
    axes = jnp.concatenate([leading, off[:, None]], axis=1)
    x = dot(y, axes)
    center = dot(mean, axes)
    along = dot(x, center)
    along = jnp.where(jnp.abs(along) > 0, along, 1)
    projective = x / along[:, None]
    flat = x - center[None, :]
    radius = jnp.sqrt(jnp.max(jnp.sum(flat[:, :-1] ** 2, axis=1)))
    affine = jnp.concatenate(
        [flat[:, :-1], jnp.full((pixels, 1), 1, y.dtype) * radius], axis=1
    )
    points = jnp.where(is_noisy, affine, projective)
    found = extremes(points, members, key)

    kept = jnp.concatenate([flat[found, :-1], jnp.zeros((members, 1), y.dtype)], axis=1)
    chosen = jnp.where(is_noisy, kept + center[None, :], x[found])
    return as_solution(
        Endmembers(dot(chosen, axes.T), found), spectra.dtype, {"snr_db": snr_db}
    )


def extremes(
    points: Float[Array, "pixels dim"], count: int, key: PRNGKeyArray
) -> Int[Array, " count"]:
    """Pixels farthest along random directions orthogonal to those before."""
    shape = (count, points.shape[1])
    return extremes_along(points, jax.random.normal(key, shape, points.dtype))


def extremes_along(
    points: Float[Array, "pixels dim"], directions: Float[Array, "count dim"]
) -> Int[Array, " count"]:
    """Pixels farthest along given directions, each taken off the pixels before."""
    count = len(directions)

    def step(basis, inputs):
        k, direction = inputs
        direction = _off(basis, direction)
        place = jnp.argmax(jnp.abs(dot(points, direction))).astype(jnp.int32)
        return basis.at[k].set(unit_rows(_off(basis, points[place]))), place

    start = jnp.zeros_like(directions)
    return lax.scan(step, start, (jnp.arange(count), directions))[1]


def _off(basis, vector):
    """The part of a vector orthogonal to orthonormal rows; twice is enough."""
    for _ in range(2):
        vector = vector - dot(dot(basis, vector), basis)
    return vector


def atgp(
    spectra: Float[Array, "pixels bands"], num_members: int
) -> Solution[Endmembers]:
    """Automatic target generation: the pixel with most left off those before.

    Args:
        spectra: Pixels of the scene, any unit.
        num_members: Number of endmembers; static.

    Returns:
        Solution with the endmembers, which are pixels; `stats` has `residual`, the norm
        of each one off those before it.

    Example:
        >>> atgp(jnp.diag(jnp.array([1.0, 3.0, 2.0])), 2).value.pixels.tolist()
        [1, 2]

    References:
        Ren and Chang, IEEE TAES 39, 1232 (2003).
    """
    y = check_scene(spectra, num_members)

    def step(rest, _):
        square = jnp.sum(rest**2, axis=1)
        place = jnp.argmax(square).astype(jnp.int32)
        direction = unit_rows(rest[place])
        rest = rest - dot(rest, direction)[:, None] * direction[None, :]
        return rest, (place, jnp.sqrt(square[place]))

    _, (pixels, residual) = lax.scan(step, y, length=num_members)
    stats = {"residual": residual}
    return as_solution(Endmembers(y[pixels], pixels), spectra.dtype, stats)


def ppi(
    spectra: Float[Array, "pixels bands"],
    num_members: int,
    key: PRNGKeyArray,
    *,
    num_skewers: int = 1000,
) -> Solution[Endmembers]:
    """Pixel purity index: how often a pixel is extreme along random lines.

    The endmembers are the pixels of highest counts, one after the other, each lowering
    the counts of pixels by the square of the cosine of the angle to it, so that
    neighbours of one vertex do not all come first.

    Args:
        spectra: Pixels of the scene, any unit.
        num_members: Number of endmembers; static.
        key: Random key.
        num_skewers: Number of lines.

    Returns:
        Solution with the endmembers; `stats` has `counts`, of every pixel.

    Example:
        >>> y = jnp.concatenate([jnp.eye(3), jnp.full((5, 3), 1 / 3)])
        >>> sorted(ppi(y, 3, jax.random.key(0)).value.pixels.tolist())
        [0, 1, 2]

    References:
        Boardman, Kruse and Green, JPL airborne earth science workshop (1995).
    """
    y = check_scene(spectra, num_members)
    centered = y - jnp.mean(y, axis=0, keepdims=True)
    lines = jax.random.normal(key, (num_skewers, y.shape[1]), y.dtype)

    def count(counts, line):
        along = dot(centered, line)
        return counts.at[jnp.argmax(along)].add(1).at[jnp.argmin(along)].add(1), None

    counts = lax.scan(count, jnp.zeros(y.shape[0], y.dtype), lines)[0]
    directions = unit_rows(centered)

    def choose(weight, _):
        place = jnp.argmax(weight).astype(jnp.int32)
        cosine = jnp.maximum(dot(directions, directions[place]), 0)
        return jnp.where(weight > 0, weight * (1 - cosine**2), weight), place

    _, pixels = lax.scan(choose, counts, length=num_members)
    stats = {"counts": counts.astype(jnp.int32)}
    return as_solution(Endmembers(y[pixels], pixels), spectra.dtype, stats)


def nfindr(
    spectra: Float[Array, "pixels bands"],
    num_members: int,
    key: PRNGKeyArray,
    *,
    max_sweeps: int = 10,
) -> Solution[Endmembers]:
    """N-FINDR: the pixels that span the largest simplex.

    After projection onto the members - 1 leading principal components one vertex after
    the other is replaced by the pixel that makes the volume largest, until a sweep over
    the vertices changes nothing. One sweep costs a product of pixels by members.

    Args:
        spectra: Pixels of the scene, any unit.
        num_members: Number of endmembers; static.
        key: Random key of the start, which is that of VCA.
        max_sweeps: Most sweeps.

    Returns:
        Solution with the endmembers, which are pixels; `stats` has `log_volume`, of the
        parallelotope, and `num_sweeps`.

    Example:
        >>> y = jnp.concatenate([jnp.eye(3), jnp.full((5, 3), 1 / 3)])
        >>> sorted(nfindr(y, 3, jax.random.key(0)).value.pixels.tolist())
        [0, 1, 2]

    References:
        Winter, Proc. SPIE 3753, 266 (1999).
    """
    y = check_scene(spectra, num_members)
    centered = y - jnp.mean(y, axis=0, keepdims=True)
    leading = spectrum_of_scene(centered)[1][:, : num_members - 1]
    x = dot(centered, leading)
    scale = jnp.sqrt(jnp.mean(x**2, axis=0, keepdims=True))
    x = x / jnp.where(scale > 0, scale, 1)
    points = jnp.concatenate([jnp.ones_like(x[:, :1]), x], axis=1)

    def exchange(k, state):
        pixels, changed = state
        # Cramer: component k of a point in the vertices is the ratio of the volumes.
        weights = plain_inverse(points[pixels])[:, k]
        ratio = jnp.abs(dot(points, weights))
        place = jnp.argmax(ratio).astype(jnp.int32)
        better = ratio[place] > 1 + 1e-5
        return pixels.at[k].set(jnp.where(better, place, pixels[k])), changed | better

    def sweep(state):
        pixels, _, count = state
        pixels, changed = lax.fori_loop(
            0, num_members, exchange, (pixels, jnp.asarray(False))
        )
        return pixels, changed, count + 1

    def unfinished(state):
        return state[1] & (state[2] < max_sweeps)

    start = (extremes(points, num_members, key), jnp.asarray(True), jnp.int32(0))
    pixels, changed, count = lax.while_loop(unfinished, sweep, start)
    stats = {"log_volume": small_logdet(points[pixels]), "num_sweeps": count}
    members = Endmembers(y[pixels], pixels)
    return as_solution(members, spectra.dtype, stats, ~changed)

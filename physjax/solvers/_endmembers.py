"""What the searches for endmembers share."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from .._numerics import as_real, working_dtype
from .._solution import MAX_ITERATIONS, NON_FINITE, SUCCESS, Solution


class Endmembers(eqx.Module):
    """Spectra of the pure materials of a scene.

    Attributes:
        spectra: One endmember per row, in the unit of the scene.
        pixels: Places of the endmembers among the pixels, where they are pixels.
    """

    spectra: Float[Array, "members bands"]
    pixels: Int[Array, " members"] | None = None


def check_scene(spectra, num_members: int) -> Array:
    """The pixels as a real matrix of working precision.

    Raises:
        TypeError: If the spectra are not real numbers.
        ValueError: If they are no matrix, or too few for the members.
    """
    spectra = as_real(spectra, "spectra")
    if spectra.ndim != 2:
        raise ValueError(
            f"`spectra` has shape {spectra.shape}; expected (pixels, bands): flatten "
            "the rows and columns of a cube."
        )
    pixels, bands = spectra.shape
    if not 2 <= num_members <= min(pixels, bands):
        raise ValueError(
            f"`num_members` is {num_members}; expected 2 to {min(pixels, bands)} for "
            f"{pixels} pixels of {bands} bands."
        )
    return spectra.astype(working_dtype(spectra.dtype))


def as_solution(
    members: Endmembers, dtype, stats, converged: Array | bool = True
) -> Solution[Endmembers]:
    """Endmembers in the type of the input, with their result code."""
    finite = jnp.all(jnp.isfinite(members.spectra))
    result = jnp.where(converged, SUCCESS, MAX_ITERATIONS)
    result = jnp.where(finite, result, NON_FINITE).astype(jnp.int32)
    members = Endmembers(members.spectra.astype(dtype), members.pixels)
    return Solution(members, result, stats)


def dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")


def unit_rows(x: Float[Array, "... bands"]) -> Float[Array, "... bands"]:
    """Rows of unit L2 norm; a row of zeros stays."""
    norm = jnp.sqrt(jnp.sum(x**2, axis=-1, keepdims=True))
    return x / jnp.where(norm > 0, norm, 1)


def spectrum_of_scene(
    spectra: Float[Array, "pixels bands"],
) -> tuple[Float[Array, " bands"], Float[Array, "bands bands"]]:
    """Eigenvalues, descending, and eigenvectors, as columns, of the mean of y y^T."""
    second = dot(spectra.T, spectra) / spectra.shape[0]
    values, vectors = jnp.linalg.eigh(second)
    return values[::-1], vectors[:, ::-1]


def plain_inverse(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Inverse by Gauss and Jordan, with pivots.

    Plain operations: it may stand in batched loops and beside a decomposition, where a
    second call of LAPACK has no place.
    """
    n = matrix.shape[0]
    rows = jnp.arange(n)

    def eliminate(k, state):
        a, b = state
        size = jnp.where(rows >= k, jnp.abs(a[:, k]), -1)
        pivot = jnp.argmax(size)
        order = jnp.where(rows == k, pivot, jnp.where(rows == pivot, k, rows))
        a, b = a[order], b[order]
        top = a[k, k]
        top = jnp.where(jnp.abs(top) > 0, top, 1)
        a_row, b_row = a[k][None] / top, b[k][None] / top
        factor = jnp.where(rows == k, 0, a[:, k])[:, None]
        a = (a - factor * a_row).at[k].set(a_row[0])
        b = (b - factor * b_row).at[k].set(b_row[0])
        return a, b

    start = (matrix, jnp.eye(n, dtype=matrix.dtype))
    return lax.fori_loop(0, n, eliminate, start)[1]


def plain_cholesky(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Lower factor of a positive matrix, by plain operations."""
    n = matrix.shape[0]
    rows = jnp.arange(n)
    smallest = jnp.finfo(matrix.dtype).tiny

    def column(k, state):
        rest, lower = state
        top = jnp.sqrt(jnp.maximum(rest[k, k], smallest))
        new = jnp.where(rows >= k, rest[:, k] / top, 0)
        return rest - new[:, None] * new[None, :], lower.at[:, k].set(new)

    return lax.fori_loop(0, n, column, (matrix, jnp.zeros_like(matrix)))[1]


def small_logdet(matrix: Float[Array, "n n"]) -> Float[Array, ""]:
    """Logarithm of the absolute determinant of a matrix of a few rows."""
    n = matrix.shape[0]
    rows = jnp.arange(n)

    def eliminate(k, state):
        a, total = state
        size = jnp.where(rows >= k, jnp.abs(a[:, k]), -1)
        pivot = jnp.argmax(size)
        order = jnp.where(rows == k, pivot, jnp.where(rows == pivot, k, rows))
        a = a[order]
        top = a[k, k]
        total = total + jnp.log(jnp.abs(top))
        factor = jnp.where(rows > k, a[:, k], 0) / jnp.where(top == 0, 1, top)
        return a - factor[:, None] * a[k][None, :], total

    zero = jnp.zeros((), matrix.dtype)
    return lax.fori_loop(0, n, eliminate, (matrix, zero))[1]


def adam(slope, start, num_steps: int, rate: float | Array):
    """Steps of Adam along `slope(parameters, progress)`, progress from 0 to 1.

    The rate falls as a cosine to 1 %. `slope` returns the slope and any figures; they
    come back for all steps beside the parameters.
    """
    zeros = jax.tree.map(jnp.zeros_like, start)

    def step(state, k):
        parameters, first, second = state
        g, figures = slope(parameters, k / num_steps)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, g)
        second = jax.tree.map(lambda v, g: 0.99 * v + 0.01 * g**2, second, g)
        fall = 0.01 + 0.99 * 0.5 * (1 + jnp.cos(jnp.pi * k / num_steps))

        def move(p, m, v):
            k1 = (k + 1).astype(p.dtype)
            m, v = m / (1 - 0.9**k1), v / (1 - 0.99**k1)
            return p - (rate * fall).astype(p.dtype) * m / (jnp.sqrt(v) + 1e-8)

        return (jax.tree.map(move, parameters, first, second), first, second), figures

    steps = jnp.arange(num_steps, dtype=jnp.float32)
    (parameters, _, _), figures = lax.scan(step, (start, zeros, zeros), steps)
    return parameters, figures


def subsample(key, pixels: int, wanted: int) -> Int[Array, " wanted"]:
    """Places of random pixels, as `one_of_each`; all, if there are no more."""
    if wanted >= pixels:
        return jnp.arange(pixels, dtype=jnp.int32)
    return one_of_each(jax.random.uniform(key, (wanted,)), pixels)


def one_of_each(draw: Float[Array, " wanted"], pixels: int) -> Int[Array, " wanted"]:
    """A random place in each of as many equal stretches, from numbers in [0, 1)."""
    edges = np.arange(len(draw) + 1) * pixels // len(draw)
    first, size = edges[:-1].astype(np.int32), np.diff(edges).astype(np.int32)
    within = (draw * jnp.asarray(size, draw.dtype)).astype(jnp.int32)
    return jnp.asarray(first) + jnp.minimum(within, size - 1)

"""Orthonormal bases of a few vectors, without LAPACK, and thin products with them."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

LANES = 8
"""Columns to which thin factors are padded: products with fewer are four times slower
on CPUs."""


def coordinates(
    spectra: Float[Array, "*pixels bands"], basis: Float[Array, "rank bands"]
) -> Float[Array, "*pixels rank"]:
    """Products of all spectra with the rows of a basis."""
    rank = basis.shape[0]
    padded = jnp.pad(basis, ((0, -rank % LANES), (0, 0)))
    return jnp.matmul(spectra, padded.T, precision="highest")[..., :rank]


def orthonormal(
    rows: Float[Array, "n k"], keep: Bool[Array, " n"] | None = None
) -> tuple[Float[Array, "n k"], Float[Array, "n n"], Bool[Array, ""]]:
    """Gram and Schmidt's process, each step twice: `rows = lower @ basis`.

    Rows not kept, and those that depend on the ones before, get a row of zeros, and one
    on the diagonal. Returns basis, the lower triangle and whether all kept rows are
    independent.
    """
    n = rows.shape[0]
    keep = jnp.ones(n, bool) if keep is None else keep
    rows = jnp.where(keep[:, None], rows, 0)
    tolerance = 16 * n * float(jnp.finfo(rows.dtype).eps)
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")

    def step(basis, inputs):
        row, kept, unit = inputs
        first = dot(basis, row)
        rest = row - dot(first, basis)
        second = dot(basis, rest)
        rest = rest - dot(second, basis)
        size, norm = jnp.sum(row**2), jnp.sum(rest**2)
        fine = kept & (norm > tolerance**2 * size)
        length = jnp.sqrt(jnp.where(fine, norm, 1))
        direction = jnp.where(fine, rest / length, 0)
        basis = basis + unit[:, None] * direction[None]
        coefficients = jnp.where(fine, first + second + unit * length, unit)
        return basis, (coefficients, fine | ~kept)

    start = jnp.zeros_like(rows)
    units = jnp.eye(n, dtype=rows.dtype)
    basis, (lower, fine) = lax.scan(step, start, (rows, keep, units))
    return basis, lower, jnp.all(fine)

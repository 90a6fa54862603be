"""Block-tridiagonal systems, solved in a logarithmic number of vectorised sweeps.

Arrays carry the unknowns of a block first and the blocks last, so that all arithmetic
runs along the blocks.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

FEW = 128
"""Below it all blocks are reduced at once, in a loop that compiles one sweep only."""


class BlockTridiagonal(NamedTuple):
    """$A_i x_{i-1} + B_i x_i + C_i x_{i+1}$, indices (row, column, block).

    The first block of `lower` and the last one of `upper` are never used.
    """

    lower: Float[Array, "r r n"]
    diagonal: Float[Array, "r r n"]
    upper: Float[Array, "r r n"]


def solve_block_tridiagonal(
    matrix: BlockTridiagonal, rhs: Float[Array, "r n"]
) -> Float[Array, "r n"]:
    """x with `matrix` x = `rhs`, by block cyclic reduction without pivoting.

    Rows are scaled by their diagonal first, which must not vanish. Differentiable in
    both, by one more solve.

    Example:
        >>> one = jnp.ones((1, 1, 3))
        >>> matrix = BlockTridiagonal(-one, 2 * one, -one)
        >>> solve_block_tridiagonal(matrix, jnp.array([[0.0, 0.0, 4.0]])).tolist()
        [[1.0, 2.0, 3.0]]

    References:
        Golub and Van Loan, Matrix Computations (2013), section 4.5.4.
    """
    return lax.custom_linear_solve(
        lambda x: _apply(matrix, x),
        rhs,
        lambda _, b: _scale_and_solve(matrix, b),
        lambda _, b: _scale_and_solve(_transposed(matrix), b),
    )


def _apply(matrix, x):
    before = jnp.pad(x[:, :-1], ((0, 0), (1, 0)))
    after = jnp.pad(x[:, 1:], ((0, 0), (0, 1)))
    parts = zip(matrix, (before, x, after), strict=True)
    return sum(jnp.sum(a * b[None], axis=1) for a, b in parts)


def _transposed(matrix):
    lower, diagonal, upper = (jnp.swapaxes(a, 0, 1) for a in matrix)
    return BlockTridiagonal(jnp.roll(upper, 1, -1), diagonal, jnp.roll(lower, -1, -1))


def _scale_and_solve(matrix, rhs):
    lower, diagonal, upper = matrix
    scale = jnp.stack([diagonal[i, i] for i in range(len(rhs))])[:, None]
    rows = jnp.concatenate([diagonal, lower, upper, rhs[:, None]], axis=1)
    return _solve(rows / scale)


def _solve(rows):
    """`rows` holds (diagonal, lower, upper, right-hand side) side by side."""
    n = rows.shape[-1]
    if n <= FEW:
        return _reduce_all(rows)
    # Even blocks are eliminated, the odd ones remain.
    solved = _eliminate(rows[..., ::2])
    kept = rows[..., 1::2]
    k = kept.shape[-1]
    left, right = solved[..., :k], _padded(solved[..., 1:], k)
    odd = _solve(_without_neighbours(kept, left, right))
    m = solved.shape[-1]
    before = jnp.pad(odd, ((0, 0), (1, 0)))[:, :m]
    after = _padded(odd, m)
    even = _inserted(solved, before, after)
    return jnp.stack([even, _padded(odd, m)], axis=-1).reshape(len(odd), -1)[:, :n]


def _reduce_all(rows):
    """Every block loses its neighbours at distance 1, 2, 4, ... until none is left."""
    n = rows.shape[-1]

    def sweep(i, rows):
        solved = _eliminate(rows)
        solved = jnp.pad(solved, ((0, 0), (0, 0), (n, n)))
        distance = jnp.left_shift(1, i)
        left = lax.dynamic_slice_in_dim(solved, n - distance, n, axis=2)
        right = lax.dynamic_slice_in_dim(solved, n + distance, n, axis=2)
        return _without_neighbours(rows, left, right)

    rows = lax.fori_loop(0, (n - 1).bit_length(), sweep, rows)
    return _eliminate(rows)[:, -1]


def _eliminate(rows):
    """Multiplies by the inverse of the diagonal, which is left out of the answer."""
    r = rows.shape[0]
    for i in range(r):
        pivot = rows[i] / rows[i, i][None]
        rows = jnp.stack(
            [pivot if j == i else rows[j] - rows[j, i][None] * pivot for j in range(r)]
        )
        # Else every later stage would compute the earlier ones anew.
        rows = lax.optimization_barrier(rows)
    return rows[:, r:]


def _without_neighbours(rows, left, right):
    """Puts the neighbours' equations, solved for them, in their place."""
    r = rows.shape[0]
    diagonal, lower, upper, rhs = jnp.split(rows, (r, 2 * r, 3 * r), axis=1)
    from_left, from_right = _times(lower, left), _times(upper, right)
    diagonal = diagonal - from_left[:, r : 2 * r] - from_right[:, :r]
    rhs = rhs - from_left[:, 2 * r :] - from_right[:, 2 * r :]
    lower, upper = -from_left[:, :r], -from_right[:, r : 2 * r]
    return lax.optimization_barrier(
        jnp.concatenate([diagonal, lower, upper, rhs], axis=1)
    )


def _inserted(solved, before, after):
    r = solved.shape[0]
    neighbours = jnp.concatenate([before, after])[:, None]
    return (solved[:, 2 * r :] - _times(solved[:, : 2 * r], neighbours))[:, 0]


def _times(a, b):
    """Product of small matrices, block by block."""
    total = a[:, 0, None] * b[0][None]
    for j in range(1, a.shape[1]):
        total = total + a[:, j, None] * b[j][None]
    return total


def _padded(a, n):
    """Zeros behind the last block, up to n of them."""
    return jnp.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, n - a.shape[-1])])

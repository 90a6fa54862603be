"""solve_block_tridiagonal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax.solvers._block_tridiagonal import BlockTridiagonal, solve_block_tridiagonal
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

solve = jax.jit(solve_block_tridiagonal)


def system(n, r=3, seed=0, dtype=jnp.float64):
    """Diagonally dominant, rows scaled over many decades."""
    random = np.random.default_rng(seed)
    blocks = random.standard_normal((3, r, r, n))
    blocks[1] += 4 * r * np.eye(r)[:, :, None]
    blocks *= 10 ** random.uniform(-12, 12, (r, 1, n))
    lower, diagonal, upper = (jnp.asarray(b, dtype) for b in blocks)
    rhs = jnp.asarray(random.standard_normal((r, n)) * blocks[1][range(r), range(r)])
    return BlockTridiagonal(lower, diagonal, upper), rhs.astype(dtype)


def dense(matrix):
    lower, diagonal, upper = (np.moveaxis(np.asarray(part), -1, 0) for part in matrix)
    n, r = diagonal.shape[:2]
    whole = np.zeros((n, r, n, r))
    for i in range(n):
        whole[i, :, i] = diagonal[i]
        if i > 0:
            whole[i, :, i - 1] = lower[i]
        if i < n - 1:
            whole[i, :, i + 1] = upper[i]
    return whole.reshape(n * r, n * r)


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_it_solves_the_dense_system(n):
    matrix, rhs = system(n)
    x = solve(matrix, rhs)
    whole, b = dense(matrix), np.asarray(rhs).T.ravel()
    scale = np.diag(whole)
    expected = np.linalg.solve(whole / scale[:, None], b / scale)
    np.testing.assert_allclose(x.T.ravel(), expected, rtol=1e-10, atol=1e-12)


def test_transforms_gradients_and_lowering():
    matrix, rhs = system(5, r=2)
    scale = jnp.diagonal(matrix.diagonal).T[:, None]
    matrix = BlockTridiagonal(*(part / scale for part in matrix))
    rhs = rhs / scale[:, 0]
    assert_transforms(solve_block_tridiagonal, matrix, rhs, rtol=1e-12)
    assert_gradients(solve_block_tridiagonal, matrix, rhs)
    assert_lowers(solve_block_tridiagonal, matrix, rhs)

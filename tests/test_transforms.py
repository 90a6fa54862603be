"""Transforms between walls of all kinds."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
from conftest import DTYPES

from physjax.operators import _transforms as transforms
from physjax.testing import assert_adjoint, assert_lowers, assert_transforms

WIDE = DTYPES[-1]
EPS = float(jnp.finfo(WIDE).eps)
D, N = "dirichlet", "neumann"
WALLS = [
    ("periodic", "periodic", "half"),
    *itertools.product((D, N), (D, N), ("half", "node")),
]
sample = lambda *shape: np.random.default_rng(3).standard_normal(shape)


def second_difference(n, low, high, wall):
    """The negative three-point operator, written down."""
    if low == "periodic":
        shift = np.roll(np.eye(n), 1, axis=0)
        return 2 * np.eye(n) - shift - shift.T
    a = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    for end, beside, kind in ((0, min(1, n - 1), low), (-1, -min(2, n), high)):
        if wall == "half":
            a[end, end] += 1 if kind == D else -1
        elif kind == N:
            a[end, beside] = -2
    return a


@pytest.mark.parametrize("walls", WALLS, ids=" ".join)
def test_they_make_the_second_difference_diagonal(walls):
    for n in (1, 7, 8):
        if n == 1 and walls[2] == "node":
            continue
        m = transforms.modes(n, *walls)
        x = sample(2, n)
        image = x @ second_difference(n, *walls).T

        @jax.jit
        def both(x, image, m=m):
            f, g = (transforms.forward(v, m) for v in (x, image))
            p, q = (transforms.matrix_forward(v, m) for v in (x, image))
            back = transforms.inverse(f / m.norms.astype(WIDE)[None], m)
            return f, g, back, p, q, transforms.matrix_inverse(p, m)

        f, g, back, p, q, again = map(
            np.asarray, both(jnp.asarray(x, WIDE), jnp.asarray(image, WIDE))
        )
        bound = {"atol": 200 * EPS * np.abs(f).max()}
        np.testing.assert_allclose(g, m.eigenvalues * f, **bound)
        np.testing.assert_allclose(q, transforms.matrix_eigenvalues(m) * p, **bound)
        np.testing.assert_allclose(back, x, atol=50 * EPS)
        np.testing.assert_allclose(again, x, atol=50 * EPS)


@pytest.mark.parametrize(
    ("walls", "name", "kind"),
    [
        ((D, D, "node"), "dst", 1),
        ((D, D, "half"), "dst", 2),
        ((D, N, "node"), "dst", 3),
        ((D, N, "half"), "dst", 4),
        ((N, N, "node"), "dct", 1),
        ((N, N, "half"), "dct", 2),
        ((N, D, "node"), "dct", 3),
        ((N, D, "half"), "dct", 4),
    ],
)
@pytest.mark.parametrize("n", [6, 9])
def test_they_are_scipys(walls, name, kind, n):
    x = sample(3, n)
    y = transforms.forward(jnp.asarray(x, WIDE), transforms.modes(n, *walls))
    reference = getattr(scipy.fft, name)(x, type=kind) / 2
    np.testing.assert_allclose(y, reference, atol=100 * EPS)


@pytest.mark.parametrize("walls", WALLS, ids=" ".join)
def test_modes_are_orthonormal_in_the_cells(walls):
    m = transforms.modes(8, *walls)
    u = transforms.matrix(m)
    np.testing.assert_allclose(u @ np.diag(m.weights) @ u.T, np.eye(8), atol=1e-13)
    widths = m.weights.sum()
    assert widths == 8 - 0.5 * (walls[2] == "node") * walls[:2].count(N)


@pytest.mark.parametrize("walls", [(D, D, "half"), (N, D, "half"), (N, D, "node")])
def test_sums_of_one_kind_are_adjoint_to_their_inverse(walls):
    m = transforms.modes(9, *walls)
    x, y = jnp.asarray(sample(2, 9), WIDE)
    weighted = lambda v: transforms.inverse(v, m) * m.weights.astype(WIDE)
    assert_adjoint(lambda v: transforms.forward(v, m), weighted, x, y)


def test_one_node_cannot_lie_on_two_walls():
    with pytest.raises(ValueError, match="one node"):
        transforms.modes(1, N, N, "node")


def test_under_transformations(dtype):
    m = transforms.modes(6, D, N, "half")
    x = jnp.asarray(sample(2, 6), dtype)
    assert_transforms(lambda x: transforms.forward(x, m), x)
    assert_transforms(lambda x: transforms.matrix_forward(x, m), x)


@pytest.mark.parametrize("walls", [(D, D, "node"), (D, N, "half"), (N, D, "node")])
def test_lowers_everywhere(walls):
    m = transforms.modes(6, *walls)
    x = jnp.zeros((2, 6), jnp.float32)
    assert_lowers(lambda x: transforms.inverse(transforms.forward(x, m), m), x)

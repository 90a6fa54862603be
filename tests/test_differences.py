"""gradient, divergence, laplacian, biharmonic: what defines them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import PAIRS, REFLECTING, WALLS, WIDE, with_values

from physjax import Dirichlet, Neumann, Periodic
from physjax.operators import (
    biharmonic,
    cell_volumes,
    divergence,
    gradient,
    integrate,
    laplacian,
)

EPS = float(jnp.finfo(WIDE).eps)
TIGHT = 1e-10 if X64 else 1e-4
H = (0.3, 0.7)
SHAPE = (9, 10)
sample = lambda *shape, seed=3: np.random.default_rng(seed).standard_normal(shape)
wide = lambda x: jnp.asarray(x, WIDE)


def weighted_matrices(fn, shape, spacing, bc):
    """Matrices of linear maps of fields, times the volumes of the cells."""
    count = int(np.prod(shape))
    units = np.concatenate([np.eye(count), np.zeros((1, count))])
    images = jax.jit(fn)(wide(units.reshape(-1, *shape)))
    volumes = np.asarray(cell_volumes(shape, spacing, bc, WIDE)).reshape(-1, 1)
    for image in images:
        image = np.asarray(image).reshape(count + 1, count)
        assert not np.any(image[-1])  # no source without values
        yield volumes * image[:-1].T


def assert_symmetric_and_definite(weighted, bc, sign):
    size = np.abs(weighted).max()
    np.testing.assert_allclose(weighted, weighted.T, atol=TIGHT * size * 1e-2)
    eigenvalues = sign * np.linalg.eigvalsh((weighted + weighted.T) / 2)
    assert eigenvalues.min() > -TIGHT * size
    closed = all(isinstance(s, (Periodic, Neumann)) for pair in bc for s in pair)
    null = np.count_nonzero(eigenvalues < 1e-6 * size)
    assert null == (1 if closed else 0)
    if closed:  # constants
        np.testing.assert_allclose(weighted.sum(axis=1), 0, atol=TIGHT * size)


@pytest.mark.parametrize("name", PAIRS)
def test_symmetric_in_the_inner_product_of_the_cells(name):
    bc = [PAIRS[name]]
    orders = (2, 4, 6, 8) if name in REFLECTING else (2,)

    def fns(u):
        simple = [laplacian(u, H[:1], bc, order=order) for order in orders]
        return [*simple, biharmonic(u, H[:1], bc, order=orders[-1])]

    signs = [-1] * len(orders) + [1]
    matrices = weighted_matrices(fns, (10,), H[:1], bc)
    for weighted, sign in zip(matrices, signs, strict=True):
        assert_symmetric_and_definite(weighted, bc, sign)


@pytest.mark.parametrize("bc", [*WALLS.values()][1:4], ids=[*WALLS][1:4])
def test_symmetric_in_two_dimensions(bc):
    fns = lambda u: [laplacian(u, H, bc), biharmonic(u, H, bc)]
    matrices = weighted_matrices(fns, SHAPE, H, bc)
    for weighted, sign in zip(matrices, (-1, 1), strict=True):
        assert_symmetric_and_definite(weighted, bc, sign)


@pytest.mark.parametrize("pair", ["periodic", "node neumann"])
def test_nothing_is_lost_within_closed_walls(pair):
    bc = [PAIRS[pair], PAIRS["half neumann"]]

    @jax.jit
    def totals(u):
        fields = [laplacian(u, H, bc, order=order) for order in (2, 4, 8)]
        fields.append(biharmonic(u, H, bc))
        return [(integrate(w, H, bc), integrate(jnp.abs(w), H, bc)) for w in fields]

    for total, size in totals(wide(sample(2, *SHAPE))):
        assert np.all(np.abs(total) < 1e-2 * TIGHT * size)


@pytest.mark.parametrize("bc", WALLS.values(), ids=WALLS)
def test_the_laplacian_is_the_divergence_of_the_gradient(bc):
    bc = [(with_values(low), with_values(high)) for low, high in bc]

    @jax.jit
    def both(u):
        fluxes = gradient(u, H, bc)
        found, expected = divergence(fluxes, H, bc), laplacian(u, H, bc)
        sums = integrate(expected, H, bc), integrate(jnp.abs(expected), H, bc)
        return fluxes, found, expected, *sums

    fluxes, found, expected, total, size = both(wide(sample(2, *SHAPE)))
    assert [q.shape for q in fluxes] == [(2, 10, 10), (2, 9, 11)]
    bound = 200 * EPS * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=bound)
    # What the cells gain in all is what passes the walls.
    passed = 0.0
    for a, q in enumerate(np.asarray(fluxes[a]) for a in range(2)):
        through = np.take(q, -1, a + 1) - np.take(q, 0, a + 1)
        passed = passed + through @ shares(1 - a, bc)
    assert np.all(np.abs(total - passed) < 1e-2 * TIGHT * size)


def shares(a, bc):
    """Widths of the cells along one axis."""
    return np.asarray(cell_volumes((SHAPE[a],), (H[a],), (bc[a],), WIDE))


@pytest.mark.parametrize("bc", WALLS.values(), ids=WALLS)
def test_divergence_is_minus_the_adjoint_of_gradient(bc):
    """In the inner product of the faces, which own the way between two points."""
    grads = jax.jit(lambda u: gradient(u, H, bc))(wide(sample(*SHAPE)))
    fluxes, left = [], 0.0
    for a, (g, pair) in enumerate(zip(grads, bc, strict=True)):
        q = np.moveaxis(sample(*g.shape, seed=a), a, -1)
        owned = np.full(SHAPE[a] + 1, H[a])
        for i, side in ((0, pair[0]), (-1, pair[1])):
            if isinstance(side, Periodic):
                q[..., 0], owned[i] = q[..., -1], H[a] / 2
            elif isinstance(side, Dirichlet):
                owned[i] = H[a] if side.wall == "node" else H[a] / 2
            else:  # the walls say what flows there
                q[..., i] = 0.0
        left += np.sum(shares(1 - a, bc)[:, None] * owned * q * np.moveaxis(g, a, -1))
        fluxes.append(wide(np.moveaxis(q, -1, a)))
    found = jax.jit(lambda q: divergence(q, H, bc))(fluxes)
    right = np.sum(sample(*SHAPE) * found * cell_volumes(SHAPE, H, bc, WIDE))
    assert abs(left + right) < TIGHT * np.sum(np.abs(found))


def test_periodic_gradient_and_divergence_at_points_are_adjoint():
    bc = [PAIRS["periodic"]] * 2
    u, q = sample(*SHAPE), [sample(*SHAPE, seed=s) for s in (1, 2)]
    grads = gradient(wide(u), H, bc, at="points")
    left = sum(np.sum(a * b) for a, b in zip(q, grads, strict=True))
    right = np.sum(u * divergence([wide(a) for a in q], H, bc, at="points"))
    np.testing.assert_allclose(left, -right, rtol=TIGHT)


def test_any_number_of_axes():
    """Sums of functions of one coordinate: every axis for itself."""
    lines = [sample(n, seed=n) for n in (4, 5, 6)]
    pairs = [PAIRS[name] for name in ("periodic", "half neumann", "node neumann")]
    u = lines[0][:, None, None] + lines[1][:, None] + lines[2]
    spacing = (0.5, 1.0, 2.0)
    found = jax.jit(lambda u: laplacian(u, spacing, pairs))(wide(u))
    single = [
        np.asarray(laplacian(wide(line), (h,), [pair]))
        for line, h, pair in zip(lines, spacing, pairs, strict=True)
    ]
    expected = single[0][:, None, None] + single[1][:, None] + single[2]
    np.testing.assert_allclose(found, expected, atol=500 * EPS * np.abs(expected).max())

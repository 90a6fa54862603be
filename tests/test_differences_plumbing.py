"""gradient, divergence, laplacian, biharmonic under JAX: types, derivatives, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walls import WIDE

from physjax import Dirichlet, Neumann, Periodic, Robin
from physjax.operators import (
    biharmonic,
    cell_volumes,
    divergence,
    gradient,
    integrate,
    laplacian,
)
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

H = (0.5, 0.8)
PERIODIC = (Periodic(), Periodic())
MIXED = [
    [PERIODIC, (Dirichlet(1.5), Robin(2.0, 0.5, 1.0))],
    [
        (Neumann(0.3, wall="node"), Dirichlet(2.0, wall="node")),
        (Robin(1.0, 2.0, 0.5, wall="node"), Neumann(-1.0, wall="node")),
    ],
]
sample = lambda *shape, dtype=WIDE: jnp.asarray(
    np.random.default_rng(3).standard_normal(shape), dtype
)


def everything(u):
    reflecting = [PERIODIC, (Dirichlet(), Neumann())]
    return [
        laplacian(u, H, MIXED[0]),
        laplacian(u, H[:1], reflecting[1:], order=8),
        biharmonic(u, H[:1], MIXED[1][:1]),
        gradient(u, H, MIXED[0]),
        gradient(u, H, MIXED[1], at="points"),
        divergence([u, u], H, MIXED[1], at="points"),
        integrate(u, H, MIXED[1]),
    ]


def test_transforms_and_dtype(dtype):
    assert_transforms(everything, sample(5, 6, dtype=dtype))


def test_lowers_for_machines_that_are_not_here():
    assert_lowers(everything, jax.ShapeDtypeStruct((3, 16, 8), jnp.float32))


@pytest.mark.parametrize("wall", ["half", "node"])
def test_derivatives_in_field_spacing_and_all_values(wall):
    def fn(u, spacing, value, slope, robin):
        bc = [
            (Dirichlet(value, wall=wall), Robin(*robin, wall=wall)),
            (Neumann(slope, wall=wall), Dirichlet(value[0], wall=wall)),
        ]
        faces = gradient(u, spacing, bc)
        points = gradient(u, spacing, bc, at="points")
        parts = [
            laplacian(u, spacing, bc),
            divergence(faces, spacing, bc),
            divergence(points, spacing, bc, at="points"),
            integrate(u, spacing, bc),
            cell_volumes((4, 5), spacing, bc, WIDE),
        ]
        return parts, points

    u = sample(4, 5)
    scalars = lambda *v: tuple(jnp.asarray(x, WIDE) for x in v)
    value, slope = sample(5), sample(4)
    assert_gradients(fn, u, scalars(0.9, 1.1), value, slope, scalars(1.0, 2.0, 3.0))


def test_derivatives_of_high_orders_in_field_and_spacing():
    fn = lambda u, h: [
        laplacian(u, h, [PERIODIC], order=4),
        laplacian(u, h, [(Dirichlet(), Neumann())], order=8),
        biharmonic(u, h, MIXED[1][:1]),
    ]
    assert_gradients(fn, sample(6), (jnp.asarray(0.9, WIDE),))


@pytest.mark.parametrize("bc", MIXED)
def test_batches_values_on_faces_and_traced_conditions(bc):
    u = sample(3, 5, 6)
    compiled = jax.jit(lambda u, h, bc: laplacian(u, h, bc))
    together = compiled(u, tuple(jnp.asarray(h, WIDE) for h in H), bc)
    for i in range(3):
        np.testing.assert_allclose(laplacian(u[i], H, bc), together[i], rtol=1e-4)
    value = sample(3, 5)
    walls = lambda v: [PERIODIC, (Dirichlet(v), Dirichlet(0.0))]
    together = laplacian(u, H, walls(value))
    one = jax.vmap(lambda u, v: laplacian(u, H, walls(v)))(u, value)
    np.testing.assert_allclose(together, one, rtol=1e-4, atol=1e-4)


def test_a_value_moves_the_last_cell_only():
    fn = lambda v: laplacian(jnp.zeros(5, WIDE), (0.5,), [(Neumann(), Dirichlet(v))])
    slope = jax.jacfwd(fn)(jnp.asarray(1.0, WIDE))
    np.testing.assert_allclose(slope, [0, 0, 0, 0, 2 / 0.5**2])


@pytest.mark.parametrize("fn", [laplacian, biharmonic, integrate])
def test_number_types(fn):
    bc = [PERIODIC]
    assert fn(np.arange(4), (1.0,), bc).dtype == jnp.result_type(float)
    for dtype in (jnp.bfloat16, jnp.complex64):
        assert fn(jnp.ones(4, dtype), (1.0,), bc).dtype == dtype
    parts = jax.lax.complex(sample(4), sample(4)[::-1])
    found = fn(parts, (0.3,), [(Dirichlet(1j), Neumann(1.0))])
    expected = fn(parts.real, (0.3,), [(Dirichlet(0.0), Neumann(1.0))])
    np.testing.assert_allclose(found.real, expected, rtol=1e-4)


def test_single_cells():
    """An axis of one cell: two walls and nothing between."""
    u = jnp.full((1, 3), 2.0, WIDE)
    walls = [(Dirichlet(1.0), Dirichlet(1.0)), PERIODIC]
    np.testing.assert_allclose(laplacian(u, (0.5, 1.0), walls), -4 / 0.25)
    assert not np.any(laplacian(u, (0.5, 1.0), [PERIODIC, PERIODIC]))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda u: laplacian(u, (1.0,) * 3, [PERIODIC] * 3),
            ValueError,
            r"`u`.*\(4, 5\)",
        ),
        (lambda u: laplacian(u, (1.0, 1.0), [PERIODIC]), ValueError, "`bc`.*2 axes"),
        (
            lambda u: laplacian(u, (1.0, 0.0), [PERIODIC] * 2),
            ValueError,
            "`spacing`.*0.0",
        ),
        (lambda u: laplacian(u, 1.0, [PERIODIC]), ValueError, "`spacing`.*1.0"),
        (lambda u: laplacian(u, (u,), [PERIODIC]), ValueError, r"`spacing`.*\(4, 5\)"),
        (lambda u: laplacian(u, (), []), ValueError, "`spacing`.*none"),
        (
            lambda u: laplacian(u[:0], (1.0, 1.0), [PERIODIC] * 2),
            ValueError,
            "1 points",
        ),
        (
            lambda u: laplacian(u[:1], (1.0, 1.0), [(Neumann(wall="node"),) * 2] * 2),
            ValueError,
            "2 points",
        ),
        (
            lambda u: laplacian(u, (1.0,), [PERIODIC], order=3),
            ValueError,
            "`order`.*got 3",
        ),
        (
            lambda u: laplacian(u, (1.0,), [(Robin(1.0, 1.0),) * 2], order=4),
            ValueError,
            "`order` 4.*Robin in `bc` 0",
        ),
        (
            lambda u: laplacian(u, (1.0,), [(Dirichlet(1.0),) * 2], order=6),
            ValueError,
            "homogeneous.*Dirichlet",
        ),
        (
            lambda u: laplacian(u[..., :3], (1.0,), [PERIODIC], order=8),
            ValueError,
            "`order` 8 needs at least 4",
        ),
        (lambda u: laplacian("no", (1.0,), [PERIODIC]), TypeError, "`u`"),
        (
            lambda u: laplacian(u, (1.0,), [(Dirichlet(np.ones((2, 3))),) * 2]),
            ValueError,
            r"boundary value of shape \(2, 3\)",
        ),
        (
            lambda u: gradient(u, (1.0,), [PERIODIC], at="nodes"),
            ValueError,
            "`at`.*nodes",
        ),
        (lambda u: divergence([u], (1.0, 1.0)), ValueError, "`flux`.*2 of them"),
        (lambda u: divergence([u, u], (1.0, 1.0)), ValueError, r"`flux`.*\(4, 5\)"),
        (lambda u: divergence([u], (1.0,), at="points"), ValueError, "`bc` is needed"),
        (lambda u: divergence([], ()), ValueError, "`flux`.*none"),
        (lambda u: cell_volumes((3, 3), (1.0,)), ValueError, "`shape`"),
    ],
)
def test_bad_input_names_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call(jnp.ones((4, 5), WIDE))

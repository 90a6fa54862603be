"""Grids, boundary conditions and solutions: the small types everything else uses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax import (
    Dirichlet,
    Grid,
    Neumann,
    NumericsError,
    Periodic,
    Robin,
    Solution,
    throw,
)

GRID = Grid(shape=(4, 3), spacing=(0.5, 2.0), origin=(-1.0, 0.0))


def test_points_are_uniform_from_the_origin(dtype):
    np.testing.assert_allclose(GRID.points(0, dtype), [-1.0, -0.5, 0.0, 0.5])
    assert GRID.points(1, dtype).dtype == dtype
    assert GRID.points(1).dtype == jnp.result_type(float)
    x, y = GRID.mesh(dtype)
    assert x.shape == y.shape == GRID.shape
    assert float(x[2, 0]) == 0.0
    assert float(y[0, 2]) == 4.0
    assert GRID.cell_volume == 1.0


def test_a_grid_is_static():
    same = Grid((4, 3), (0.5, 2.0), (-1.0, 0.0))
    assert hash(GRID) == hash(same)
    assert same == GRID
    assert Grid((4, 3), (0.5, 1.0)) != GRID
    assert jax.tree.leaves(GRID) == []
    assert jax.jit(lambda grid: jnp.zeros(grid.shape))(GRID).shape == (4, 3)
    by_name = jax.jit(lambda grid: jnp.zeros(grid.shape), static_argnums=0)
    assert by_name(GRID).shape == (4, 3)


@pytest.mark.parametrize(
    ("shape", "spacing", "word"),
    [((3,), (1.0, 1.0), "axis"), ((0,), (1.0,), "shape"), ((3,), (0.0,), "spacing")],
)
def test_bad_grids_are_refused(shape, spacing, word):
    with pytest.raises(ValueError, match=word):
        Grid(shape, spacing)


def wall(boundary, u, x_wall, h):
    """Value and outward slope at a wall on the right, from the ghost cell."""
    inner = u(x_wall - h / 2)
    ghost = boundary.ghost(inner, u(0.0), h)
    return (inner + ghost) / 2, (ghost - inner) / h


def test_ghosts_fulfil_their_condition():
    h = 0.1
    u = lambda x: jnp.asarray(1.0 + x**2)
    assert wall(Dirichlet(3.0), u, 1.0, h)[0] == pytest.approx(3.0, rel=1e-6)
    assert wall(Neumann(-2.0), u, 1.0, h)[1] == pytest.approx(-2.0, rel=1e-5)
    value, slope = wall(Robin(2.0, 0.5, 1.5), u, 1.0, h)
    assert 2 * value + 0.5 * slope == pytest.approx(1.5, rel=1e-5)
    assert Periodic().ghost(u(1.0), u(0.0), h) == u(0.0)


def test_robin_holds_the_others_as_limits():
    inner, far, h = jnp.asarray(1.3), jnp.asarray(0.2), 0.1
    for special, general in [
        (Dirichlet(0.7), Robin(1.0, 0.0, 0.7)),
        (Neumann(0.7), Robin(0.0, 1.0, 0.7)),
    ]:
        a, b = special.ghost(inner, far, h), general.ghost(inner, far, h)
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_coefficients_are_continued():
    inner, far = jnp.asarray(1.0), jnp.asarray(2.0)
    assert Periodic().extend(inner, far) == far
    for boundary in (Dirichlet(5.0), Neumann(5.0), Robin(1.0, 1.0, 5.0)):
        assert boundary.extend(inner, far) == inner


def test_boundary_values_are_leaves(dtype):
    inner, far = jnp.ones(3, dtype), jnp.zeros(3, dtype)
    ghost = lambda boundary: boundary.ghost(inner, far, 0.1)
    assert jax.jit(ghost)(Dirichlet(2.0)).dtype == dtype
    assert jax.jacfwd(lambda v: ghost(Dirichlet(v)))(jnp.asarray(2.0, dtype))[0] == 2
    batch = jax.vmap(lambda v: ghost(Dirichlet(v)))(jnp.arange(4, dtype=dtype))
    assert batch.shape == (4, 3)


def test_a_solution_says_how_it_went():
    good = Solution(jnp.ones(2), jnp.zeros(2, jnp.int32), {})
    bad = Solution(jnp.ones(2), jnp.array([0, 1], jnp.int32), {})
    assert good.message == "converged"
    assert throw(good) is good
    with pytest.raises(NumericsError, match="1 of 2 problems failed"):
        throw(bad)
    assert jax.jit(lambda s: s)(bad).message == bad.message
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(throw)(good)

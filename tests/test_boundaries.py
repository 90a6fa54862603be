"""Conditions on faces: walls half a cell away and walls that are nodes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax import Dirichlet, Neumann, Periodic, Robin
from physjax._boundaries import as_value, check_faces

H = 0.1
NODES = [Neumann(-2.0, wall="node"), Robin(2.0, 0.5, 1.5, wall="node")]


def test_a_node_on_the_wall_fulfils_its_condition():
    u = lambda x: jnp.asarray(1.0 + x**2)
    inner, mirror = u(1.0), u(1.0 - H)
    for boundary in NODES:
        assert boundary.half_cell
        ghost = boundary.ghost(inner, u(0.0), H, mirror)
        slope = (ghost - mirror) / (2 * H)
        assert boundary.outward(inner, u(0.0), H) == pytest.approx(
            float(slope), rel=1e-4
        )
        alpha, beta, gamma = (
            (0, 1, -2) if isinstance(boundary, Neumann) else (2, 0.5, 1.5)
        )
        assert alpha * inner + beta * slope == pytest.approx(gamma, rel=1e-4)


def test_a_known_node_is_its_own_ghost():
    wall = Dirichlet(3.0, wall="node")
    assert not wall.half_cell
    assert wall.ghost(jnp.asarray(1.0), jnp.asarray(0.0), H) == 3.0
    assert wall.outward(jnp.asarray(1.0), jnp.asarray(0.0), H) == pytest.approx(20.0)


def test_robin_holds_neumann_on_a_node():
    inner, far, mirror = jnp.asarray(1.3), jnp.asarray(0.2), jnp.asarray(1.1)
    a, b = (
        wall.ghost(inner, far, H, mirror)
        for wall in (Neumann(0.7, "node"), Robin(0.0, 2.0, 1.4, "node"))
    )
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_values_broadcast_over_the_face_and_the_batch(dtype):
    inner = jnp.ones((2, 3), dtype)
    for value in (1.0, jnp.arange(3.0), jnp.ones((2, 1), dtype), np.float32(2)):
        ghost = Dirichlet(value).ghost(inner, inner, H)
        assert ghost.shape == (2, 3)
        assert ghost.dtype == dtype
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3,\)"):
        as_value(inner, inner[0])
    with pytest.raises(TypeError, match="complex"):
        Dirichlet(1j).ghost(inner, inner, H)


def test_the_wall_is_static_and_values_are_leaves():
    wall = Robin(1.0, jnp.ones(3), 0.0, wall="node")
    assert len(jax.tree.leaves(wall)) == 3
    assert jax.jit(lambda wall: wall)(wall).wall == "node"


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("pair", "error", "words"),
    [
        ((Periodic(), Neumann()), ValueError, "`bc` 1 is periodic on one side"),
        ((Dirichlet(), Neumann(wall="node")), ValueError, '`bc` 1.*"half" and "node"'),
        ((Dirichlet(), 0.0), TypeError, "`bc` 1.*got 0.0"),
        ((Dirichlet(),), ValueError, "one .low, high. pair"),
    ],
)
def test_conditions_that_do_not_fit_are_refused(pair, error, words):
    with pytest.raises(error, match=words):
        check_faces([(Periodic(), Periodic()), pair], 2)


def test_the_number_of_pairs_is_checked():
    with pytest.raises(ValueError, match=r"1 of lengths.*2 axes"):
        check_faces([(Periodic(), Periodic())], 2)


@pytest.mark.usefixtures("unchecked")
def test_bad_walls_are_refused_when_they_are_made():
    with pytest.raises(ValueError, match=r"`wall`.*'cell'"):
        Dirichlet(0.0, wall="cell")
    with pytest.raises(ValueError, match=r"`beta`.*Dirichlet"):
        Robin(1.0, 0.0, 1.0, wall="node")
    with pytest.raises(ValueError, match=r"`mirror`"):
        NODES[0].ghost(jnp.ones(()), jnp.ones(()), H)


def test_a_node_wall_accepts_known_and_owned_nodes():
    pair = (Dirichlet(wall="node"), Neumann(wall="node"))
    assert check_faces([pair], 1) == (pair,)

"""The cycle, what it drives, and the transfers between its grids."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES, X64

from physjax import Dirichlet, Neumann, Periodic
from physjax.operators._stencils import make_axes
from physjax.solvers import _coarsening as coarsening
from physjax.solvers._stencil import assemble, hold
from physjax.solvers.multigrid import conjugate_gradients, dense, make_multigrid
from physjax.testing import assert_adjoint

WIDE = DTYPES[-1]
EPS = float(jnp.finfo(WIDE).eps)
NODE = Dirichlet(wall="node")
sample = lambda *shape: jnp.asarray(
    np.random.default_rng(3).standard_normal(shape), WIDE
)


def equation(shape, bc, permittivity=None, spacing=None):
    spacing = (1.0,) * len(shape) if spacing is None else spacing
    axes = make_axes(shape, spacing, bc, WIDE, "rho")
    one = jnp.ones((1,) * len(shape), WIDE)
    rho, epsilon = jnp.zeros(shape, WIDE), one if permittivity is None else permittivity
    make = jax.jit(lambda rho, eps: assemble(rho, axes, eps)[0].full(shape))
    return make(rho, epsilon), axes


def coarse(stencil, axis, start, extra=None):
    fn = jax.jit(coarsening.coarsen, static_argnums=(1, 2, 3))
    return fn(stencil, axis, start, extra)


ONE_AXIS = pytest.mark.parametrize(
    ("n", "walls", "start", "extra"),
    [
        (6, (NODE, NODE), 1, None),
        (7, (NODE, NODE), 1, None),
        (6, (Neumann(wall="node"), NODE), 0, None),
        (7, (Neumann(wall="node"), NODE), 0, None),
        (6, (Neumann(), Dirichlet()), 0, 1),
        (6, (Dirichlet(), Neumann()), 0, 5),
        (6, (Periodic(),) * 2, 0, None),
        (7, (Periodic(),) * 2, 0, 1),
        (7, (Periodic(),) * 2, 0, 7),
    ],
)


@ONE_AXIS
def test_restriction_is_the_transpose_of_interpolation(n, walls, start, extra):
    stencil, _ = equation((n, 3), [walls, (NODE, NODE)], jnp.exp(sample(n, 3)))
    below, transfer = coarse(stencil, -2, start, extra)
    assert below.leaks[0].shape == (transfer.stay, 3)
    x, y = sample(transfer.stay, 3), sample(n, 3)
    assert_adjoint(transfer.prolong, transfer.restrict, x, y)


@ONE_AXIS
def test_in_one_dimension_nothing_is_lost(n, walls, start, extra):
    stencil, _ = equation((n,), [walls], jnp.exp(sample(n)))
    below, transfer = coarse(stencil, -1, start, extra)
    fine = np.asarray(dense(stencil, (n,)))
    stay = np.arange(start, n, 2)
    if extra is not None:
        stay = np.arange(0, n + 1, 2)
        stay = np.where(stay > extra, stay - 1, stay)
    go = np.setdiff1d(np.arange(n), stay)
    schur = fine[np.ix_(stay, stay)] - fine[np.ix_(stay, go)] @ np.linalg.solve(
        fine[np.ix_(go, go)], fine[np.ix_(go, stay)]
    )
    bound = 100 * EPS * np.abs(fine).max()
    np.testing.assert_allclose(dense(below, (len(stay),)), schur, atol=bound)
    if not isinstance(walls[0], Periodic):
        units = jnp.eye(len(stay), dtype=WIDE)
        galerkin = np.asarray(jax.vmap(transfer.prolong)(units))
        np.testing.assert_allclose(galerkin @ fine @ galerkin.T, schur, atol=bound)


def test_the_coarse_grid_of_a_uniform_one_is_uniform():
    stencil, _ = equation((7, 7), [(NODE, NODE)] * 2)
    for axis in (-2, -1):
        stencil, _ = coarse(stencil, axis, 1)
    again, _ = equation((3, 3), [(NODE, NODE)] * 2)
    for a, b in zip(jax.tree.leaves(stencil), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(a, b, rtol=10 * EPS)


def test_the_cycle_is_symmetric_and_positive():
    shape = (9, 8)
    stencil, axes = equation(
        shape, [(NODE, NODE), (Neumann(), Dirichlet())], jnp.exp(sample(*shape))
    )
    units = jnp.eye(72, dtype=WIDE).reshape(72, *shape)
    make = lambda: make_multigrid(stencil, axes, shape)
    cycles = jax.jit(lambda units: jax.vmap(make())(units))
    matrix = np.asarray(cycles(units)).reshape(72, 72)
    np.testing.assert_allclose(matrix, matrix.T, atol=100 * EPS * np.abs(matrix).max())
    assert np.linalg.eigvalsh((matrix + matrix.T) / 2)[0] > 0


CYCLES = {
    "held": ((63, 63), [(NODE, NODE)] * 2, (1.0, 1.0), 0.08),
    "paper grid": ((39, 7), [(NODE, NODE), (Neumann(), Neumann())], (1.0, 1.0), 0.08),
    "even and insulated": ((64, 40), [(Dirichlet(), Neumann())] * 2, (1.0, 1.0), 0.08),
    "odd and periodic": ((65, 33), [(Periodic(),) * 2, (NODE, NODE)], (1.0, 1.0), 0.12),
    "flat cells": ((64, 40), [(NODE, NODE), (Neumann(), Neumann())], (1.0, 1.4), 0.12),
    "closed": ((40, 33), [(Neumann(), Neumann()), (Periodic(),) * 2], (1.0, 1.0), 0.12),
}


@pytest.mark.parametrize(
    ("shape", "bc", "spacing", "most"), CYCLES.values(), ids=CYCLES
)
def test_a_cycle_takes_nine_tenths_of_the_error(shape, bc, spacing, most):
    """In energy, of whatever error is left after many cycles: the slowest one."""
    stencil, axes = equation(shape, bc, spacing=spacing)
    closed = not any(isinstance(side, Dirichlet) for pair in bc for side in pair)

    @jax.jit
    def factors(x):
        cycle = make_multigrid(stencil, axes, shape, singular=closed)
        energy = lambda v: jnp.sum(v * stencil(v))

        def step(x, _):
            y = x - cycle(stencil(x))
            y = y - jnp.mean(y) if closed else y
            return y / jnp.max(jnp.abs(y)), jnp.sqrt(energy(y) / energy(x))

        return jax.lax.scan(step, x, length=25)[1]

    assert np.max(factors(sample(*shape))) < most


@pytest.mark.parametrize("kind", ["uniform", "blocks", "flat cells"])
def test_iterations_to_a_small_residual(kind):
    shape, spacing, epsilon = (63, 63), (1.0, 1.0), jnp.ones((63, 63), WIDE)
    if kind == "blocks":
        block = np.arange(63) // 7
        odd = (block[:, None] + block[None]) % 2
        epsilon = jnp.asarray(np.where(odd, 100.0, 1.0), WIDE)
    if kind == "flat cells":
        spacing = (0.1, 1.0)
    stencil, axes = equation(shape, [(NODE, NODE)] * 2, epsilon, spacing)
    rtol = 1e-8 if X64 else 1e-4

    @jax.jit
    def solve(b):
        cycle = make_multigrid(stencil, axes, shape)
        return conjugate_gradients(
            stencil, b, None, cycle, rtol=rtol, max_iterations=50
        )

    out = solve(sample(*shape))
    most = {"uniform": 12, "blocks": 25, "flat cells": 12}[kind]
    assert int(out.num_iterations) <= most
    assert bool(jnp.all(out.converged))
    assert float(jnp.squeeze(out.residual)) <= 1.5 * rtol


def test_any_preconditioner_gives_the_same_answer():
    stencil, _ = equation((6, 5), [(NODE, NODE)] * 2)
    b = sample(6, 5)
    crooked = lambda r: r + 0.1 * jnp.roll(r, 1, axis=0)

    @ft.partial(jax.jit, static_argnums=0)
    def solve(precondition):
        out = conjugate_gradients(
            stencil, b, None, precondition, rtol=100 * EPS, max_iterations=200
        )
        return out.phi, jnp.all(out.converged)

    (one, done), (other, also) = solve(crooked), solve(lambda r: r)
    assert bool(done & also)
    np.testing.assert_allclose(one, other, atol=1e4 * EPS)


def test_a_held_node_leaves_the_net():
    stencil, axes = equation((7, 6), [(Periodic(),) * 2, (Neumann(), Neumann())])
    free = jnp.ones((7, 6), WIDE).at[3, 1:4].set(0).at[0, 0].set(0)
    u = sample(7, 6)

    @jax.jit
    def both(u):
        held = hold(stencil, free)
        cycle = make_multigrid(held, axes, (7, 6))
        return held(u), free * stencil(free * u), (1 - free) * cycle(free * u)

    by_net, by_mask, outside = both(u)
    np.testing.assert_allclose(by_net, by_mask, atol=100 * EPS)
    np.testing.assert_array_equal(outside, 0)

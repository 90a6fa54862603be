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


def coarse(stencil, axis, start):
    return jax.jit(coarsening.coarsen, static_argnums=(1, 2))(stencil, axis, start)


@pytest.mark.parametrize("n", [6, 7])
@pytest.mark.parametrize(
    "walls",
    [(NODE, NODE), (Neumann(wall="node"), NODE), (Periodic(), Periodic())],
    ids=["from 1", "from 0", "periodic"],
)
def test_restriction_is_the_transpose_of_interpolation(n, walls):
    stencil, _ = equation((n, 3), [walls, (NODE, NODE)], jnp.exp(sample(n, 3)))
    start = int(walls[0] is NODE)
    _, transfer = coarse(stencil, -2, start)
    assert transfer.stay == (n + 1 - start) // 2
    x, y = sample(transfer.stay, 3), sample(n, 3)
    assert_adjoint(transfer.prolong, transfer.restrict, x, y)


@pytest.mark.parametrize("n", [6, 7])
@pytest.mark.parametrize(
    "walls",
    [(NODE, NODE), (Neumann(wall="node"), Dirichlet(wall="node")), (Periodic(),) * 2],
    ids=["from 1", "from 0", "periodic"],
)
def test_in_one_dimension_nothing_is_lost(n, walls):
    stencil, _ = equation((n,), [walls], jnp.exp(sample(n)))
    start = int(walls[0] is NODE)
    below, transfer = coarse(stencil, -1, start)
    fine = np.asarray(dense(stencil, (n,)))
    stay = np.arange(start, n, 2)
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


def test_a_cycle_takes_nine_tenths_of_the_error():
    shape = (63, 63)
    stencil, axes = equation(shape, [(NODE, NODE)] * 2)

    @jax.jit
    def factors(x):
        cycle = make_multigrid(stencil, axes, shape)

        def step(x, _):
            y = x - cycle(stencil(x))
            energy = lambda v: jnp.sum(v * stencil(v))
            return y / jnp.max(jnp.abs(y)), jnp.sqrt(energy(y) / energy(x))

        return jax.lax.scan(step, x, length=10)[1]

    assert np.max(factors(sample(*shape))) < 0.12


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

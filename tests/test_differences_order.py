"""Observed orders of the operators and of what is solved with them, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from walls import PAIRS, REFLECTING, fitted, nodes, same

from physjax import Dirichlet, Neumann, Periodic
from physjax.operators import (
    biharmonic,
    cell_volumes,
    div_sigma_grad,
    divergence,
    gradient,
    integrate,
    laplacian,
    pointwise,
)

WITHIN = {2: 0.1, 4: 0.1, 6: 0.1, 8: 0.2}
SMOOTH = lambda x: jnp.exp(jnp.sin(x[0] + 0.3)) * jnp.cos(0.8 * x[1])
SIGMA = lambda x: 2 + jnp.sin(x[0] - x[1])
FLOW = lambda x: jnp.stack([jnp.sin(x[0]) * x[1], jnp.exp(x[0] * x[1] / 2)])
CENTRED = [same(Dirichlet())] * 2


def grid(*axes):
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1)


def sampled(fn, x):
    """A function of a point on a grid of points."""
    return jax.vmap(jax.vmap(fn))(x)


def rms(error):
    return jnp.sqrt(jnp.mean(error**2))


def assert_orders(measure, sizes, orders):
    """`measure(n)` gives one error per entry of `orders`."""
    coarse, fine = (np.asarray(jax.jit(measure, static_argnums=0)(n)) for n in sizes)
    for a, b, order in zip(coarse, fine, orders, strict=True):
        assert abs(np.log(a / b) / np.log(sizes[1] / sizes[0]) - order) < WITHIN[order]


def test_interior_order_of_laplacian_and_diffusion():
    """Against the same operators on the functions themselves."""

    def measure(n):
        h = 4.0 / n
        x = (jnp.arange(n, dtype=float) + 0.5) * h
        x = grid(x, x)
        u, sigma = sampled(SMOOTH, x), sampled(SIGMA, x)
        inside = (slice(3 * n // 8, 5 * n // 8),) * 2
        exact = sampled(pointwise.laplacian(SMOOTH), x)
        diffusion = sampled(pointwise.div_sigma_grad(SMOOTH, SIGMA), x)
        errors = [
            laplacian(u, (h, h), CENTRED, order=order) - exact for order in WITHIN
        ]
        errors += [
            div_sigma_grad(u, sigma, (h, h), CENTRED, faces=faces) - diffusion
            for faces in ("harmonic", "arithmetic")
        ]
        return [rms(error[inside]) for error in errors]

    assert_orders(measure, (32, 64), [2, 4, 6, 8, 2, 2])


def test_interior_order_of_the_biharmonic_operator():
    u = lambda x: jnp.exp(jnp.sin(x[0]))

    def measure(n):
        h = 6.0 / n
        x = (jnp.arange(n, dtype=float) + 0.5) * h
        exact = jax.vmap(pointwise.biharmonic(u, mode="taylor"))(x[:, None])
        inside = slice(3 * n // 8, 5 * n // 8)
        values = jax.vmap(u)(x[:, None])
        return [
            rms((biharmonic(values, (h,), CENTRED[:1], order=order) - exact)[inside])
            for order in (2, 4, 6)
        ]

    assert_orders(measure, (48, 96), [2, 4, 6])


@pytest.mark.parametrize("at", ["faces", "points"])
def test_order_of_gradient_and_divergence(at):
    def measure(n):
        h = 1.0 / n
        centres = (jnp.arange(n, dtype=float) + 0.5) * h
        walls = jnp.arange(n + 1, dtype=float) * h
        places = [grid(walls, centres), grid(centres, walls)]
        if at == "points":
            places = [grid(centres, centres)] * 2
        inside = (slice(2, -2),) * 2
        errors = []
        found = gradient(
            sampled(SMOOTH, grid(centres, centres)), (h, h), CENTRED, at=at
        )
        for a, (g, x) in enumerate(zip(found, places, strict=True)):
            exact = sampled(pointwise.gradient(SMOOTH), x)[..., a]
            errors.append(rms((g - exact)[inside]))
        fluxes = [sampled(FLOW, x)[..., a] for a, x in enumerate(places)]
        exact = sampled(pointwise.divergence(FLOW), grid(centres, centres))
        error = divergence(fluxes, (h, h), CENTRED, at=at) - exact
        return [*errors, rms(error if at == "faces" else error[inside])]

    assert_orders(measure, (20, 40), [2, 2, 2])


@pytest.mark.parametrize("wall", ["half", "node"])
def test_order_of_the_integral(wall):
    pair = same(Neumann(wall=wall))
    u = lambda x: jnp.exp(x[0] - x[1] / 2)
    exact = pointwise.integrate(u, [0.0, 0.0], [1.0, 1.0])

    def measure(n):
        x, h = nodes(pair, n)
        return [
            jnp.abs(integrate(sampled(u, grid(x, x)), (h, h), [pair, pair]) - exact)
        ]

    assert_orders(measure, (20, 40), [2])


def even_or_odd(pair):
    """A function on [0, 1] with the symmetry of a pair of walls."""
    if isinstance(pair[0], Periodic):
        return lambda x: jnp.sin(2 * jnp.pi * x) + jnp.cos(4 * jnp.pi * x) / 3
    odd = [isinstance(side, Dirichlet) for side in pair]
    wave = jnp.sin if odd[0] else jnp.cos
    if odd[0] != odd[1]:  # a quarter of a wave more
        return lambda x: wave(1.5 * jnp.pi * x) + wave(2.5 * jnp.pi * x) / 3
    return lambda x: wave(jnp.pi * x) * (2 + jnp.cos(2 * jnp.pi * x))


@pytest.mark.parametrize("name", REFLECTING)
def test_high_orders_hold_up_to_the_walls_for_functions_of_that_symmetry(name):
    pair = PAIRS[name]
    u = even_or_odd(pair)

    def measure(n):
        x, h = nodes(pair, n)
        exact = jax.vmap(jax.grad(jax.grad(u)))(x)
        errors = [
            laplacian(u(x), (h,), [pair], order=order) - exact for order in WITHIN
        ]
        return [jnp.max(jnp.abs(error)) for error in errors]

    assert_orders(measure, (24, 48), WITHIN)


@pytest.mark.parametrize("name", PAIRS)
def test_solutions_of_boundary_value_problems_are_of_order_two(name):
    """Both for the Laplacian and for a coefficient, solved as dense systems."""
    pair = PAIRS[name]
    u = lambda x: jnp.exp(jnp.sin(2 * jnp.pi * x))
    if name != "periodic":
        u = lambda x: jnp.exp(x) * jnp.cos(2 * x)
    sigma = lambda x: 2 + jnp.cos(2 * jnp.pi * x)
    slope = jax.grad(u)
    ends = [fitted(pair[0], u(0.0), -slope(0.0)), fitted(pair[1], u(1.0), slope(1.0))]
    bc = [tuple(ends)]
    free = all(isinstance(side, (Periodic, Neumann)) for side in pair)

    def measure(n):
        x, h = nodes(pair, n)
        errors = []
        for coefficient in (jnp.ones_like, sigma):
            s = coefficient(x)
            fn = lambda v, s=s: div_sigma_grad(v, s, (h,), bc, faces="arithmetic")
            source = fn(jnp.zeros_like(x))
            a = jax.vmap(fn)(jnp.eye(x.size)).T - source[:, None]
            flux = lambda x, c=coefficient: c(x) * slope(x)
            f = jax.vmap(jax.grad(flux))(x) - source
            if free:  # the constant is free: give the solution the mean of u
                w = cell_volumes(x.shape, (h,), bc)
                f = f - jnp.sum(w * f) / jnp.sum(w) + jnp.sum(w * u(x))
                a = a + w[None, :]
            errors.append(jnp.max(jnp.abs(jnp.linalg.solve(a, f) - u(x))))
        return errors

    assert_orders(measure, (80, 160), [2, 2])


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "periodic"])
def test_a_linear_flux_at_points_has_an_exact_divergence(name):
    pair = tuple(
        Neumann(flux, side.wall) if isinstance(side, Neumann) else side
        for side, flux in zip(PAIRS[name], (-1.0, 4.0), strict=True)
    )
    x, h = nodes(pair, 9)
    found = divergence([3 * x + 1], (h,), [pair], at="points")
    np.testing.assert_allclose(found, 3.0, rtol=1e-12)

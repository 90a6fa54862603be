"""div_sigma_grad, dirichlet_energy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from walls import PAIRS, WALLS, WIDE, nodes, with_values

from physjax import Dirichlet, Neumann, Periodic
from physjax.operators import (
    cell_volumes,
    dirichlet_energy,
    div_sigma_grad,
    integrate,
    laplacian,
    pointwise,
)
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

EPS = float(jnp.finfo(WIDE).eps)
TIGHT = 1e-10 if X64 else 1e-4
H = (0.3, 0.7)
SHAPE = (5, 6)
sample = lambda *shape, seed=3: jnp.asarray(
    np.random.default_rng(seed).standard_normal(shape), WIDE
)
SIGMA = jnp.exp(sample(*SHAPE, seed=7))


@pytest.mark.parametrize("bc", WALLS.values(), ids=WALLS)
def test_symmetric_and_the_gradient_of_its_energy(bc):
    filled = [(with_values(low), with_values(high)) for low, high in bc]
    units = jnp.eye(30, dtype=WIDE).reshape(30, *SHAPE)
    u = sample(2, *SHAPE)

    @jax.jit
    def measure(u):
        images = [
            div_sigma_grad(units, SIGMA, H, bc, faces=faces)
            for faces in ("harmonic", "arithmetic")
        ]
        force = [
            jax.grad(
                lambda u, faces=faces: jnp.sum(
                    dirichlet_energy(u, SIGMA, H, filled, faces=faces)
                )
            )(u)
            for faces in ("harmonic", "arithmetic")
        ]
        flow = [
            div_sigma_grad(u, SIGMA, H, filled, faces=faces)
            for faces in ("harmonic", "arithmetic")
        ]
        return images, force, flow, dirichlet_energy(u, SIGMA, H, bc)

    images, forces, flows, energy = measure(u)
    volumes = np.asarray(cell_volumes(SHAPE, H, bc, WIDE))
    closed = all(isinstance(s, (Periodic, Neumann)) for pair in bc for s in pair)
    for image, force, flow in zip(images, forces, flows, strict=True):
        weighted = (np.asarray(image) * volumes).reshape(30, 30)
        size = np.abs(weighted).max()
        np.testing.assert_allclose(weighted, weighted.T, atol=TIGHT * size * 1e-2)
        eigenvalues = np.linalg.eigvalsh((weighted + weighted.T) / 2)
        assert eigenvalues.max() < TIGHT * size
        assert np.count_nonzero(eigenvalues > -1e-6 * size) == int(closed)
        expected = -np.asarray(flow) * volumes
        bound = TIGHT * np.abs(expected).max()
        np.testing.assert_allclose(force, expected, atol=bound)
    assert np.all(energy > 0)


@pytest.mark.parametrize("bc", WALLS.values(), ids=WALLS)
def test_a_constant_coefficient_is_a_factor(bc):
    bc = [(with_values(low), with_values(high)) for low, high in bc]
    u = sample(2, *SHAPE)
    fn = jax.jit(lambda u: (div_sigma_grad(u, 2.5, H, bc), laplacian(u, H, bc)))
    found, plain = fn(u)
    np.testing.assert_allclose(found, 2.5 * plain, atol=500 * EPS * np.abs(plain).max())


@pytest.mark.parametrize("pair", ["periodic", "half neumann", "node neumann"])
def test_nothing_is_lost_within_closed_walls(pair):
    bc = [PAIRS[pair], PAIRS["node neumann"]]
    out = div_sigma_grad(sample(2, *SHAPE), SIGMA, H, bc)
    size = integrate(jnp.abs(out), H, bc)
    assert np.all(np.abs(integrate(out, H, bc)) < 1e-2 * TIGHT * size)


def test_harmonic_faces_are_exact_for_layers():
    """Two layers between walls: the potential of two resistors in series."""
    sigma = jnp.asarray([3.0] * 4 + [1.0] * 4, WIDE)
    x, h = nodes(PAIRS["half dirichlet"], 8)
    flux = 1 / (0.5 / 3 + 0.5)
    u = jnp.where(x < 0.5, flux * x / 3, 1 - flux * (1 - x))
    walls = [(Dirichlet(0.0), Dirichlet(1.0))]
    found = div_sigma_grad(u, sigma, (h,), walls)
    np.testing.assert_allclose(found, 0, atol=1e3 * EPS / h)
    energy = dirichlet_energy(u, sigma, (h,), walls)
    np.testing.assert_allclose(energy, flux / 2, rtol=100 * EPS)
    other = div_sigma_grad(u, sigma, (h,), walls, faces="arithmetic")
    assert np.max(np.abs(other)) > 1


def test_an_insulator_takes_no_flux():
    sigma = jnp.asarray([1.0, 1.0, 0.0, 0.0, 2.0], WIDE)
    fn = lambda s: div_sigma_grad(sample(5), s, (0.1,), [PAIRS["half neumann"]])
    out, slopes = jax.jit(lambda s: (fn(s), jax.jacrev(fn)(s)))(sigma)
    assert out[2] == out[3] == out[4] == 0
    assert np.all(np.isfinite(slopes))


def test_the_energy_is_the_integral():
    u = lambda x: jnp.exp(x[0]) * jnp.cos(x[1])
    sigma = lambda x: 1 + x[0] * x[1]
    exact = pointwise.dirichlet_energy(u, sigma, [0.0, 0.0], [1.0, 1.0])
    n = 64
    x, h = nodes(PAIRS["node neumann"], n)
    x = jnp.stack(jnp.meshgrid(x, x, indexing="ij"), -1)
    values, coefficient = (jax.vmap(jax.vmap(fn))(x) for fn in (u, sigma))
    bc = [PAIRS["node neumann"]] * 2
    found = jax.jit(
        lambda u, s: dirichlet_energy(u, s, (h, h), bc, faces="arithmetic")
    )(values, coefficient)
    np.testing.assert_allclose(found, exact, rtol=1 / n**2)


# Plumbing.

BC = [
    (Neumann(0.3, wall="node"), Dirichlet(2.0, wall="node")),
    (Dirichlet(1.0), PAIRS["half robin"][1]),
]


def test_transforms_and_dtype(dtype):
    fn = lambda u, s: (
        div_sigma_grad(u, jnp.exp(s), H, BC),
        dirichlet_energy(u, jnp.exp(s), H, [PAIRS["periodic"], BC[0]]),
    )
    arguments = [sample(*SHAPE, seed=s).astype(dtype) for s in (1, 2)]
    assert_transforms(fn, *arguments)
    assert_lowers(fn, *[jax.ShapeDtypeStruct((3, 8, 8), jnp.float32)] * 2)


@pytest.mark.parametrize("faces", ["harmonic", "arithmetic"])
def test_derivatives_in_field_coefficient_spacing_and_values(faces):
    def fn(u, sigma, spacing, value, slope):
        bc = [
            (Neumann(slope, wall="node"), Dirichlet(value, wall="node")),
            (Dirichlet(slope[0]), Neumann(value[0])),
        ]
        return (
            div_sigma_grad(u, sigma, spacing, bc, faces=faces),
            dirichlet_energy(u, sigma, spacing, bc, faces=faces),
        )

    h = tuple(jnp.asarray(x, WIDE) for x in (0.9, 1.1))
    value, slope = sample(6, seed=5), sample(6, seed=6)
    # The walls of the second axis take single values.
    assert_gradients(fn, sample(*SHAPE), SIGMA, h, value, slope)


def test_batches_share_a_coefficient_or_have_their_own():
    u = sample(3, *SHAPE)
    many = jnp.exp(sample(3, *SHAPE, seed=5))
    both = lambda u, s: (
        div_sigma_grad(u, SIGMA, H, BC),
        div_sigma_grad(u, s, H, BC),
        dirichlet_energy(u, s, H, BC),
    )
    together, one_by_one = jax.jit(lambda *x: (both(*x), jax.vmap(both)(*x)))(u, many)
    for a, b in zip(together, one_by_one, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_number_types():
    bc = [PAIRS["half mixed"]]
    u = sample(6)
    admittivity = jax.lax.complex(jnp.ones_like(u), u)
    found = div_sigma_grad(u, admittivity, (0.5,), bc, faces="arithmetic")
    expected = div_sigma_grad(u, 1.0, (0.5,), bc)
    assert found.dtype == admittivity.dtype
    np.testing.assert_allclose(found.real, expected, rtol=1e-4)
    assert div_sigma_grad(u, np.ones(6, np.float32), (0.5,), bc).dtype == WIDE
    assert dirichlet_energy(admittivity, 1.0, (0.5,), bc).dtype == WIDE
    half = jnp.ones(6, jnp.bfloat16)
    assert div_sigma_grad(half, half, (0.5,), bc).dtype == jnp.bfloat16


@pytest.mark.usefixtures("unchecked")
def test_bad_input_names_the_argument():
    u, bc = sample(*SHAPE), [PAIRS["periodic"]] * 2
    with pytest.raises(ValueError, match=r"`sigma`.*\(4,\).*\(5, 6\)"):
        div_sigma_grad(u, jnp.ones(4), H, bc)
    with pytest.raises(ValueError, match=r"`sigma`.*more axes"):
        div_sigma_grad(u, jnp.ones((1, 2, 5, 6)), H, bc)
    with pytest.raises(ValueError, match=r"`faces`.*geometric"):
        div_sigma_grad(u, u, H, bc, faces="geometric")
    with pytest.raises(TypeError, match=r"`sigma` must be real"):
        dirichlet_energy(u, 1j, H, bc)

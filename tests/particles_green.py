"""A Poisson solver for the tests of particles: the inverse of the 5-point matrix."""

import jax.numpy as jnp
import numpy as np

SILICON = 11.7 * 8.8541878128e-14
GALLIUM_ARSENIDE = 12.9 * 8.8541878128e-14


def dense_green(device, permittivity, dtype=jnp.float32):
    """`solver(charge, potentials)` for contacts at the ends of x, walls along y."""
    (nx, ny), (dx, dy) = device.shape, device.spacing
    half = np.ones(ny)
    half[[0, -1]] = 0.5
    along = 2 * np.eye(nx - 2) - np.eye(nx - 2, k=1) - np.eye(nx - 2, k=-1)
    across = np.diag(np.r_[1.0, 2 * np.ones(ny - 2), 1.0])
    across -= np.eye(ny, k=1) + np.eye(ny, k=-1)
    matrix = np.kron(along, np.diag(half)) * dy / dx
    matrix += np.kron(np.eye(nx - 2), across) * dx / dy
    volume = np.tile(half * dx * dy, nx - 2)
    green = np.linalg.inv(matrix) * volume / permittivity
    green = jnp.asarray(green, dtype)
    place = jnp.asarray(np.arange(1, nx - 1) / (nx - 1), dtype)[:, None]

    def solve(charge, potentials):
        first, last = potentials
        flat = jnp.matmul(green, charge[1:-1].reshape(-1), precision="highest")
        inner = flat.reshape(nx - 2, ny) + first * (1 - place) + last * place
        edge = lambda value: jnp.full((1, ny), value)
        return jnp.concatenate([edge(first), inner, edge(last)])

    return solve

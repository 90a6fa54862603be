"""The silicon device of the particle benchmarks: its Green's function and its start."""

import jax.numpy as jnp
import numpy as np

from physjax.simulators.particles import ParticleDevice
from physjax.solvers.drift_diffusion import Device1D, solve_drift_diffusion

PERMITTIVITY = 11.7 * 8.8541878128e-14
MOBILITY = (800.0, 300.0)


def green_matrix(device: ParticleDevice, permittivity: float = PERMITTIVITY):
    """Potential on the inner nodes per charge density on them, V cm^3 / C, float64."""
    (nx, ny), (dx, dy) = device.shape, device.spacing
    half = np.ones(ny)
    half[[0, -1]] = 0.5
    along = 2 * np.eye(nx - 2) - np.eye(nx - 2, k=1) - np.eye(nx - 2, k=-1)
    across = np.diag(np.r_[1.0, 2 * np.ones(ny - 2), 1.0])
    across -= np.eye(ny, k=1) + np.eye(ny, k=-1)
    matrix = np.kron(along, np.diag(half)) * dy / dx
    matrix += np.kron(np.eye(nx - 2), across) * dx / dy
    return np.linalg.inv(matrix) * np.tile(half * dx * dy, nx - 2) / permittivity


def with_green(device: ParticleDevice, dtype=jnp.float32):
    """`solver(charge, potentials)` by the dense Green's function."""
    (nx, ny), matrix = device.shape, jnp.asarray(green_matrix(device), dtype)
    place = jnp.asarray(np.arange(1, nx - 1) / (nx - 1), dtype)[:, None]

    def solve(charge, potentials):
        first, last = potentials
        flat = jnp.matmul(matrix, charge[1:-1].reshape(-1), precision="highest")
        inner = flat.reshape(nx - 2, ny) + first * (1 - place) + last * place
        edge = lambda value: jnp.full((1, ny), value)
        return jnp.concatenate([edge(first), inner, edge(last)])

    return solve


def start_density(device: ParticleDevice, bias: float):
    """Electrons and holes of drift-diffusion on the nodes, cm^-3. Needs float64."""
    nx, ny = device.shape
    fine = 10
    x = np.linspace(0, device.length, fine * (nx - 1) + 1)
    coarse = np.arange(nx) * device.spacing[0]
    doping = np.where(x < device.length / 2, -1.0, 1.0) * float(
        jnp.abs(device.doping[0, 0])
    )
    one = Device1D(x, doping, 11.7, float(device.intrinsic), *MOBILITY)
    value = solve_drift_diffusion(one, [bias]).value
    carriers = [value.electron_density[0], value.hole_density[0]]
    rows = [np.interp(coarse, x, np.asarray(n)) for n in carriers]
    return np.repeat(np.stack(rows)[..., None], ny, axis=-1)

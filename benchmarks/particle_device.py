"""The silicon device of the particle benchmarks, and its start."""

import jax.numpy as jnp
import numpy as np

from physjax._constants import VACUUM_PERMITTIVITY_CM
from physjax.simulators.particles import ParticleDevice
from physjax.solvers.drift_diffusion import Device1D, solve_drift_diffusion

PERMITTIVITY = 11.7 * VACUUM_PERMITTIVITY_CM
MOBILITY = (800.0, 300.0)


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

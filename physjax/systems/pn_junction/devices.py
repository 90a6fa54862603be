"""What the particles of this system move in, and what solves for their potential."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._constants import VACUUM_PERMITTIVITY_CM
from ...simulators import particles as P
from ...solvers import Device1D, solve_drift_diffusion
from ...solvers.poisson_solvers import MultigridSolver, PoissonSolver, Refined
from .learned import MultilevelNet

SolverName = Literal["exact", "learned", "refined"]
SOLVERS: tuple[SolverName, ...] = get_args(SolverName)
_DENSE = 8192
"""Nodes up to which a linear solver of a fixed device is kept as its matrix."""


class Setup(NamedTuple):
    """A device with all that a run needs but its Poisson solver.

    Attributes:
        device: Grid, doping and weight of a particle.
        permittivity: On the nodes, F/cm.
        transport: Transport model.
        contacts: Contact model.
        dt: Length of a step, s.
        layers: The same device for drift-diffusion, or None where that does not apply.
        slots: Capacity per species at each bias, where it is known.
    """

    device: P.ParticleDevice
    permittivity: Float[np.ndarray, "nx ny"]
    transport: Any
    contacts: Any
    dt: float
    layers: Device1D | None = None
    slots: Callable[[Any], np.ndarray] | None = None


def silicon(per_cell: float | int) -> Setup:
    """0.4 um of silicon, 1e17 / 1e17 cm^-3, mobilities 800 and 300, no traps."""
    device = P.pn_device(per_cell=per_cell)
    x = np.linspace(0.0, device.length, 401)
    middle = device.length / 2
    doping = np.where(x < middle, -1e17, 1e17) * (np.abs(x - middle) > 1e-12)
    layers = Device1D(x, doping, 11.7, 1e10, 800.0, 300.0)
    return Setup(
        device,
        np.full(device.shape, 11.7 * VACUUM_PERMITTIVITY_CM),
        P.Overdamped(jnp.array([800.0, 300.0], jnp.float32)),
        P.GhostSlab(),
        2.5e-15,
        layers,
    )


def gallium_arsenide(per_cell: float | int = 8) -> Setup:
    """The published device, by ensemble Monte Carlo in steps of 10 fs.

    Between ghost slabs: the published refill of the contacts runs away above 1.7 V.
    """
    device = P.gaas_device(per_cell=per_cell)
    return Setup(
        device,
        np.full(device.shape, P.GAAS_PERMITTIVITY),
        P.GalliumArsenide(1e17),
        P.GhostSlab(),
        P.PUBLISHED_STEP,
        slots=lambda volts: P.gaas_slots(volts, per_cell),
    )


def make_solver(name: SolverName, setup: Setup, net: Any) -> PoissonSolver:
    """The exact solver of a device, a network, or a network refined.

    A linear network on a fixed device is a matrix: it is kept as that, which is as fast
    as the exact solver. Refinement goes on to a residual of 1e-5 in float32.

    Args:
        name: Which.
        setup: The device.
        net: `MultilevelNet`, or a network that is a `PoissonSolver` itself.
    """
    device, epsilon = setup.device, setup.permittivity
    if name == "exact" and np.prod(device.shape) <= _DENSE:
        return P.exact_solver(device, epsilon)
    labels = P.contact_labels(device.shape)
    grid = (device.shape, device.spacing, P.WALLS)
    options = {"permittivity": epsilon, "electrodes": labels, "dtype": jnp.float32}
    if name == "exact":
        return MultigridSolver(*grid, **options)
    learned: PoissonSolver = net
    if isinstance(net, MultilevelNet):
        learned = net.on(*grid, **options)
        if np.prod(device.shape) <= _DENSE:
            learned = as_matrix(learned, device.shape)
    if name == "learned":
        return learned
    return Refined(cast(Any, learned), MultigridSolver(*grid, **options))


class MatrixSolver(eqx.Module):
    """A `PoissonSolver` that is linear, as its matrix: rows are nodes and contacts."""

    charge: Float[Array, "inputs nodes"]
    contact: Float[Array, "contacts nodes"]

    def __call__(
        self,
        rho: Float[Array, "*batch nx ny"],
        voltages: Float[Array, "*batch contacts"] | None = None,
        guess: Float[Array, "*batch nx ny"] | None = None,
    ) -> Float[Array, "*batch nx ny"]:
        """Potential of all nodes; grounded contacts without voltages."""
        del guess
        flat = rho.reshape(*rho.shape[:-2], -1).astype(self.charge.dtype)
        phi = jnp.matmul(flat, self.charge, precision="highest")
        if voltages is not None:
            voltages = voltages.astype(self.contact.dtype)
            phi = phi + jnp.matmul(voltages, self.contact, precision="highest")
        return phi.reshape(rho.shape)


def as_matrix(solver: PoissonSolver, shape: tuple[int, int]) -> MatrixSolver:
    """The answers of a linear solver to unit charges and unit voltages."""
    n = int(np.prod(shape))
    unit = jnp.eye(n, dtype=jnp.float32).reshape(n, *shape)
    volts = jnp.eye(2, dtype=jnp.float32)
    # A unit charge is 1 C/cm^3, which is huge; linearity makes that no matter.
    apply = jax.jit(lambda rho, v: solver(rho, v))
    batch = 512
    rows = [
        apply(
            unit[i : i + batch], jnp.zeros((len(unit[i : i + batch]), 2), volts.dtype)
        )
        for i in range(0, n, batch)
    ]
    contact = apply(jnp.zeros((2, *shape), volts.dtype), volts)
    charge = jnp.concatenate(rows).reshape(n, n)
    return MatrixSolver(charge, contact.reshape(2, n))


def drift_diffusion_current(
    setup: Setup, biases: Float[np.ndarray, " b"]
) -> Float[np.ndarray, " b"]:
    """Current, A/cm^2, of the same layers by drift-diffusion.

    Raises:
        ValueError: If the setup has no layers.
        NumericsError: If a bias was not reached.
    """
    if setup.layers is None:
        raise ValueError("`setup` has no layers for drift-diffusion.")
    with jax.enable_x64(True):
        value = solve_drift_diffusion(setup.layers, biases, throw=True).value
        return np.asarray(value.current_density)


def start_density(
    setup: Setup, biases: Float[np.ndarray, " b"]
) -> Float[np.ndarray, "b 2 nx ny"]:
    """Electrons and holes to begin with: of drift-diffusion, or what is neutral."""
    device = setup.device
    if setup.layers is None:
        neutral = np.asarray(P.neutral_density(device))
        return np.broadcast_to(neutral, (len(biases), *neutral.shape))
    x = np.arange(device.shape[0]) * device.spacing[0]
    fine = np.asarray(setup.layers.x)
    with jax.enable_x64(True):
        state = solve_drift_diffusion(setup.layers, biases, throw=True).value
        pair = [np.asarray(a) for a in (state.electron_density, state.hole_density)]
    rows = np.array([[np.interp(x, fine, row) for row in rows] for rows in pair])
    rows = np.repeat(rows.swapaxes(0, 1)[..., None], device.shape[1], axis=-1)
    return cast(np.ndarray, rows)

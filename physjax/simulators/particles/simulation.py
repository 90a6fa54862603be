"""One step of the particles in their own field, and the run: a scan of steps."""

import functools as ft
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from ..._constants import ELEMENTARY_CHARGE as Q
from ..._errors import NumericsError
from .current import Current, current_of_step
from .grid import Method, deposit, electric_field, gather
from .state import ParticleDevice, Particles, scatter_carriers

PoissonSolver = Callable[[Array, Array], Array]


class Fields(NamedTuple):
    """Fields on the nodes at the beginning of a step, or their mean over a run.

    Attributes:
        density: Of electrons and holes, cm^-3.
        potential: V.
    """

    density: Float[Array, "2 nx ny"]
    potential: Float[Array, "nx ny"]


class Run(NamedTuple):
    """What `simulate` returns.

    Attributes:
        particles: The particles after the last step.
        current: Currents and the ledger of every step.
        mean: Fields averaged over the run.
    """

    particles: Particles
    current: Current
    mean: Fields


def begin(
    key: PRNGKeyArray,
    device: ParticleDevice,
    transport: Any,
    density: Float[Array, "2 nx ny"],
    *,
    slots: int,
    dtype: Any = jnp.float32,
) -> Particles:
    """Particles of a given density in local equilibrium.

    Args:
        key: Random key.
        device: The device.
        transport: Transport model; it draws the velocities.
        density: Of electrons and holes on the nodes, cm^-3: of `neutral_density`, or
            of a drift-diffusion solution.
        slots: Capacity per species. Besides the carriers that the device will hold,
            the contacts need room for their reservoirs.
        dtype: Floating type of the run.

    Example:
        >>> from physjax.simulators.particles import Overdamped, pn_device
        >>> device = pn_device(per_cell=4)
        >>> model = Overdamped(jnp.array([800.0, 300.0]))
        >>> density = neutral_density(device)
        >>> begin(jax.random.key(0), device, model, density, slots=1000).count.tolist()
        [624, 624]
    """
    particles = scatter_carriers(key, device, density, slots, dtype)
    motion = transport.rest(key, particles.x.shape, device.thermal_voltage, dtype)
    return Particles(
        particles.x,
        particles.y,
        particles.alive,
        motion,
        particles.time,
        particles.overflow,
    )


def neutral_density(device: ParticleDevice) -> Float[Array, "2 nx ny"]:
    """Electrons and holes that neutralise the doping node by node, cm^-3."""
    return jnp.stack([jnp.maximum(device.doping, 0), jnp.maximum(-device.doping, 0)])


def fields(
    device: ParticleDevice,
    solver: PoissonSolver,
    particles: Particles,
    potentials: Float[Array, "2"],
    *,
    method: Method = "auto",
) -> Fields:
    """Densities and potential of the particles as they stand.

    Args:
        device: The device.
        solver: Poisson solver.
        particles: The particles.
        potentials: Of the two contacts, V; `ParticleDevice.contact_potentials`.
        method: How charge is deposited; see `deposit`.
    """
    dtype = particles.x.dtype
    amount = particles.alive.astype(dtype)
    sums = jax.vmap(
        lambda x, y, a: deposit(x, y, a, device.shape, device.spacing, method=method)
    )(particles.x, particles.y, amount)
    weight, volumes = jnp.asarray(device.weight, dtype), device.volumes.astype(dtype)
    density = sums * (weight / volumes)[None]
    charge = density[1] - density[0] + device.doping.astype(dtype)
    return Fields(density, solver(Q * charge, potentials.astype(dtype)).astype(dtype))


def step(
    key: PRNGKeyArray,
    device: ParticleDevice,
    transport: Any,
    contacts: Any,
    solver: PoissonSolver,
    particles: Particles,
    potentials: Float[Array, "2"],
    *,
    dt: float | Float[Array, ""],
    method: Method = "auto",
) -> tuple[Particles, Current, Fields]:
    """One step of length `dt`; arguments as in `simulate`.

    Returns:
        The particles after it, its current, and the fields they moved in.
    """
    return _step(
        None,
        key,
        device,
        transport,
        contacts,
        solver,
        particles,
        potentials,
        dt=dt,
        method=method,
    )


def _step(
    always, key, device, transport, contacts, solver, particles, potentials, dt, method
):
    key = jax.random.fold_in(key, particles.time)
    now = fields(device, solver, particles, potentials, method=method)
    dtype = particles.x.dtype
    vt, dt = jnp.asarray(device.thermal_voltage, dtype), jnp.asarray(dt, dtype)
    before = contacts.place(key, device, transport, particles, dt)
    field = electric_field(now.potential, device.spacing)
    at = gather(before.x, before.y, field, device.spacing, method=method)
    moves, motion = transport.advance(
        key,
        particles.motion,
        before.fresh,
        at,
        dt,
        vt,
        present=particles.alive | before.fresh,
        start=before.x,
        ends=device.length if contacts.absorbing else None,
        once=ft.partial(_once, always),
    )
    after = contacts.settle(
        key, device, transport, before, particles.alive, moves, motion
    )
    moved = Particles(
        after.x,
        after.y,
        after.alive,
        after.motion,
        particles.time + 1,
        particles.overflow | before.overflow | after.overflow,
    )
    return moved, current_of_step(device, after, dt), now


def _once(always, function, *arguments):
    """`function(*arguments)`, computed once and not once per use of the result.

    XLA's CPU compiler repeats whatever it fuses in every consumer: here the random
    numbers, at four times the cost. The branch of a condition it does not look into;
    `always` is one that holds without its knowing.
    """
    if always is None:
        return function(*arguments)
    shapes = jax.eval_shape(function, *arguments)
    never = lambda *_: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    return lax.cond(always, function, never, *arguments)


def simulate(
    key: PRNGKeyArray,
    device: ParticleDevice,
    transport: Any,
    contacts: Any,
    solver: PoissonSolver,
    particles: Particles,
    potentials: Float[Array, "2"],
    *,
    dt: float | Float[Array, ""],
    steps: int,
    method: Method = "auto",
) -> Run:
    """Moves the particles for a number of steps.

    Args:
        key: Random key of the whole run; the same for its continuation.
        device: The device.
        transport: `Overdamped`, `RelaxationTime` or `GalliumArsenide`.
        contacts: `GhostSlab`, `Refill` or `Closed`.
        solver: Poisson solver, see above.
        particles: From `begin`, or of an earlier run.
        potentials: Of the two contacts, V; `ParticleDevice.contact_potentials`.
        dt: Length of a step, s.
        steps: Number of steps.
        method: How charge is deposited and fields are gathered; see `deposit`.

    Returns:
        Particles, current of every step, mean fields. The mean of the current without
        the first third, with its error, is `block_average(run.current.ramo[third:])`.

    Example:
        >>> from physjax.simulators.particles import GhostSlab, Overdamped, pn_device
        >>> device = pn_device(per_cell=4)
        >>> model = Overdamped(jnp.array([800.0, 300.0]))
        >>> key = jax.random.key(0)
        >>> start = begin(key, device, model, neutral_density(device), slots=1000)
        >>> flat = lambda charge, volts: jnp.zeros_like(charge)
        >>> run = simulate(
        ...     key, device, model, GhostSlab(), flat, start, jnp.zeros(2),
        ...     dt=5e-15, steps=3,
        ... )
        >>> run.current.ramo.shape, int(check(run.particles).time)
        ((3,), 3)
    """

    def body(carry, k):
        particles, mean = carry
        particles, current, now = _step(
            k >= 0,
            key,
            device,
            transport,
            contacts,
            solver,
            particles,
            potentials,
            dt=dt,
            method=method,
        )
        share = 1 / (k + 1).astype(particles.x.dtype)
        mean = jax.tree.map(lambda m, value: m + (value - m) * share, mean, now)
        return (particles, mean), current

    dtype = particles.x.dtype
    zero = Fields(jnp.zeros((2, *device.shape), dtype), jnp.zeros(device.shape, dtype))
    (particles, mean), current = lax.scan(body, (particles, zero), jnp.arange(steps))
    return Run(particles, current, mean)


def check(particles: Particles) -> Particles:
    """Returns the particles if none was lost. Outside of transformations only.

    Raises:
        NumericsError: If the capacity was too small, in any run of a batch.
    """
    lost = np.asarray(particles.overflow)
    if lost.any():
        raise NumericsError(
            f"{np.count_nonzero(lost)} of {lost.size} particle runs had too few slots "
            f"({particles.x.shape[-1]} per species); give `begin` more `slots`."
        )
    return particles

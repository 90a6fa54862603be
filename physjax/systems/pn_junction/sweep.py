"""Current-voltage sweeps by particles: many biases and replicas, one Poisson solver."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._errors import NumericsError
from ...simulators import particles as P
from ...solvers.poisson_solvers import PoissonSolver
from .devices import Setup, start_density
from .paper_net import PaperNet

BLOCKS = 20
_CHUNKS = 24
"""Compiled pieces of a run, each followed by a word of progress."""


class Sweep(NamedTuple):
    """Currents, positive from the first contact to the second.

    Attributes:
        bias: Of the first contact, V.
        current: Ramo-Shockley current, A/cm^2: mean over steps and replicas.
        error: Its standard error, from blocks of time of all replicas.
        left: Through the first contact.
        right: Through the second one.
        replicas: Current of each replica.
        potential: Mean potential of each bias, V.
        seconds: Wall time, compilation included.
    """

    bias: Float[np.ndarray, " b"]
    current: Float[np.ndarray, " b"]
    error: Float[np.ndarray, " b"]
    left: Float[np.ndarray, " b"]
    right: Float[np.ndarray, " b"]
    replicas: Float[np.ndarray, "b r"]
    potential: Float[np.ndarray, "b nx ny"]
    seconds: float


class _Group(NamedTuple):
    """Runs of like capacity: places in the sweep, (bias, replica) pairs."""

    places: np.ndarray
    slots: int


def run_sweep(
    setup: Setup,
    solver: PoissonSolver,
    biases: Sequence[float] | Float[np.ndarray, " b"],
    *,
    steps: int,
    replicas: int = 1,
    seed: int = 0,
    say: Callable[[str], None] = lambda text: None,
    advance: Callable[[int], None] = lambda steps: None,
) -> Sweep:
    """Simulates every bias `replicas` times, with the same random numbers per seed.

    Runs begin with the densities of drift-diffusion where there are any, else neutral;
    the first third is discarded. A run for which the capacity turns out too small is
    made again with twice of it.

    Args:
        setup: The device.
        solver: Poisson solver.
        biases: Of the first contact, V.
        steps: Steps per run.
        replicas: Runs per bias.
        seed: Of all random numbers.
        say: Is told what happens.
        advance: Is told how many steps times runs have been made.
    """
    import time

    begin = time.monotonic()
    volts = np.asarray(biases, float)
    density = start_density(setup, volts).astype(np.float32)
    shape = (len(volts), replicas)
    series = np.zeros((*shape, 3, _CHUNKS * max(steps // _CHUNKS, 1)))
    potential = np.zeros((len(volts), *setup.device.shape))
    waiting = _groups(setup, volts, density, replicas)
    while waiting:
        group = waiting.pop(0)
        done = _run_group(
            setup, solver, group, volts, density, series, potential, replicas, seed,
            advance,
        )  # fmt: skip
        if not done:
            if group.slots > 2**20:
                raise NumericsError(
                    f"more than {group.slots} particles per species; use fewer "
                    "particles per cell, or shorter steps."
                )
            say(f"{group.slots} slots were too few; again with twice as many")
            waiting.insert(0, _Group(group.places, 2 * group.slots))
    kept = series[..., series.shape[-1] // 3 :]
    blocks = kept[..., : kept.shape[-1] // BLOCKS * BLOCKS]
    if blocks.shape[-1] == 0:
        raise ValueError(f"`steps` is {steps}; expected at least {2 * BLOCKS}.")
    blocks = blocks.reshape(*shape, 3, BLOCKS, -1).mean(-1)
    per_replica = blocks.mean(-1)
    mean = per_replica.mean(1)
    scatter = blocks[:, :, 0].reshape(len(volts), -1)
    error = scatter.std(1, ddof=1) / scatter.shape[1] ** 0.5
    return Sweep(
        volts,
        mean[:, 0],
        error,
        mean[:, 1],
        mean[:, 2],
        per_replica[:, :, 0],
        potential / replicas,
        time.monotonic() - begin,
    )


def _groups(
    setup: Setup, volts: np.ndarray, density: np.ndarray, replicas: int
) -> list[_Group]:
    """Runs of like capacity together; the largest last."""
    device = setup.device
    amounts = (density * np.asarray(device.volumes)).sum((-1, -2)) / device.weight
    reach = np.asarray(setup.transport.reach(setup.dt, device.thermal_voltage))
    slab = np.asarray(device.contact_densities()).sum(-1) * reach * device.height
    spare = 1.2 * setup.transport.supply * slab / device.weight
    need = (1.1 * amounts + spare).max(-1) + 64
    if setup.slots is not None:
        need = setup.slots(volts)
    places = [(b, r) for b in range(len(density)) for r in range(replicas)]
    slots = np.array([need[b] for b, _ in places])
    return [
        _Group(
            np.array([places[k] for k in group]),
            int(-(-slots[group].max() // 256) * 256),
        )
        for group in P.by_capacity(slots)
    ]


def _run_group(
    setup, solver, group, volts, density, series, potential, replicas, seed, advance
) -> bool:
    """Runs a group and writes its series; False if the capacity was too small."""
    device, model = setup.device, setup.transport
    base = jax.random.key(seed)
    keys = jnp.stack(
        [jax.random.fold_in(jax.random.fold_in(base, b), r) for b, r in group.places]
    )
    bias = group.places[:, 0]
    contacts = device.contact_potentials(jnp.asarray(volts[bias], jnp.float32))
    start = jax.jit(
        jax.vmap(lambda k, n: P.begin(k, device, model, n, slots=group.slots))
    )(keys, jnp.asarray(density[bias]))
    steps = series.shape[-1] // _CHUNKS

    go_on = _piece(setup, solver, steps)
    total = np.zeros((len(bias), *device.shape))
    for chunk in range(_CHUNKS):
        start, three, mean = go_on(keys, start, contacts)
        if np.asarray(start.overflow).any():
            return False
        if not np.isfinite(np.asarray(mean)).all():
            raise NumericsError(
                "the potential of a particle run is not finite; check the solver."
            )
        span = slice(chunk * steps, (chunk + 1) * steps)
        for row, (b, r) in zip(np.asarray(three), group.places, strict=True):
            series[b, r, :, span] = row
        if 3 * chunk >= _CHUNKS:
            total += np.asarray(mean)
        advance(steps * len(bias))
    kept = sum(3 * chunk >= _CHUNKS for chunk in range(_CHUNKS))
    for row, b in zip(total / kept, bias, strict=True):
        potential[b] += row
    return True


def _piece(setup: Setup, solver: PoissonSolver, steps: int) -> Callable[..., Any]:
    """`(keys, particles, contacts) -> particles, currents, mean potential`, of a batch:
    some steps in one compiled loop, or one by one if the solver has convolutions."""
    parts = (solver, getattr(solver, "guess", None))
    if any(isinstance(part, PaperNet) for part in parts):
        step = step_on_host(setup, solver)

        def one_by_one(keys, particles, contacts):
            series, total = [], 0.0
            for _ in range(steps):
                particles, current, fields = step(keys, particles, contacts)
                series.append([np.asarray(x) for x in current[:3]])
                total = total + fields.potential / steps
            return particles, np.array(series).transpose(2, 1, 0), total

        return one_by_one

    @jax.jit
    def at_once(keys, particles, contacts):
        one = lambda key, p, v: P.simulate(
            key,
            setup.device,
            setup.transport,
            setup.contacts,
            solver,
            p,
            v,
            dt=setup.dt,
            steps=steps,
        )
        run = jax.vmap(one)(keys, particles, contacts)
        current = run.current
        three = jnp.stack([current.ramo, current.left, current.right], 1)
        return run.particles, three, run.mean.potential

    return at_once


def step_on_host(
    setup: Setup, solver: PoissonSolver
) -> Callable[[Array, P.Particles, Array], tuple[P.Particles, P.Current, P.Fields]]:
    """One compiled step of a batch, for solvers that crawl inside compiled loops.

    XLA's convolutions do on a CPU; a loop in Python does not mind.
    """

    @jax.jit
    def step(keys, particles, contacts):
        one = lambda key, p, v: P.step(
            key, setup.device, setup.transport, setup.contacts, solver, p, v,
            dt=setup.dt,
        )  # fmt: skip
        return jax.vmap(one)(keys, particles, contacts)

    return step

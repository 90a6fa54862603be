"""Current-voltage sweeps by particles: many biases and replicas, one Poisson solver."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..._errors import ConfigError, NumericsError
from ...simulators import particles as P
from ...solvers.poisson_solvers import PoissonSolver
from .devices import Setup, start_density
from .paper_net import PaperNet

BLOCKS = 20
CHUNKS = 24
"""Compiled pieces of a run, each followed by a word of progress."""
_MOST = 6
"""Runs in one batch: enough batches to occupy the cores."""


class Sweep(NamedTuple):
    """Currents, positive from the first contact to the second.

    Attributes:
        bias: Of the first contact, V.
        current: Ramo-Shockley current, A/cm^2: mean over steps and replicas.
        left: Through the first contact.
        right: Through the second one.
        error: Standard error of `current`, from blocks of time of all replicas.
        replicas: Current of each replica.
        potential: Mean potential of each bias, V.
        seconds: Wall time, compilation included.
    """

    bias: Float[np.ndarray, " b"]
    current: Float[np.ndarray, " b"]
    left: Float[np.ndarray, " b"]
    right: Float[np.ndarray, " b"]
    error: Float[np.ndarray, " b"]
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
        steps: Steps per run, a multiple of 24 or that below it.
        replicas: Runs per bias.
        seed: Of all random numbers.
        say: Is told what happens.
        advance: Is told how many steps times runs have been made.

    Raises:
        ConfigError: Fewer steps or replicas than an average takes.
        NumericsError: The potential is not finite, or no capacity suffices.
    """
    if steps < 2 * CHUNKS or replicas < 1:
        raise ConfigError(
            f"{steps} steps and {replicas} replicas are too few for an average; "
            f"expected at least {2 * CHUNKS} and 1."
        )
    begin = time.monotonic()
    volts = np.asarray(biases, float)
    density = start_density(setup, volts).astype(np.float32)
    runs = _Runs(setup, solver, volts, density, steps // CHUNKS, seed, say, advance)
    groups = _groups(setup, volts, density, replicas)[::-1]  # the longest first
    parts = P.side_by_side([partial(runs.of, group) for group in groups])
    shape = (len(volts), replicas)
    series = np.zeros((*shape, 3, CHUNKS * (steps // CHUNKS)))
    potential = np.zeros((*shape, *setup.device.shape))
    for group, (currents, mean) in zip(groups, parts, strict=True):
        b, r = group.places.T
        series[b, r], potential[b, r] = currents, mean
    kept = np.moveaxis(series[..., series.shape[-1] // 3 :], -1, 0)
    mean, error = map(np.asarray, P.block_average(kept, BLOCKS))
    ramo, left, right = mean.mean(1).T
    return Sweep(
        bias=volts,
        current=ramo,
        left=left,
        right=right,
        error=np.sqrt(np.sum(error[:, :, 0] ** 2, 1)) / replicas,
        replicas=mean[:, :, 0],
        potential=potential.mean(1),
        seconds=time.monotonic() - begin,
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
        for group in P.by_capacity(slots, most=_MOST)
    ]


class _Runs(NamedTuple):
    """What the groups of a sweep have in common."""

    setup: Setup
    solver: PoissonSolver
    volts: np.ndarray
    density: np.ndarray
    steps: int
    """Per compiled piece."""
    seed: int
    say: Callable[[str], None]
    advance: Callable[[int], None]

    def of(self, group: _Group) -> tuple[np.ndarray, np.ndarray]:
        """Currents (run, three, steps) and mean potential (run, nx, ny) of a group."""
        made = 0
        while made < CHUNKS:
            three, means = [], []
            for particles, currents, mean in self._pieces(group):
                if np.asarray(particles.overflow).any():
                    break
                if not np.isfinite(np.asarray(mean)).all():
                    raise NumericsError(
                        "the potential of a particle run is not finite; check the "
                        "solver."
                    )
                three.append(np.asarray(currents))
                means.append(np.asarray(mean))
                if len(three) > made:  # a run that is made again is not counted twice
                    made += 1
                    self.advance(self.steps * len(group.places))
            if len(three) < CHUNKS:
                group = self._larger(group)
        return np.concatenate(three, -1), np.mean(means[CHUNKS // 3 :], 0)

    def _larger(self, group: _Group) -> _Group:
        if group.slots > 2**20:
            raise NumericsError(
                f"more than {group.slots} particles per species; use fewer particles "
                "per cell, or shorter steps."
            )
        self.say(f"{group.slots} slots were too few; again with twice as many")
        return _Group(group.places, 2 * group.slots)

    def _pieces(self, group: _Group) -> Iterator[tuple[P.Particles, Any, Any]]:
        device, model = self.setup.device, self.setup.transport
        base, bias = jax.random.key(self.seed), group.places[:, 0]
        fold = jax.random.fold_in
        keys = jnp.stack([fold(fold(base, b), r) for b, r in group.places])
        volts = jnp.asarray(self.volts[bias], jnp.float32)
        contacts = device.contact_potentials(volts)
        begin = lambda k, n: P.begin(k, device, model, n, slots=group.slots)
        density = jnp.asarray(self.density[bias])
        particles = jax.jit(jax.vmap(begin))(keys, density)
        go_on = _piece(self.setup, self.solver, self.steps)
        for _ in range(CHUNKS):
            particles, currents, mean = go_on(keys, particles, contacts)
            yield particles, currents, mean


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

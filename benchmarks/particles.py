"""Steps per second of the whole particle simulation against the same in numba.

The device is silicon, 0.4 um x 0.08 um on 41 x 9 nodes with 32 particles per cell; 12
biases from 0 to 1.1 V at once, those of like capacity in one batch, starting from the
drift-diffusion solution. Both sides use the same Green's function. After the timing
both must hold the same number of carriers.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from physjax.simulators import particles as P
from physjax.simulators.particles import Particles
from physjax.systems.pn_junction.devices import silicon, start_density

from . import peers
from .harness import Case, Gate, Table
from .launch import Context

BIASES = np.linspace(0.0, 1.1, 12)
MOST = 3
"""Biases in one batch: enough batches to occupy the cores."""
GATES = (Gate("speed", 0.3, 1.0, against="numba"),)


def tables(context: Context) -> Iterator[Table]:
    per_cell, steps = (4, 5) if context.quick else (32, 20)
    setup = silicon(per_cell)
    mobility, mass = setup.transport.mobility, jnp.array([0.26, 0.26])
    models = {
        "overdamped": (P.Overdamped(mobility), 5e-15),
        "relaxation time": (P.RelaxationTime(mobility, mass), 5e-15),
        "gallium arsenide": (P.GalliumArsenide(1e17), 1e-14),
    }
    density = start_density(setup, BIASES)
    for number, (name, (model, dt)) in enumerate(models.items()):
        ours = _Ours(setup, model, density, dt, steps)
        cases = [
            Case(
                "physjax",
                ours.build,
                jax.block_until_ready,
                value=lambda counts: counts.sum(-1),
                units=steps,
                gates=GATES if context.backend == "cpu" else (),
            )
        ]
        if peers.find("numba") is None:
            cases.append(peers.missing("numba", "numba"))
        else:
            theirs = partial(_numba, number, ours, mobility, mass)
            cases.append(Case("numba", theirs, value=lambda c: c.sum(-1), units=steps))
        yield Table(
            op=f"particles, {name}",
            size=f"{len(BIASES)} biases, {int(ours.counts.sum())}",
            dtype="float32",
            ref="numba" if cases[1].missing is None else "physjax",
            cases=cases,
            reference=ours.counts.sum(-1).astype(float),
            tolerance=0.05,
            items=len(BIASES),
            rounds=5,
            seconds=3.0,
        )


class _Ours:
    """The batch in groups, each with the capacity that it needs."""

    def __init__(self, setup, model, density, dt, steps):
        device = setup.device
        self.setup, self.model, self.dt, self.steps = setup, model, dt, steps
        self.volts = device.contact_potentials(jnp.asarray(BIASES, jnp.float32))
        amounts = (density * np.asarray(device.volumes)).sum((-1, -2)) / device.weight
        reach = np.asarray(model.reach(dt, device.thermal_voltage))
        slab = np.asarray(device.contact_densities()).sum(-1) * reach * device.height
        need = (1.04 * amounts + 1.1 * model.supply * slab / device.weight).max(-1)
        self.groups = P.by_capacity(need, most=MOST)[::-1]  # longest first
        key = jax.random.split(jax.random.key(0), len(BIASES))
        self.keys, self.starts = [], []
        for group in self.groups:
            slots = int(-(-need[group].max() // 64) * 64)
            begin = partial(P.begin, slots=slots)
            start = jax.jit(
                jax.vmap(lambda k, n, begin=begin: begin(k, device, model, n))
            )(key[group], jnp.asarray(density[group], jnp.float32))
            self.keys.append(key[group])
            self.starts.append(P.check(start))
        self.counts = self.by_bias([np.asarray(s.count) for s in self.starts])

    def build(self):
        device = self.setup.device
        solver = P.exact_solver(device, self.setup.permittivity)

        @partial(jax.jit, donate_argnums=1)
        def run(key, particles, volts):
            one = lambda k, p, v: P.simulate(
                k,
                device,
                self.model,
                P.GhostSlab(),
                solver,
                p,
                v,
                dt=self.dt,
                steps=self.steps,
            )
            done = jax.vmap(one)(key, particles, volts)
            return done.particles, done.current.ramo, done.particles.count

        states: list[Particles] = [jax.tree.map(jnp.copy, s) for s in self.starts]

        def advance(g):
            group = self.groups[g]
            states[g], _, count = run(self.keys[g], states[g], self.volts[group])
            return count

        jobs = [partial(advance, g) for g in range(len(self.groups))]

        def call():
            return self.by_bias(P.side_by_side(jobs))

        return call

    def by_bias(self, parts):
        """Array by bias of what each group has."""
        whole = np.zeros((len(BIASES), *parts[0].shape[1:]), parts[0].dtype)
        for group, part in zip(self.groups, parts, strict=True):
            whole[group] = part
        return whole


def _numba(number, ours: _Ours, mobility, mass):
    from . import numba_particles as N

    device, permittivity = ours.setup.device, ours.setup.permittivity
    setup = N.setup(number, device, permittivity, ours.dt, mobility, mass)
    slots = max(start.x.shape[-1] for start in ours.starts) * 2
    rows = {0: 0, 1: 2, 2: 4}[number]
    shape = (len(BIASES), 2, slots)
    x, y = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    motion = np.zeros((len(BIASES), 2, rows, slots), np.float32)
    counts = ours.counts.astype(np.int64)
    for group, start in zip(ours.groups, ours.starts, strict=True):
        parts = [] if not start.motion else [*start.motion[0], *start.motion[1:]]
        for k, b in enumerate(group):
            for c in range(2):
                n = counts[b, c]
                x[b, c, :n], y[b, c, :n] = start.x[k, c, :n], start.y[k, c, :n]
                for row, part in enumerate(parts):
                    motion[b, c, row, :n] = part[k, c, :n]
    volts = np.asarray(ours.volts, np.float64)
    calls = [0]

    def call():
        calls[0] += 1
        N.advance(setup, x, y, motion, counts, volts, ours.steps, calls[0] * 1000)
        return counts.copy()

    return call

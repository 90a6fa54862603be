"""States of the published device, recorded once from runs with the exact solver.

57 biases from 0 to 2.8 V. Four of them are held out whole: frames of one run are alike,
and a network that has seen some has seen all. Labels are not recorded: the potential of
a charge is exact and cheap.
"""

import functools as ft
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..._constants import ELEMENTARY_CHARGE
from ..._errors import ConfigError
from ...io import atomic_output
from ...io.progress import progress
from ...simulators import particles as P
from ...solvers.poisson_solvers import PoissonSolver
from ...training.cache import cache_folder
from .config import Config, DataConfig
from .devices import Setup, gallium_arsenide, make_solver

BIASES = P.PUBLISHED_BIASES
HELD_OUT = (1.3, 1.6, 2.0, 2.8)
DENSITY = 1e17
"""Charge density that counts as 1, elementary charges per cm^3."""
_SEED = 20181024


class Frame(NamedTuple):
    """Recorded states.

    Attributes:
        charge: Over 1e17 elementary charges per cm^3.
        voltages: Potentials of the contacts, V.
        potential: Exact, V.
    """

    charge: Float[Array, "batch 41 9"]
    voltages: Float[Array, "batch 2"]
    potential: Float[Array, "batch 41 9"]


def frames_path(data: DataConfig) -> Path:
    """Where the states of these settings are kept: in the user's cache folder."""
    facts = [data.frames, data.gap, data.settle, BIASES, _SEED]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    return cache_folder() / "pn_junction" / f"frames-{digest}.npz"


def prepare(config: Config) -> None:
    """Records the states that the paper's network learns from, if they are not there.

    A few minutes; the file stays in the cache folder.
    """
    if config.model.kind != "paper":
        return
    path = frames_path(config.data)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    data = config.data
    total = len(BIASES) * (data.settle + data.frames * data.gap)
    with progress(total, "steps") as advance:
        charge = record(data, BIASES, advance)
    with atomic_output(path) as part, open(part, "wb") as file:
        np.savez(file, charge=charge)


def record(
    data: DataConfig,
    biases: Sequence[float],
    advance: Callable[[int], None] = lambda steps: None,
) -> Float[np.ndarray, "biases frames 41 9"]:
    """Charge of the published device in a stationary state, in units of `DENSITY`.

    Args:
        data: How many frames per bias, how far apart, after how many steps.
        biases: V.
        advance: Is told how many steps were made.

    Raises:
        NumericsError: If there are too few slots for the particles.
    """
    setup, solver = _machine()
    device, model = setup.device, setup.transport
    volts = device.contact_potentials(jnp.asarray(biases, jnp.float32))
    doping = device.doping.astype(jnp.float32)
    density = P.neutral_density(device)
    slots = P.gaas_slots(biases)

    def one(key, volts, slots):
        def go_on(particles, steps):
            return P.simulate(
                key, device, model, setup.contacts, solver, particles, volts,
                dt=setup.dt, steps=steps,
            ).particles  # fmt: skip

        def frame(particles, _):
            n, p = P.fields(device, solver, particles, volts).density
            return go_on(particles, data.gap), (p - n + doping) / DENSITY

        start = P.begin(key, device, model, density, slots=slots)
        settled = go_on(start, data.settle)
        return jax.lax.scan(frame, settled, None, data.frames)

    @ft.partial(jax.jit, static_argnums=2)
    def many(keys, volts, slots):
        return jax.vmap(lambda key, v: one(key, v, slots))(keys, volts)

    keys = jax.random.split(jax.random.key(_SEED), len(biases))
    charge = np.zeros((len(biases), data.frames, *device.shape), np.float32)

    def job(group):
        end, frames = many(keys[group], volts[group], int(slots[group].max()))
        P.check(end)
        charge[group] = np.asarray(frames)
        advance(len(group) * (data.settle + data.frames * data.gap))
        return end.time

    groups = P.by_capacity(slots, most=3)[::-1]
    P.side_by_side([ft.partial(job, group) for group in groups])
    return charge


@ft.cache
def _machine() -> tuple[Setup, PoissonSolver]:
    with jax.ensure_compile_time_eval():
        setup = gallium_arsenide()
        return setup, make_solver("exact", setup, None)


@ft.cache
def _labels() -> tuple[PoissonSolver, np.ndarray]:
    """Exact solver and potentials at rest in NumPy: constants of a training step."""
    setup, solver = _machine()
    with jax.ensure_compile_time_eval():
        at_rest = np.asarray(setup.device.contact_potentials(0.0), np.float32)
    return jax.tree.map(np.asarray, solver), at_rest


@ft.cache
def _load(path: Path) -> Float[np.ndarray, "biases frames 41 9"]:
    if not path.exists():
        raise ConfigError(
            f"the states of the published device are not recorded yet ({path}); "
            "`physjax train pn_junction --preset paper` does it first."
        )
    with np.load(path) as file:
        return file["charge"]


def exact_potential(
    charge: Float[Array, "*batch 41 9"], voltages: Float[Array, "*batch 2"]
) -> Float[Array, "*batch 41 9"]:
    """Potential, V, of a charge in units of `DENSITY`."""
    solver, _ = _labels()
    return solver(ELEMENTARY_CHARGE * DENSITY * charge, voltages)


def sample_frames(config: Config, key: PRNGKeyArray) -> Frame:
    """States of the biases that are not held out, mixed and half of them mirrored."""
    pick, turn, share = jax.random.split(key, 3)
    kept = np.array([bias not in HELD_OUT for bias in BIASES])
    recorded = _load(frames_path(config.data))[kept]
    mean = recorded.mean(1, keepdims=True)
    noise, mean = jnp.asarray(recorded - mean), jnp.asarray(mean[:, 0])
    biases = np.array(BIASES, np.float32)[kept]
    count = config.train.batch_size
    which = jax.random.randint(
        pick, (2, count), 0, recorded.shape[0] * recorded.shape[1]
    )
    # Two states of each bias; the bias is that of the first.
    bias, state = which[0] // recorded.shape[1], which % recorded.shape[1]
    most = 1.0 if config.data.mix else 0.0
    turns = most * jax.random.uniform(share, (count, 1, 1), noise.dtype)
    first, second = jnp.cos(2 * jnp.pi * turns), jnp.sin(2 * jnp.pi * turns)
    frames = mean[bias] + first * noise[bias, state[0]] + second * noise[bias, state[1]]
    mirrored = jax.random.bernoulli(turn, 0.5, (count, 1, 1))
    frames = jnp.where(mirrored, frames[..., ::-1], frames)
    return labelled(frames, jnp.asarray(biases)[bias])


def held_out_frames(config: Config) -> dict[float, Frame]:
    """All frames of the biases that no training has seen."""
    charge = _load(frames_path(config.data))
    return {
        bias: labelled(
            jnp.asarray(charge[BIASES.index(bias)]),
            jnp.full(charge.shape[1], bias, jnp.float32),
        )
        for bias in HELD_OUT
    }


def labelled(charge: Float[Array, "batch 41 9"], bias: Float[Array, " batch"]) -> Frame:
    """The frames with their voltages and exact potentials."""
    _, at_rest = _labels()
    volts = jnp.asarray(at_rest)[None] + bias[:, None] * jnp.eye(1, 2, dtype=bias.dtype)
    return Frame(charge, volts, exact_potential(charge, volts))

"""States of the published device, recorded once from runs with the exact solver.

57 biases from 0 to 2.8 V. Four of them are held out whole: frames of one run are alike,
and a network that has seen some has seen all. Labels are not recorded: the potential of
a charge is exact and cheap.
"""

import functools as ft
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..._constants import ELEMENTARY_CHARGE
from ..._errors import ConfigError
from ...io import atomic_output
from ...io.progress import progress
from ...simulators import particles as P
from ...training.cache import cache_folder
from .config import Config, DataConfig
from .devices import gallium_arsenide

BIASES = tuple(round(0.05 * k, 2) for k in range(57))
HELD_OUT = (1.3, 1.6, 2.0, 2.8)
DENSITY = 1e17
"""Charge density that counts as 1, elementary charges per cm^3."""
_SEED = 20181024
_CAPACITIES = (4096, 8192, 16384, 32768, 65536)


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
    with progress(total, "steps", show=True) as advance:
        charge, slots = [], 0
        for bias in BIASES:
            frames, particles = record(data, bias, advance, slots=slots)
            charge.append(frames)
            slots = particles.x.shape[-1]  # a higher bias needs no fewer
    with atomic_output(path) as part, open(part, "wb") as file:
        np.savez(file, charge=np.stack(charge))


def record(
    data: DataConfig,
    bias: float,
    advance: Callable[[int], None] = lambda n: None,
    *,
    slots: int = 0,
) -> tuple[Float[np.ndarray, "frames 41 9"], P.Particles]:
    """Charge of the published device at one bias, and the particles at the end.

    Args:
        data: How many frames, how far apart, after how many steps.
        bias: V.
        advance: Is told how many steps were made.
        slots: Least capacity to try.
    """
    setup = gallium_arsenide()
    device = setup.device
    volts = device.contact_potentials(jnp.float32(bias))
    key = jax.random.fold_in(jax.random.key(_SEED), round(100 * bias))
    density = P.neutral_density(device)
    for slots in (n for n in _CAPACITIES if n >= slots):
        start = P.begin(key, device, setup.transport, density, slots=slots)
        settled = _simulate(data.settle)(key, start, volts)
        if bool(settled.overflow):
            continue
        charge, particles = _frames(data.frames, data.gap)(key, settled, volts)
        if not bool(particles.overflow):
            advance(data.settle + data.frames * data.gap)
            return np.asarray(charge), particles
    raise ConfigError(
        f"more than {_CAPACITIES[-1]} particles per species at {bias} V; use fewer "
        "particles per cell."
    )


@ft.cache
def _machine() -> tuple[Any, Any]:
    setup = gallium_arsenide()
    return setup, P.exact_solver(setup.device, setup.permittivity)


@ft.cache
def _simulate(steps: int):
    setup, solver = _machine()

    @jax.jit
    def run(key, particles, volts):
        return P.simulate(
            key, setup.device, setup.transport, setup.contacts, solver, particles,
            volts, dt=setup.dt, steps=steps,
        ).particles  # fmt: skip

    return run


@ft.cache
def _frames(count: int, gap: int):
    setup, solver = _machine()
    doping = setup.device.doping.astype(jnp.float32)
    steps = _simulate(gap)

    @jax.jit
    def run(key, particles, volts):
        def one(particles, _):
            particles = steps(key, particles, volts)
            n, p = P.fields(setup.device, solver, particles, volts).density
            return particles, (p - n + doping) / DENSITY

        particles, charge = jax.lax.scan(one, particles, None, count)
        return charge, particles

    return run


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
    _, solver = _machine()
    return solver(ELEMENTARY_CHARGE * DENSITY * charge, voltages)


def sample_frames(config: Config, key: PRNGKeyArray) -> Frame:
    """Frames of the biases that are not held out, half of them mirrored in y."""
    pick, turn = jax.random.split(key)
    kept = np.array([bias not in HELD_OUT for bias in BIASES])
    charge = _load(frames_path(config.data))[kept]
    biases = np.array(BIASES, np.float32)[kept]
    count = config.train.batch_size
    index = jax.random.randint(pick, (count,), 0, charge.shape[0] * charge.shape[1])
    frames = jnp.asarray(charge.reshape(-1, *charge.shape[2:]))[index]
    bias = jnp.asarray(biases)[index // charge.shape[1]]
    mirrored = jax.random.bernoulli(turn, 0.5, (count, 1, 1))
    return labelled(jnp.where(mirrored, frames[..., ::-1], frames), bias)


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
    setup, _ = _machine()
    volts = setup.device.contact_potentials(bias).astype(charge.dtype)
    return Frame(charge, volts, exact_potential(charge, volts))

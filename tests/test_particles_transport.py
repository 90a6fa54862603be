"""Transport models of simulators.particles in the bulk, and the junction they make."""

import functools as ft

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax._constants import VACUUM_PERMITTIVITY_CM
from physjax.simulators import particles as P
from physjax.simulators.particles import gaas_rates as rates

VT = 0.025852
SILICON = 11.7 * VACUUM_PERMITTIVITY_CM
KEY = jax.random.key(11)
SILICON_CARRIERS = jnp.array([800.0, 300.0], jnp.float32)
MASSES = jnp.array([0.26, 0.26], jnp.float32)

pytestmark = pytest.mark.usefixtures("optimised")


def drifting(model, field, dt, steps, count, key=KEY):
    """Displacements in a uniform field after `steps` and twice as many, and motion."""
    fresh = jnp.zeros((2, count), bool)
    fields = jnp.zeros((2, 2, count), jnp.float32).at[0].set(field)

    def body(carry, k):
        place, motion = carry
        move, motion = model.advance(
            jax.random.fold_in(key, k), motion, fresh, fields, dt, VT
        )
        return (place + move, motion), None

    motion = model.rest(key, (2, count), VT, jnp.float32)
    carry = (jnp.zeros_like(fields), motion)
    half, _ = jax.lax.scan(body, carry, jnp.arange(steps))
    full, _ = jax.lax.scan(body, half, jnp.arange(steps, 2 * steps))
    return half[0], full[0], full[1]


@pytest.mark.parametrize("ratio", [0.1, 0.3])
def test_mobility_and_diffusion_of_the_relaxation_model(ratio):
    """0.5 % each and the Einstein ratio to 1 %, at any step. dt / tau = ratio."""
    masses = MASSES * jnp.array([1, 8 / 3], jnp.float32)
    model = P.RelaxationTime(SILICON_CARRIERS, masses)
    tau = float(model.time()[0])
    np.testing.assert_allclose(model.time(), tau, rtol=1e-6)
    count, steps, field = 600_000, round(6 / ratio), 1e4
    dt = ratio * tau
    go = jax.jit(ft.partial(drifting, model, dt=dt, steps=steps, count=count))
    half, full, _ = go(field)
    velocity = (full - half)[0].mean(-1) / (steps * dt)
    mobility = jnp.abs(velocity) / field
    np.testing.assert_allclose(mobility, SILICON_CARRIERS, rtol=5e-3)
    # Mean square of the way across the field: n steps correlated by (1 - P)^k.
    stay = 1 - 1 / (1 / ratio + 0.5)
    k = np.arange(1, steps)
    finite = steps + 2 * np.sum((steps - k) * stay**k)
    finite = float(finite) / (
        steps * (2 / ratio)
    )  # over 2 tau / dt per step, its limit
    ways = jnp.stack([half[1], (full - half)[1]])
    diffusion = jnp.mean(ways**2, axis=(0, 2)) / (2 * steps * dt) / finite
    # The standard error of this estimate is sqrt(2 / 1_200_000) = 0.13 %; with more
    # particles: `python -m benchmarks.bulk_transport`.
    np.testing.assert_allclose(diffusion, SILICON_CARRIERS * VT, rtol=5e-3)
    np.testing.assert_allclose(diffusion / mobility / VT, 1, rtol=0.01)


def test_overdamped_steps_drift_and_spread():
    model = P.Overdamped(SILICON_CARRIERS)
    half, _, motion = drifting(model, 1e4, 5e-15, 10, 200_000)
    assert motion == ()
    time = 10 * 5e-15
    drift = half[0].mean(-1) / (1e4 * time)
    np.testing.assert_allclose(drift, [-800, 300], rtol=0.01)
    spread = half.var(-1) / (2 * time * VT)
    np.testing.assert_allclose(
        spread, jnp.broadcast_to(SILICON_CARRIERS, (2, 2)), rtol=0.015
    )


# --- gallium arsenide -----------------------------------------------------------------


def test_rates_fulfil_detailed_balance():
    """States times rate, there and back, differ by the Boltzmann factor of a phonon."""
    tables = rates.scattering_tables(0.0)
    single = np.diff(tables.cumulative, axis=-1, prepend=0)
    energy = (np.arange(rates.ENERGIES) + 0.5) * rates.ENERGY_STEP
    states = [rates._states(band, energy) for band in range(4)]
    checked = 0
    for band in range(4):
        for m in range(rates.SLOTS):
            to, gain = tables.final[band, m], tables.gain[band, m]
            # Phonons of 30 meV are 15 steps; the others do not fall on the grid.
            shift = gain / rates.ENERGY_STEP
            if gain <= 0 or abs(shift - round(shift)) > 1e-9:
                continue
            shift = round(shift)
            (back,) = [
                n
                for n in range(rates.SLOTS)
                if tables.final[to, n] == band and abs(tables.gain[to, n] + gain) < 1e-9
            ]
            here = slice(10, 400)
            there = slice(10 + shift, 400 + shift)
            phonon = gain if to == band else gain - np.sign(gain) * rates.L_OFFSET
            up = rates.VALLEYS[band] * states[band][here] * single[band, here, m]
            down = rates.VALLEYS[to] * states[to][there] * single[to, there, back]
            np.testing.assert_allclose(up, down * np.exp(-phonon / VT), rtol=2e-3)
            checked += 1
    assert checked >= 2
    assert (single >= -1e-3 * single.max()).all()


@pytest.fixture(scope="module")
def velocity_field(optimised):
    """Fields, drift velocities and bands of weakly doped GaAs."""
    model = P.GalliumArsenide(1e14)
    fields = jnp.array([0.0, 1e3, 2e3, 3.5e3, 5e3, 1e4], jnp.float32)
    steps, count, dt = 400, 1500, 1e-14
    run = jax.jit(
        jax.vmap(ft.partial(drifting, model, dt=dt, steps=steps, count=count))
    )
    half, full, (_, band) = run(fields)
    velocity = (full - half)[:, 0].mean(-1) / (steps * dt)
    return np.asarray(fields), np.asarray(velocity), np.asarray(band)


def test_velocity_of_gaas_peaks_and_falls(velocity_field):
    """2e7 cm/s at 3 to 4 kV/cm, then negative differential mobility into L."""
    fields, velocity, band = velocity_field
    electrons = -velocity[:, 0]
    assert np.argmax(electrons) == 3
    assert 1.7e7 < electrons[3] < 2.5e7
    assert 6000 < electrons[1] / fields[1] < 10_000
    assert electrons[-1] < 0.85 * electrons[3]
    in_l = (band[:, 0] == rates.L).mean(-1)
    assert in_l[0] < 0.01
    assert in_l[-1] > 0.4


def test_holes_of_gaas(velocity_field):
    fields, velocity, band = velocity_field
    mobility = velocity[3:, 1] / fields[3:]
    assert ((mobility > 250) & (mobility < 550)).all()
    light = (band[0, 1] == rates.LIGHT).mean()
    assert 0.03 < light < 0.11


def test_energy_of_gaas_in_equilibrium():
    """3/2 kT, with what non-parabolicity adds, kept by all the phonons."""
    model = P.GalliumArsenide(1e17)
    _, _, (momentum, band) = jax.jit(lambda: drifting(model, 0.0, 1e-14, 200, 6000))()
    square = sum(p * p for p in momentum)
    mass, alpha = (
        jnp.asarray(rates.MASS)[band],
        jnp.asarray(rates.NONPARABOLICITY)[band],
    )
    gamma = square / mass.astype(square.dtype)
    energy = 2 * gamma / (1 + jnp.sqrt(1 + 4 * alpha.astype(square.dtype) * gamma))
    e = np.linspace(0, 1, 20_001)
    states = rates._states(rates.GAMMA, e) * np.exp(-e / VT)
    expected = (e * states).sum() / states.sum()
    np.testing.assert_allclose(energy[0].mean(), expected, rtol=0.04)
    np.testing.assert_allclose(energy[1].mean(), 1.5 * VT, rtol=0.04)


# --- the junction ---------------------------------------------------------------------

DEVSIM = 3.526278579e4  # A/cm^2, acceptance device at 0.9 V


def test_overdamped_current_at_forward_bias_is_that_of_drift_diffusion():
    """Short, eight particles per cell: 3 % and 3 standard errors. The long runs with
    their bounds are `python -m benchmarks.particles_iv`."""
    device = P.pn_device(per_cell=8)
    model, solver = P.Overdamped(SILICON_CARRIERS), P.exact_solver(device, SILICON)
    volts = device.contact_potentials(jnp.array([0.0, 0.9]))
    # Near the answer: carriers of both kinds, as many as dopants, over the junction.
    neutral = P.neutral_density(device).astype(jnp.float32)
    injected = 0.9e17 * (1 - jnp.abs(jnp.linspace(-1, 1, 41, dtype=jnp.float32)))
    density = jnp.stack([neutral, neutral + injected[None, :, None]])

    def run(key, volts, density):
        start = P.begin(key, device, model, density, slots=3584)
        return P.simulate(
            key,
            device,
            model,
            P.GhostSlab(),
            solver,
            start,
            volts,
            dt=5e-15,
            steps=6000,
        )

    done = jax.jit(jax.vmap(run))(jax.random.split(KEY, 2), volts, density)
    P.check(done.particles)
    current = jax.vmap(lambda s: jnp.stack(P.block_average(s[2000:])))
    means = [np.asarray(current(s)) for s in done.current[:3]]
    for equilibrium, forward in means:
        assert abs(equilibrium[0]) < 3 * equilibrium[1]
        assert abs(forward[0] - DEVSIM) < 0.03 * DEVSIM + 3 * forward[1]
        assert forward[1] < 0.1 * DEVSIM
    phi = done.mean.potential[0].mean(1)
    step = float(phi[32:39].mean() - phi[2:9].mean())
    assert abs(step - 0.8334) < 0.01

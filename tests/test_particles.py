"""simulators.particles: the run, its ledger, its contacts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax import NumericsError
from physjax._constants import VACUUM_PERMITTIVITY_CM
from physjax.simulators import particles as P
from physjax.testing import assert_gradients, assert_lowers

SILICON = 11.7 * VACUUM_PERMITTIVITY_CM
KEY = jax.random.key(3)
OVERDAMPED = P.Overdamped(jnp.array([800.0, 300.0], jnp.float32))
RELAXATION = P.RelaxationTime(
    jnp.array([800.0, 300.0], jnp.float32), jnp.array([0.26, 0.26], jnp.float32)
)
DEVICE = P.pn_device(per_cell=4, shape=(21, 5), length=2e-5, height=4e-6)


def ready(model, contacts, steps=20, slots=600, device=DEVICE):
    """(start, run) of a small device under a bias."""
    solver = P.exact_solver(device, SILICON)
    density = P.neutral_density(device).astype(jnp.float32)
    start = lambda key: P.begin(key, device, model, density, slots=slots)

    def run(key, particles, bias):
        volts = device.contact_potentials(bias)
        return P.simulate(
            key,
            device,
            model,
            contacts,
            solver,
            particles,
            volts,
            dt=5e-15,
            steps=steps,
        )

    return start, run


MODELS = {
    "overdamped": (OVERDAMPED, P.GhostSlab()),
    "relaxation": (RELAXATION, P.GhostSlab()),
    "gaas": (P.GalliumArsenide(1e17), P.GhostSlab()),
    "closed": (OVERDAMPED, P.Closed()),
}


@pytest.mark.parametrize("name", MODELS)
def test_ledger_balances_and_a_batch_holds_the_numbers_of_its_members(name):
    start, run = ready(*MODELS[name])
    keys, biases = jax.random.split(KEY, 3), jnp.array([0.0, 0.5, 1.0])
    first = jax.jit(jax.vmap(start))(keys)
    batch = jax.jit(jax.vmap(run))(keys, first, biases)
    P.check(batch.particles)
    count = jnp.concatenate([first.count[:, None], batch.current.count], axis=1)
    np.testing.assert_array_equal(
        jnp.diff(count, axis=1), batch.current.entered.sum(-1)
    )
    np.testing.assert_array_equal(batch.particles.count, count[:, -1])
    moves = jnp.abs(batch.current.entered).sum()
    assert (moves == 0) if name == "closed" else (moves > 20)
    if name not in ("overdamped", "gaas"):
        return  # their numbers are drawn in the same place
    alone = jax.jit(run)(keys[1], jax.tree.map(lambda a: a[1], first), biases[1])
    together = jax.tree.map(lambda a: a[1], batch)
    np.testing.assert_allclose(together.current.ramo, alone.current.ramo, rtol=2e-3)
    np.testing.assert_array_equal(together.current.count, alone.current.count)


def test_a_continued_run_has_the_bits_of_an_uninterrupted_one():
    start, run = ready(*MODELS["gaas"], steps=6)
    _, whole = ready(*MODELS["gaas"], steps=12)
    first = start(KEY)
    run = jax.jit(run)
    twice = run(KEY, run(KEY, first, 0.8).particles, 0.8).particles
    once = jax.jit(whole)(KEY, first, 0.8).particles
    for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_one_by_one_are_the_run():
    start, run = ready(*MODELS["relaxation"], steps=3)
    volts, solver = DEVICE.contact_potentials(0.8), P.exact_solver(DEVICE, SILICON)
    one = jax.jit(
        lambda p: P.step(
            KEY, DEVICE, RELAXATION, P.GhostSlab(), solver, p, volts, dt=5e-15
        )
    )
    state, potentials = start(KEY), []
    for _ in range(3):
        state, _, now = one(state)
        potentials.append(now.potential)
    done = jax.jit(run)(KEY, start(KEY), 0.8)
    np.testing.assert_allclose(state.x, done.particles.x, rtol=1e-4, atol=1e-10)
    mean = jnp.mean(jnp.stack(potentials), 0)
    np.testing.assert_allclose(done.mean.potential, mean, atol=1e-4)


def test_too_few_slots_are_an_error_at_the_start_and_at_the_contacts():
    start, run = ready(*MODELS["overdamped"], steps=5, slots=400)
    with pytest.raises(NumericsError, match="1 of 1 particle runs had too few slots"):
        P.check(ready(*MODELS["overdamped"], slots=100)[0](KEY))
    first = P.check(start(KEY))
    tight = jax.tree.map(lambda a: a[:, :162] if a.ndim == 2 else a, first)
    with pytest.raises(NumericsError, match="162 per species"):
        P.check(jax.jit(run)(KEY, tight, 0.0).particles)


def test_start_has_the_density_that_was_asked_for():
    device = P.pn_device(per_cell=250)
    density = jnp.stack([device.doping * 0 + 2e17, jnp.abs(device.doping)])
    density = density.at[0, :20].set(0).astype(jnp.float32)
    state = P.begin(KEY, device, OVERDAMPED, density, slots=180_000)
    solver = lambda charge, volts: charge
    got = P.fields(device, solver, P.check(state), jnp.zeros(2)).density
    np.testing.assert_allclose(got[0, 22:].mean(), 2e17, rtol=5e-3)
    np.testing.assert_allclose(got[1].mean(1)[1:18], 1e17, rtol=0.04)
    assert float(jnp.abs(got[0, :19]).max()) == 0


@pytest.mark.parametrize("name", ["overdamped", "relaxation"])
def test_a_doped_bar_obeys_ohm_at_both_contacts_and_by_ramo(name):
    """Two contacts of one kind; J = q mu N V / L."""
    doping = jnp.full(21, 1e17)
    device = P.ParticleDevice(
        (21, 5), (1e-6, 1e-6), doping, weight=1.25e4, intrinsic=1e10
    )
    model, contacts = MODELS[name]
    start, run = ready(model, contacts, steps=3000, slots=1100, device=device)
    both = jax.jit(lambda k: run(k, start(k), 0.2))(KEY)
    P.check(both.particles)
    ohm = 1.602e-19 * 800 * 1e17 * 0.2 / 2e-5
    results = [P.block_average(s[500:]) for s in both.current[:3]]
    for mean, error in results:
        assert abs(float(mean) / ohm - 1) < 0.02 + 2.5 * float(error) / ohm
    assert float(results[0][1]) < 0.02 * ohm
    # Electrons alone: holes are neither there nor supplied.
    assert int(both.current.count[:, 1].max()) == 0


def test_the_refill_keeps_the_half_cells():
    start, run = ready(RELAXATION, P.Refill(window=64), steps=30)
    first = start(KEY)
    ended = jax.jit(run)(KEY, first, 0.9)
    done, entered = P.check(ended.particles), ended.current.entered
    np.testing.assert_array_equal(done.count - first.count, entered.sum((0, 2)))
    assert int(jnp.abs(entered).sum()) > 20
    row = jnp.round(done.y / DEVICE.spacing[1]).astype(jnp.int32)
    near = done.alive & (done.x > DEVICE.length - DEVICE.spacing[0] / 2)
    net = [
        int(jnp.sum(near[0] & (row[0] == r)) - jnp.sum(near[1] & (row[1] == r)))
        for r in range(5)
    ]
    assert net == [1, 2, 2, 2, 1]


def test_closed_box_has_pathwise_derivatives(key):
    """Moments of the carriers with respect to mobility, bias and starting point."""
    device = P.ParticleDevice(
        (9, 5),
        (1e-6, 1e-6),
        jnp.zeros(9),
        weight=jnp.asarray(1e4),
        intrinsic=1e10,
    )
    solver = P.exact_solver(device, SILICON, jnp.result_type(float))
    density = jnp.full((2, 9, 5), 1e17)
    dtype = jnp.result_type(float)
    start = P.begin(key, device, OVERDAMPED, density, slots=40, dtype=dtype)

    def dipole(mobility, bias, shift):
        model = P.Overdamped(mobility)
        moved = P.Particles(
            start.x * (1 + shift), start.y, start.alive, (), start.time, start.overflow
        )
        volts = device.contact_potentials(bias)
        run = P.simulate(
            key, device, model, P.Closed(), solver, moved, volts, dt=2e-16, steps=2
        )
        done = run.particles
        return jnp.sum(jnp.where(done.alive, done.x, 0), -1) * 1e6

    assert_gradients(
        dipole,
        jnp.array([800.0, 300.0]),
        jnp.asarray(0.3),
        jnp.asarray(1e-3),
        step=1e-6,
    )


def test_the_run_lowers_for_accelerators():
    start, run = ready(*MODELS["relaxation"], steps=2)

    def numbers(data, bias):
        key = jax.random.wrap_key_data(data)
        return run(key, start(key), bias).current.ramo

    assert_lowers(numbers, jax.random.key_data(KEY), jnp.float32(0.8))


def test_batches_side_by_side_are_the_runs_one_after_the_other():
    """In the published device, which shows its built-in potential."""
    device = P.gaas_device(per_cell=1)
    solver = P.exact_solver(device, P.GAAS_PERMITTIVITY)
    density = P.neutral_density(device).astype(jnp.float32)
    biases = np.array([1.3, 0.0, 1.2])
    slots = P.gaas_slots(biases, per_cell=1)
    groups = P.by_capacity(slots, most=2)[::-1]
    assert [group.tolist() for group in groups] == [[0], [1, 2]]

    @jax.jit
    def advance(keys, volts):
        def one(key, volts):
            start = P.begin(key, device, OVERDAMPED, density, slots=320)
            return P.simulate(
                key,
                device,
                OVERDAMPED,
                P.GhostSlab(),
                solver,
                start,
                volts,
                dt=P.PUBLISHED_STEP,
                steps=20,
            )

        return jax.vmap(one)(keys, volts)

    keys = jax.random.split(KEY, 3)
    volts = device.contact_potentials(jnp.asarray(biases, jnp.float32))
    jobs = [lambda g=g: advance(keys[g], volts[g]) for g in groups]
    together = P.side_by_side(jobs, workers=2)
    for job, done in zip(jobs, together, strict=True):
        P.check(done.particles)
        np.testing.assert_array_equal(done.current.ramo, job().current.ramo)
    at_rest = together[1].mean.potential[0].mean(1)
    assert abs(float(at_rest[-1] - at_rest[0]) - 1.279) < 1e-3


def test_block_average_knows_the_error_of_white_noise():
    noise = jax.random.normal(KEY, (20_000, 3)) + 2
    mean, error = P.block_average(noise, 50)
    np.testing.assert_allclose(error, 20_000**-0.5, rtol=0.3)
    assert float(jnp.abs(mean - 2).max()) < 3 * float(error.max())


def test_bad_arguments_are_named(unchecked):
    with pytest.raises(ValueError, match="`doping` has shape"):
        P.ParticleDevice((5, 3), (1.0, 1.0), jnp.ones(4), weight=1.0, intrinsic=1.0)
    with pytest.raises(ValueError, match="`shape` is"):
        P.ParticleDevice((1, 3), (1.0, 1.0), jnp.ones(1), weight=1.0, intrinsic=1.0)
    with pytest.raises(ValueError, match="`ratio` is 0"):
        P.by_capacity([1, 2], 0.5)
    with pytest.raises(ValueError, match="`slots` is"):
        P.by_capacity([1, 0])
    with pytest.raises(ValueError, match="`blocks` is 1"):
        P.block_average(jnp.ones(4), 1)

"""The networks of the PN junction: what holds for any weights, and what was learned."""

import dataclasses
import math
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax import Dirichlet, Neumann, systems, training
from physjax._constants import ELEMENTARY_CHARGE
from physjax.simulators.particles import WALLS, contact_labels
from physjax.solvers import solve_poisson
from physjax.solvers.poisson_solvers import MultigridSolver, Refined
from physjax.systems.pn_junction import frames
from physjax.systems.pn_junction.config import PRESETS
from physjax.systems.pn_junction.devices import (
    as_matrix,
    gallium_arsenide,
    make_solver,
    silicon,
)
from physjax.systems.pn_junction.learned import MultilevelNet
from physjax.systems.pn_junction.paper_net import PaperNet, paper_loss

GRID = (41, 9)
VOLTS = np.array([0.3, -0.7], np.float32)


@pytest.fixture(scope="module")
def shipped():
    return training.load_model(systems.load("pn_junction"))[1]


def on(net, shape=GRID, **options):
    return net.on(shape, (1.0, 1.0), WALLS, electrodes=contact_labels(shape), **options)


def exact(rho, shape=GRID, volts=VOLTS, permittivity=None):
    with jax.enable_x64(True):
        return np.asarray(
            solve_poisson(
                jnp.asarray(np.asarray(rho, float)),
                (1.0, 1.0),
                WALLS,
                permittivity=permittivity,
                electrodes=contact_labels(shape),
                voltages=jnp.asarray(np.asarray(volts, float)),
            ).value
        )


def energy_error(solver, phi, truth):
    norm = lambda e: float(np.sqrt(np.vdot(e, np.asarray(solver.problem.outer(e)))))
    return norm(jnp.asarray(phi - truth, jnp.float32)) / norm(
        jnp.asarray(truth, jnp.float32)
    )


def charge(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_any_weights_are_linear_in_charge_and_voltages_and_exact_on_contacts():
    solver = eqx.filter_jit(on(MultilevelNet(3, 2, 3, key=jax.random.key(1))))
    a, b = charge(GRID), charge(GRID, 1)
    u, v = (jnp.array(x, jnp.float32) for x in ([1.0, 2.0], [-3.0, 0.5]))
    phi = solver(jnp.asarray(a), u)
    np.testing.assert_array_equal(phi[0], 1.0)
    np.testing.assert_array_equal(phi[-1], 2.0)
    both = solver(jnp.asarray(2 * a - 3 * b), 2 * u - 3 * v)
    apart = 2 * phi - 3 * solver(jnp.asarray(b), v)
    np.testing.assert_allclose(both, apart, atol=2e-5 * float(jnp.abs(apart).max()))


def test_a_linear_network_is_its_matrix():
    solver = on(MultilevelNet(2, 1, 2, key=jax.random.key(2)), (9, 5))
    matrix = as_matrix(solver, (9, 5))
    rho = jnp.asarray(charge((3, 9, 5)))
    volts = jnp.asarray(charge((3, 2), 1))
    np.testing.assert_allclose(
        matrix(rho, volts), jax.vmap(solver)(rho, volts), atol=1e-4
    )


def test_no_layer_is_as_large_as_a_grid(shipped):
    count = sum(x.size for x in jax.tree.leaves(eqx.filter(shipped, eqx.is_array)))
    assert count < 1e6
    on(shipped, (17, 33))  # the same weights


def test_shipped_weights_reach_the_exact_potential_of_the_paper_grid(shipped):
    # 0.3 mV of a junction of 1.3 V.
    solver = eqx.filter_jit(on(shipped))
    rho = charge(GRID)
    phi = np.asarray(solver(jnp.asarray(rho), jnp.asarray(VOLTS)))
    truth = exact(rho)
    rmse = np.sqrt(np.mean((phi - truth) ** 2)) / np.abs(truth).max()
    assert rmse * 1.3e3 < 0.1
    assert energy_error(on(shipped), phi, truth) < 0.01


@pytest.mark.parametrize(("weights", "millivolts"), [(None, 0.1), ("paper", 5.0)])
def test_shipped_weights_on_states_of_the_published_device(weights, millivolts):
    """Recorded states of biases that were held out of training."""
    with np.load(Path(__file__).with_name("gaas_states.npz")) as file:
        charge = jnp.asarray(file["charge"])
    biases = jnp.repeat(jnp.asarray(frames.HELD_OUT, jnp.float32), charge.shape[1])
    state = frames.labelled(charge.reshape(-1, *GRID), biases)
    net = training.load_model(systems.load("pn_junction"), weights)[1]
    solver = make_solver("learned", gallium_arsenide(), net)
    rho = ELEMENTARY_CHARGE * frames.DENSITY * state.charge
    error = np.asarray(solver(rho, state.voltages) - state.potential)
    assert 1e3 * np.sqrt(np.mean(error**2)) < millivolts


@pytest.mark.parametrize("contrast", [1.0, 10.0])
def test_shipped_weights_on_a_larger_grid_and_a_permittivity_map(shipped, contrast):
    shape = (129, 65)
    coarse = np.random.default_rng(3).normal(size=(8, 8)) > 0
    places = [np.arange(n) * 8 // n for n in shape]
    epsilon = np.where(coarse[places[0]][:, places[1]], contrast, 1.0)
    rho = charge(shape, 4)
    solver = on(shipped, shape, permittivity=epsilon)
    phi = np.asarray(jax.jit(lambda r: solver(r, jnp.asarray(VOLTS)))(jnp.asarray(rho)))
    truth = exact(rho, shape, permittivity=epsilon)
    assert energy_error(solver, phi, truth) < 0.01


@pytest.mark.parametrize("kind", ["random", "beyond all bounds", "adversarial", "NaN"])
def test_refined_answers_are_certified_whatever_the_network_says(shipped, kind):
    """norm(r) / norm(b) <= 1e-10 in float64."""
    with jax.enable_x64(True):
        grid = {"electrodes": contact_labels(GRID), "dtype": jnp.float64}
        net = shipped
        if kind == "NaN":
            net = jax.tree.map(lambda x: x * jnp.nan, shipped)
        learned = on(net, dtype=jnp.float64)
        rho, volts = charge(GRID).astype(float), np.array([0.2, 1.1])
        if kind == "beyond all bounds":
            rho, volts = 1e12 * rho, 1e9 * volts
        if kind == "adversarial":
            # The charge that the network gets most wrong, by power iteration.
            wrong = lambda r: learned(r, jnp.zeros(2)) - solve_poisson(
                r, (1.0, 1.0), WALLS, electrodes=grid["electrodes"],
                voltages=jnp.zeros(2),
            ).value  # fmt: skip
            _, pull = jax.vjp(wrong, jnp.asarray(rho))
            push = jax.jit(lambda r: pull(wrong(r))[0])
            worst = jnp.asarray(rho)
            for _ in range(5):
                worst = push(worst / jnp.linalg.norm(worst))
            rho = np.asarray(worst / jnp.linalg.norm(worst))
        exact_solver = MultigridSolver(GRID, (1.0, 1.0), WALLS, rtol=1e-10, **grid)
        solution = eqx.filter_jit(Refined(learned, exact_solver).solution)(
            jnp.asarray(rho), jnp.asarray(volts)
        )
        assert int(solution.result) == 0
        assert float(solution.stats["residual"]) <= 1e-10


def test_solvers_by_name_agree_on_a_device(shipped):
    setup = silicon(8)
    volts = setup.device.contact_potentials(jnp.float32(0.8))
    rho = jnp.asarray(1.6e-2 * charge(setup.device.shape))
    truth = make_solver("exact", setup, shipped)(rho, volts)
    for name in ("learned", "refined"):
        phi = make_solver(name, setup, shipped)(rho, volts)
        assert float(jnp.abs(phi - truth).max()) < 1e-4  # V


def test_the_network_takes_other_walls_and_batches():
    net = MultilevelNet(2, 1, 2, key=jax.random.key(0))
    held, open_ = Dirichlet(1.0, wall="half"), Neumann(wall="half")
    solver = net.on((12, 10), (1.0, 2.0), [(held, held), (open_, open_)])
    assert solver(jnp.zeros((3, 2, 12, 10))).shape == (3, 2, 12, 10)


def test_the_published_network_has_its_size():
    make = lambda: PaperNet(1, 0.5, key=jax.random.key(0))
    shapes = jax.tree.leaves(eqx.filter_eval_shape(make))
    count = sum(math.prod(s.shape) for s in shapes if hasattr(s, "shape"))
    # 195,475,569 and the running statistics (mean and variance), less the biases of
    # convolutions and of the first dense layer, which normalisation takes away.
    widths = [64, 32, 16, 16, 128, 256, 512, 1024]
    assert count == 195_475_569 - sum(widths) + 2 * sum(widths)


def test_the_published_loss_is_two_norms():
    config = PRESETS["paper"]
    net = PaperNet(32, 0.0, key=jax.random.key(0))
    frame = frames.labelled(
        jnp.asarray(charge((4, *GRID))), jnp.linspace(0, 1, 4, dtype=jnp.float32)
    )
    value, metrics = jax.jit(lambda n, f: paper_loss(config, n, f, None))(net, frame)
    phi, _ = net.forward(frame.charge, frame.voltages, training=True)
    e = np.asarray(phi - frame.potential.astype(phi.dtype))
    want = np.linalg.norm(e) + 2 * np.linalg.norm(e[:, [0, -1]])
    assert float(value) == pytest.approx(want, rel=1e-5)
    assert float(metrics["rmse"]) == pytest.approx(np.sqrt(np.mean(e**2)), rel=1e-5)


def test_branches_begin_as_pairs_of_opposite_averages_of_one_input():
    net = PaperNet(16, 0.0, key=jax.random.key(0))
    weights = np.concatenate([layer.weight.sum((2, 3)) for layer in net.branches[:2]])
    np.testing.assert_allclose(weights[::2], -weights[1::2], atol=1e-5)
    charge, voltages = weights[::2].T
    assert ((charge == 0) == [True, False, False]).all()
    assert ((voltages == 0) == [False, True, True]).all()


def test_recorded_frames_are_of_the_published_device(tmp_path, monkeypatch):
    monkeypatch.setenv("PHYSJAX_CACHE_DIR", str(tmp_path))
    config = dataclasses.replace(
        PRESETS["paper"],
        data=dataclasses.replace(PRESETS["paper"].data, frames=2, gap=2, settle=4),
    )
    charge = frames.record(config.data, [0.0, 1.3])
    assert charge.shape == (2, 2, *GRID)
    # Depleted by the junction, and neutral on the whole.
    assert charge[:, :, 19].mean() < -0.3
    assert charge[:, :, 21].mean() > 0.3
    assert abs(charge.mean()) < 0.05

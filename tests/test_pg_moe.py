"""PG-MoE: exact references, what its states must satisfy, proven bounds."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax import systems, training
from physjax._errors import ConfigError
from physjax.operators.hamiltonians import energy_bounds
from physjax.systems.pg_moe import chains as C
from physjax.systems.pg_moe import data, features, partitions
from physjax.systems.pg_moe.config import PRESETS, DataConfig, ModelConfig
from physjax.systems.pg_moe.evaluate import evaluate, figures_of_merit
from physjax.systems.pg_moe.ground_states import assess, exact_states, model_states
from physjax.systems.pg_moe.loss import loss
from physjax.systems.pg_moe.model import make_model

WIDE = jnp.result_type(float)
EPS = float(jnp.finfo(WIDE).eps)


def chain(n, seed, *, closed=True, along=0.0):
    rng = np.random.default_rng(seed)
    j = rng.uniform(0.5, 1.5, n) * rng.choice([-1, 1], n)
    j[-1] *= closed
    arrays = j, rng.uniform(0.2, 2, n), along * rng.normal(size=n)
    return C.Chain(*(jnp.asarray(x, WIDE) for x in arrays))


def dense(one):
    return np.asarray(C.hamiltonian(one).to_dense(), float)


def fresh(config, key=0):
    return make_model(config, jax.random.key(key))


def test_the_data_of_cophy_are_those_of_its_formula():
    """H = -(sum ZZ + Bx sum X + 0.01 sum Z) / 4, dense, from Kronecker products."""
    x, z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])
    site = lambda op, i: np.kron(np.kron(np.eye(2 ** (3 - i)), op), np.eye(2**i))
    for field in (0.01, 0.5, 1.3):
        total = -sum(
            site(z, i) @ site(z, (i + 1) % 4) + field * site(x, i) + 0.01 * site(z, i)
            for i in range(4)
        )
        expected, vectors = np.linalg.eigh(total)
        basis = C.orbits(4, flip=False)
        one = C.ring(4, jnp.asarray([field]), 0.01)
        energy, state = exact_states(one, basis)
        assert energy[0] == pytest.approx(expected[0], rel=max(1e-12, EPS))
        full = np.asarray(basis.reduced.sector.embed(jnp.asarray(state[0], WIDE)))
        assert abs(full @ vectors[:, 0]) == pytest.approx(1, abs=max(1e-12, 10 * EPS))
    cophy = PRESETS["cophy"].data
    assert (cophy.longitudinal, cophy.sites, cophy.per_site) == (0.01, (4,), True)
    assert (cophy.fields, cophy.label_fields) == ((0.01, 2.0), (0.01, 0.5))


@pytest.mark.parametrize("preset", ["ring", "default", "disordered", "cophy"])
def test_states_are_positive_and_symmetric(preset):
    """Turning the ring, reading it backwards, turning all spins: the same state."""
    config = PRESETS[preset]
    n = 6
    one = chain(n, 1, along=config.model.longitudinal * 0.3)
    model = fresh(config)
    basis = C.configurations(n, flip=False)
    psi = model(one, basis).reshape((2,) * n)  # last axis is site 0
    assert float(psi.min()) > 0
    roll = lambda x: jnp.roll(x, 1)
    turned = C.Chain(*map(roll, (one.coupling, one.field, one.longitudinal)))
    moved = model(turned, basis).reshape((2,) * n)
    np.testing.assert_allclose(
        moved, jnp.transpose(psi, (*range(1, n), 0)), rtol=300 * EPS
    )
    # Bond i of the mirror image lies between its sites i and i + 1.
    mirrored = C.Chain(
        jnp.roll(one.coupling[::-1], -1), one.field[::-1], one.longitudinal[::-1]
    )
    other = model(mirrored, basis).reshape((2,) * n)
    np.testing.assert_allclose(
        other, jnp.transpose(psi, range(n)[::-1]), rtol=300 * EPS
    )
    turned = C.Chain(one.coupling, one.field, -one.longitudinal)
    np.testing.assert_allclose(
        model(turned, basis), psi.reshape(-1)[::-1], rtol=300 * EPS
    )


def test_bases_agree():
    """One network, three bases: the same energy of a ring, the same state."""
    model = fresh(PRESETS["ring"])
    one = C.ring(6, jnp.asarray(0.8, WIDE))
    orbits, half = C.orbits(6), C.configurations(6)
    full = C.configurations(6, flip=False)
    values = []
    for basis in (orbits, half, full):
        psi = model(one, basis)
        assert psi.shape == (basis.size,)
        bounds = energy_bounds(basis.hamiltonian(one), psi, floor=-100.0)
        values.append(float(bounds.upper))
    assert np.ptp(values) < 1e-4 * abs(values[0])
    assert orbits.reduced is not None
    restricted = orbits.reduced.sector.restrict(model(one, full))
    unit = lambda x: x / jnp.linalg.norm(x)
    np.testing.assert_allclose(
        unit(restricted), unit(model(one, orbits)), atol=100 * EPS
    )


def test_leading_order_is_that_of_perturbation_theory():
    """The first orders of the exact state in h / J, and in J / h."""
    n, basis = 8, C.configurations(8, flip=False)
    for field, tolerance in ((1e-3, 2e-3), (300.0, 1e-4)):
        one = C.ring(n, jnp.asarray(field, WIDE))
        bond = features.bonds(one, reach=1, longitudinal=False, size=False)
        psi = np.exp(np.asarray(features.leading(one, bond, basis.spins), float))
        _, vectors = np.linalg.eigh(dense(one))
        # In weak fields the two lowest states are as good as degenerate: the even one.
        even = np.abs(vectors[:, 0] + vectors[::-1, 0])
        if even.max() < 1e-6:
            even = np.abs(vectors[:, 1] + vectors[::-1, 1])
        aligned, flipped = 0, 1
        assert psi[flipped] / psi[aligned] == pytest.approx(
            even[flipped] / even[aligned], rel=max(tolerance, 1e-5)
        )


def test_partitions_share_everything_out():
    basis = C.orbits(8)
    walls = features.unsatisfied(C.ring(8, jnp.ones((), WIDE)), basis.spins)
    for name in ("walls", "magnetisation", "orbits", "schmidt", "random", "none"):
        weights = partitions.shares(name, 3, walls, basis.spins)
        np.testing.assert_allclose(jnp.sum(weights, 1), 1, atol=4 * EPS)
        assert float(weights.min()) >= 0
        numbers = partitions.blocks(name, 3, basis.spins)
        assert set(numbers) <= {0, 1, 2}
        assert (len(set(numbers)) == 3) == (name != "none")


@pytest.mark.parametrize("kind", ["monolithic", "mixture", "paper"])
def test_dense_networks_write_down_one_basis(kind):
    config = PRESETS[kind]
    small = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, hidden=(4,), experts=3),
        data=dataclasses.replace(config.data, sites=(6,)),
        train=dataclasses.replace(config.train, batch_size=3),
    )
    model = fresh(small)
    batch = data.sample_batch(small, jax.random.key(0))
    value, metrics = loss(small, model, batch)
    assert np.isfinite(value)
    assert set(metrics) == {"energy", "residual", "labels"}
    psi = model(C.ring(6, jnp.ones((), WIDE)), data.basis_of(small, 6))
    assert psi.shape == (64,)
    with pytest.raises(ConfigError, match=r"data\.sites"):
        fresh(dataclasses.replace(small, data=DataConfig(sites=(4, 6))))


def test_the_paper_gives_each_part_to_one_expert():
    """Norms of the parts are those of the gate, whatever the experts say."""
    config = dataclasses.replace(
        PRESETS["paper"],
        model=ModelConfig(kind="paper", experts=3, hidden=(4,)),
        data=DataConfig(sites=(6,), symmetric_basis=False),
    )
    model = fresh(config)
    psi = model(C.ring(6, jnp.asarray(0.7, WIDE)), data.basis_of(config, 6))
    spins = C.configurations(6, flip=False).spins
    place = partitions.blocks("walls", 3, spins)
    shares = np.array([float(jnp.sum(psi[place == e] ** 2)) for e in range(3)])
    gate = jax.nn.softmax(model.gate(jnp.asarray([0.7 - 1], WIDE)))
    np.testing.assert_allclose(shares, gate, rtol=100 * EPS)


def test_bounds_of_untrained_states_hold():
    """Of bad states too, on rings, open and disordered chains, with and without g."""
    model = fresh(PRESETS["default"])
    for closed, along in ((True, 0.0), (False, 0.0), (True, 0.4)):
        many = [chain(5, seed, closed=closed, along=along) for seed in range(10)]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *many)
        basis = C.configurations(5, flip=not along)
        answer = assess(stacked, model_states(model, stacked, basis), basis)
        lowest, states = exact_states(stacked, basis)
        assert (answer.lower <= lowest).all()
        assert (lowest <= answer.upper).all()
        for k, one in enumerate(many):
            assert lowest[k] == pytest.approx(
                np.linalg.eigvalsh(dense(one))[0], rel=max(1e-11, 50 * EPS)
            )
        polished = assess(stacked, states + 0.01, basis, polish=6)
        assert (polished.lower <= lowest).all()
        assert polished.temple.all() or along


def test_figures_of_merit():
    truth = np.array([[1.0, 0.0], [0.0, 1.0]])
    answer = np.array([[1.0, 0.0], [0.6, 0.8]])
    figures = figures_of_merit(
        answer, np.array([-2.0, -0.9]), truth, np.array([-2.0, -1.0])
    )
    assert figures["cosine_mean"] == pytest.approx(0.9)
    assert figures["cosine_min"] == pytest.approx(0.8)
    assert figures["energy_max"] == pytest.approx(0.1)
    assert figures["energy_mse"] == pytest.approx(0.005)


def test_evaluation_of_chains_with_fields_of_their_own():
    config = dataclasses.replace(
        PRESETS["disordered"], model=ModelConfig(channels=(4,), context=4)
    )
    found = evaluate(config, fresh(config), sites=(5,), samples=6)
    assert list(found) == ["n = 5"]
    assert list(found["n = 5"]) == ["model", "lanczos"]
    assert all(row["bounds"] == 1 for row in found["n = 5"].values())


def test_shipped_weights_know_the_ring():
    """Figures of the README, on fewer chains."""
    system = systems.load("pg_moe")
    config, model = training.load_model(system, "ring")
    found = system.evaluate(config, model, sites=(10,), samples=12)
    for methods in found.values():
        assert methods["model"]["cosine_min"] > 0.999
        assert methods["model"]["energy_max"] < 3e-4
        assert methods["model"]["temple"] == 1


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="experts"):
        ModelConfig(experts=0)
    with pytest.raises(ConfigError, match="3 to 16"):
        DataConfig(sites=(2,))
    with pytest.raises(ConfigError, match=r"data\.fields"):
        DataConfig(fields=(2.0, 1.0))

"""KARMA: mixing holds by construction, sensors and splits do what they say."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax._errors import ConfigError, DataError
from physjax.nn import Block, from_patches, patches, sine_positions
from physjax.operators.mixing import spectral_angles
from physjax.systems.karma.config import PRESETS
from physjax.systems.karma.data import sample_batch, wavelengths, window
from physjax.systems.karma.features import pixel_features, standardised
from physjax.systems.karma.figures import figures_of_merit
from physjax.systems.karma.heads import (
    Segmentation,
    fine_tune,
    fit_linear_probe,
    nearest_neighbours,
)
from physjax.systems.karma.kriging import Kriging, distance_table
from physjax.systems.karma.learned import learn_endmembers
from physjax.systems.karma.model import make_model
from physjax.systems.karma.predict import predict_cube
from physjax.systems.karma.sensors import make_sensor
from physjax.systems.karma.splits import block_split, check_no_leak, tile_folds
from physjax.systems.karma.start import first_endmembers
from physjax.systems.karma.system import SYSTEM
from physjax.training.step import is_trained, static_part

CONFIG = PRESETS["small"]


def fresh(config):
    """A model with fresh weights, made in one compilation."""
    make = lambda key: eqx.filter(make_model(config, key), is_trained)
    return eqx.combine(jax.jit(make)(jax.random.key(0)), static_part(SYSTEM, config))


@pytest.fixture(scope="module")
def model():
    return fresh(CONFIG)


@pytest.fixture(scope="module")
def batch():
    return jax.jit(lambda key: sample_batch(CONFIG, key))(jax.random.key(1))


def shares_of(key, count):
    """Shares of three members, uniform over the triangle."""
    x = jax.random.exponential(key, (count, 3), jnp.float32)
    return x / jnp.sum(x, -1, keepdims=True)


def test_blocks_do_not_know_the_order_of_tokens(key):
    block = Block(8, 2, key=key)
    x = jax.random.normal(key, (5, 8), jnp.float32)
    assert jnp.allclose(block(x)[::-1], block(x[::-1]), atol=1e-5)


def test_patches_come_back(key):
    image = jax.random.normal(key, (6, 9, 2), jnp.float32)
    assert bool((from_patches(patches(image, 3), 6, 9) == image).all())


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_divide_is_refused(key):
    with pytest.raises(ValueError, match="multiples of 4"):
        patches(jnp.zeros((6, 8, 1)), 4)
    with pytest.raises(ValueError, match="multiple of 3 heads"):
        Block(8, 3, key=key)
    with pytest.raises(ValueError, match="multiple of 4"):
        sine_positions(2, 2, 6)


def test_every_pixel_is_a_non_negative_mix(model, batch):
    answer = jax.jit(jax.vmap(model))(*batch)
    assert float(answer.contributions.min()) >= 0
    assert float(model.endmembers.min()) >= 0
    mixed = answer.contributions @ model.endmembers
    assert jnp.allclose(answer.image, mixed, atol=1e-5)


def test_what_is_hidden_is_not_looked_at(model, batch):
    visible = batch.visible[0]
    keep = patches(batch.image[0], CONFIG.model.patch)
    other = jnp.full_like(keep, 0.7).at[visible].set(keep[visible])
    other = from_patches(other, *batch.image.shape[1:3])
    cover = jnp.ones(batch.image.shape[-1], jnp.float32).at[50:80].set(0)
    other = jnp.where(cover[None, None] > 0, other, 9.0)
    answer = jax.jit(lambda image: model(image, visible, cover).image)
    assert jnp.allclose(answer(batch.image[0]), answer(other), atol=1e-6)


def test_abundances_of_the_paper_are_softmax(batch):
    network = dataclasses.replace(CONFIG.model, embedding="patch", decoder="paper")
    paper = fresh(dataclasses.replace(CONFIG, model=network))
    answer = jax.jit(lambda *x: paper(*x))(*(x[0] for x in batch))
    assert jnp.allclose(jnp.sum(answer.contributions, -1), 1, atol=1e-5)
    inside = patches(answer.contributions, CONFIG.model.patch)
    assert jnp.allclose(inside, inside[:, :1], atol=1e-6)  # one per patch


def test_kriging_solves_the_normal_equations_of_its_covariance(key):
    """Seen values and a nugget; numpy's dense solution is the reference."""
    table = distance_table(8, 4)
    visible = np.array([0, 3])
    exact = Kriging(tolerance=1e-5)
    krige = jax.jit(lambda values: exact(values, jnp.asarray(visible), table))
    flat = krige(jnp.full((2, 16, 1), 0.3, jnp.float32))
    assert jnp.allclose(flat, 0.3, atol=1e-5)
    values = jax.random.normal(key, (2, 16, 1), jnp.float32)
    seen = (16 * visible[:, None] + np.arange(16)).reshape(-1)
    cover = np.mean([np.exp(-table.astype(float) / x) for x in (3, 10, 30)], 0)
    among = cover[np.ix_(seen, seen)] + 0.05 * np.eye(32)
    known = np.asarray(values, float).reshape(-1)
    mean = known.mean()
    expected = mean + cover[:, seen] @ np.linalg.solve(among, known - mean)
    assert np.abs(np.asarray(krige(values)).reshape(-1) - expected).max() < 1e-4
    usual = np.asarray(Kriging()(values, jnp.asarray(visible), table)).reshape(-1)
    assert np.linalg.norm(usual - expected) < 0.01 * np.linalg.norm(expected - mean)


def test_kriging_by_symmetry_halves_a_ramp():
    """A hidden patch between two seen ones that are each other's negative."""
    table = distance_table(12, 4)
    visible = jnp.array([0, 1, 2, 3, 5, 6, 7, 8], jnp.int32)
    ramp = jnp.arange(12, dtype=jnp.float32) - 5.5
    ramp = patches(jnp.tile(ramp[:, None, None], (1, 12, 1)), 4)
    found = jax.jit(lambda values: Kriging()(values, visible, table))(ramp[visible])
    hidden = np.asarray(found[4]).reshape(4, 4)
    assert np.allclose(hidden, -hidden[::-1], atol=5e-3)
    assert (np.diff(hidden, axis=0) > 0).all()


def test_bands_of_a_sensor_come_back():
    grid = np.linspace(400, 2400, 101)
    own = make_sensor(grid, grid)
    assert np.allclose(own.to_model, np.eye(101))
    assert own.coverage.all()
    finer = np.linspace(400, 2400, 301)
    line = 1e-4 * finer
    there = line.astype(np.float32) @ make_sensor(finer, grid).to_model
    assert np.allclose(there, 1e-4 * grid, atol=1e-5)
    assert np.allclose(there @ make_sensor(finer, grid).from_model, line, atol=1e-5)
    half = make_sensor(finer[finer < 1000], grid)
    assert not half.coverage[grid > 1100].any()
    assert half.coverage[grid < 990].all()
    with pytest.raises(DataError, match="is the unit nm"):
        make_sensor(np.array([0.4, 0.5]), grid)


def test_hidden_windows_leave_at_least_half():
    wavelength = np.linspace(400, 2400, 50).astype(np.float32)
    keys = jax.random.split(jax.random.key(0), 100)
    cover = jax.vmap(lambda k: window(k, wavelength, 0.5))(keys)
    hidden = 1 - cover.mean(-1)
    assert float(hidden.max()) <= 0.52
    assert 0.3 < float(jnp.mean(hidden > 0)) < 0.7


def test_a_cube_of_another_sensor_is_reconstructed(model):
    wavelength = np.linspace(900.0, 450.0, 20)  # descending, and half of the range
    cube = np.full((10, 13, 20), 0.25, np.float32)
    cube[0, 0] = np.nan
    answer = predict_cube(CONFIG, model, cube, wavelength, masked=0.5)
    assert answer.reconstruction.shape == cube.shape
    assert np.isfinite(answer.reconstruction).all()
    seen = ~answer.hidden
    seen[0, 0] = False
    assert (answer.reconstruction[seen] == 0.25).all()
    assert np.allclose(answer.abundances[1:].sum(-1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(answer.endmembers, axis=-1), 1, atol=1e-5)
    mixed = answer.brightness[..., None] * answer.abundances @ answer.endmembers
    assert np.allclose(mixed, answer.mixed, atol=1e-5)
    assert 0.3 < answer.hidden.mean() < 0.7


def test_figures_of_a_known_error():
    truth = np.full((2, 8, 8, 3), 0.5, np.float32)
    hidden = np.zeros((2, 8, 8), np.float32)
    hidden[:, :4] = 1
    figures = figures_of_merit(truth + 0.01 * hidden[..., None], truth, hidden)
    assert abs(figures["psnr"] - 40) < 1e-3
    assert figures["angle"] < 1e-6
    assert 0.9 < figures["ssim"] < 1


def test_folds_hold_each_tile_once_and_blocks_keep_apart():
    names = tuple("abcdefg")
    dealt = tile_folds(names, 3)
    assert sorted(name for fold in dealt for name in fold) == sorted(names)
    assert dealt == tile_folds(names[::-1], 3)
    train, test = block_split((20, 20), 5, 0.3, buffer=2)
    apart = np.abs(np.argwhere(train)[:, None] - np.argwhere(test)[None]).max(-1)
    assert apart.min() == 3


def test_overlapping_patches_are_refused():
    train, test = np.array([[0, 0], [9, 9]]), np.array([[2, 3]])
    with pytest.raises(DataError, match="1 of 2 training patches overlap"):
        check_no_leak(train, test, 4)
    assert check_no_leak(train, test, 4, allow_overlap=True) == 1
    assert check_no_leak(train, test, 2) == 0


def test_probes_learn_what_is_there(key):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 120)
    (x,) = standardised(np.eye(3)[labels] + 0.1 * rng.normal(size=(120, 3)))
    w, b = fit_linear_probe(x[:60], labels[:60], 3)
    assert (np.argmax(x[60:] @ w + b, -1) == labels[60:]).all()
    near = nearest_neighbours(x[:60], labels[:60], x[60:], num_neighbours=5)
    assert (near == labels[60:]).all()


def test_features_of_a_pixel_follow_it(model):
    image = jax.random.uniform(jax.random.key(0), (8, 8, 218), jnp.float32)
    found = pixel_features(model, image, context=True)
    m = CONFIG.model
    assert found.shape == (8, 8, m.features + m.members + m.width)
    own = model.embedding.features(image)
    assert jnp.allclose(found[..., : own.shape[-1]], own)


def test_segmentation_is_fine_tuned(model):
    image = jnp.zeros((4, 8, 8, 218), jnp.float32).at[:, 4:].set(0.6)
    labels = jnp.zeros((4, 8, 8), jnp.int32).at[:, 4:].set(1).at[:, 0, 0].set(-1)
    head = Segmentation(model, 2, key=jax.random.key(0))
    options = {"steps": 30, "batch_size": 4, "learning_rate": 3e-3}
    tuned = fine_tune(head, image, labels, key=jax.random.key(1), **options)
    right = np.argmax(np.asarray(tuned(image[0])), -1) == np.asarray(labels[0])
    assert right.mean() > 0.95
    still = fine_tune(
        head, image, labels, frozen=True, key=jax.random.key(1), steps=1, batch_size=2
    )
    same = jax.tree.map(lambda a, b: a is b, still.encoder.encoder, model.encoder)
    assert all(jax.tree.leaves(same))


def test_endmembers_are_learned_back_to_the_corners():
    key = jax.random.key(0)
    corners = jnp.eye(3, 9, dtype=jnp.float32) + 0.2
    pixels = shares_of(key, 400) @ corners
    start = 0.7 * corners + 0.3 * jnp.mean(corners, 0, keepdims=True)
    learn = jax.jit(lambda y: learn_endmembers(y, start, key, steps=200))
    found = learn(pixels)
    cosine = lambda a: (
        jnp.sum(a * corners, -1)
        / jnp.linalg.norm(a, axis=-1)
        / jnp.linalg.norm(corners, axis=-1)
    )
    assert float(jnp.min(cosine(found))) > float(jnp.min(cosine(start)))


@pytest.mark.parametrize("start", ["vca", "archetypes"])
def test_endmembers_begin_near_the_corners_of_the_scene(key, start):
    """Of pixels between three corners each finds its own, not half way to another."""
    m = dataclasses.replace(CONFIG.model, members=3, start=start)
    config = dataclasses.replace(CONFIG, model=m)
    corners = jnp.abs(jax.random.normal(key, (3, 218), jnp.float32)) * 0.2
    pixels = jnp.concatenate([shares_of(key, 500) @ corners, corners])
    found = first_endmembers(config, pixels, wavelengths(config), key)
    assert float(jnp.min(found)) >= 0
    angles = spectral_angles(found, corners)
    assert sorted(np.argmin(angles, -1).tolist()) == [0, 1, 2]
    apart = spectral_angles(corners, corners) + 9 * jnp.eye(3, dtype=angles.dtype)
    assert float(jnp.max(jnp.min(angles, -1))) < 0.5 * float(jnp.min(apart))


def test_endmembers_begin_with_spectra_of_a_library(tmp_path, key):
    axis = np.linspace(400, 2500, 300)
    spectra = np.random.default_rng(0).uniform(0.1, 0.5, (8, 300))
    rows = np.column_stack([axis, spectra.T])
    head = "wavelength," + ",".join(f"m{i}" for i in range(8))
    path = tmp_path / "library.csv"
    np.savetxt(path, rows, delimiter=",", header=head, comments="")
    m = dataclasses.replace(CONFIG.model, start=str(path))
    config = dataclasses.replace(CONFIG, model=m)
    grid = wavelengths(config)
    pixels = jnp.zeros((1, 218), jnp.float32)
    found = np.asarray(first_endmembers(config, pixels, grid, key))
    theirs = np.stack([np.interp(grid, axis, y) for y in spectra])
    distance = np.abs(found[:, None] - theirs[None]).max(-1)
    assert distance.min(1).max() < 1e-3
    assert len(set(distance.argmin(1).tolist())) == m.members
    few = dataclasses.replace(config, model=dataclasses.replace(m, members=9))
    with pytest.raises(DataError, match="8 spectra, but"):
        first_endmembers(few, pixels, grid, key)
    lost = dataclasses.replace(m, start="nowhere.sli")
    with pytest.raises(ConfigError, match=r"nowhere\.sli"):
        first_endmembers(dataclasses.replace(config, model=lost), pixels, grid, key)


def test_what_mixing_leaves_of_visible_pixels_is_kept(model, key):
    """A flat spectrum that no endmember has: everywhere in the completed answer."""
    ripple = 0.05 * jnp.cos(jnp.arange(218.0, dtype=jnp.float32))
    image = jnp.broadcast_to(0.4 + ripple, (8, 8, 218))
    visible, every = jnp.array([1, 2], jnp.int32), jnp.ones(218, jnp.float32)
    plain = jax.jit(lambda *x: model(*x))(image, visible, every).image
    whole = jax.jit(lambda *x: model.complete(*x))(image, visible, every).image
    error = lambda x: float(jnp.sqrt(jnp.mean((x - image) ** 2)))
    assert error(plain) > 0.02
    assert error(whole) < 0.2 * error(plain)

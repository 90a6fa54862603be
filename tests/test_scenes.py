"""Generated scenes keep to their recipe."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax.metrics import spectral_angles
from physjax.simulators import scenes
from physjax.simulators.scenes import SceneConfig

KEY = jax.random.key(3)
LIBRARY = scenes.smooth_spectra(KEY, jnp.linspace(400.0, 2500.0, 60), 40)


def make(**settings):
    config = SceneConfig(**{"size": 32, "num_members": 4, **settings})
    return scenes.make_scene(KEY, LIBRARY, config), config


def test_a_scene_is_what_its_truth_says():
    scene, _ = make(snr_db=200.0)
    clean = scene.brightness[..., None] * (scene.abundances @ scene.endmembers)
    assert np.allclose(scene.cube, clean, atol=1e-6)


def test_the_recipe():
    scene, config = make(snr_db=25.0, size=(48, 40))
    assert scene.cube.shape == (48, 40, 60)
    assert np.allclose(scene.abundances.sum(-1), 1, atol=1e-6)
    assert scene.abundances.min() >= 0
    assert 0.85 < scene.abundances.max() <= config.purity + 1e-6
    assert 0.7 <= scene.brightness.min() < 0.8 < 1.2 < scene.brightness.max() <= 1.3
    clean = scene.brightness[..., None] * (scene.abundances @ scene.endmembers)
    noise = scene.cube - clean
    snr = 10 * np.log10(np.mean(clean**2) / np.mean(noise**2))
    assert abs(snr - 25) < 0.2
    angles = spectral_angles(scene.endmembers, scene.endmembers)
    assert np.min(angles[~np.eye(4, dtype=bool)]) >= 0.0999


def test_variability_has_the_size_asked_for():
    plain, _ = make(snr_db=200.0)
    varied, _ = make(snr_db=200.0, variability=0.1, size=32)
    relative = varied.cube / plain.cube - 1
    assert 0.04 < float(jnp.sqrt(jnp.mean(relative**2))) < 0.12


def test_scenes_side_by_side():
    config = SceneConfig(num_members=3, size=8)
    keys = jax.random.split(KEY, 3)
    make = lambda key: scenes.make_scene(key, LIBRARY, config).cube
    together = jax.jit(jax.vmap(make))(keys)
    assert np.allclose(together[1], make(keys[1]), atol=1e-5)


def test_fields_have_variance_one():
    fields = scenes.random_fields(KEY, (64, 48), 20, 0.05)
    assert fields.shape == (64, 48, 20)
    assert abs(float(jnp.mean(fields**2)) - 1) < 0.15


def test_sensor():
    wavelength = np.asarray(scenes.enmap_wavelengths())
    assert 418 < wavelength[0] < 419
    assert 2445 < wavelength[-1] < 2446
    assert scenes.enmap_fwhm().shape == wavelength.shape
    good = np.asarray(scenes.enmap_good_bands())
    assert good.sum() == 218
    assert wavelength[~good].min() > 1330


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ({"num_members": 41}, "num_members"),
        ({"purity": 0.1}, "purity"),
        ({"brightness": (1.3, 0.7)}, "brightness"),
    ],
)
def test_refusals(setting, name):
    with pytest.raises(ValueError, match=name):
        make(**setting)

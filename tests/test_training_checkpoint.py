"""Checkpoints: what is damaged is found, named and set aside; what is good is used."""

import os
import random
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax._errors import CheckpointError
from physjax.training import checkpoint, manifest

FACTS = {"config_sha256": "0" * 64, "versions": {"jax": "any"}, "devices": ["cpu"]}


def state(step):
    key = jax.random.key(step)
    return {
        "step": jnp.asarray(step, jnp.int32),
        "params": (jax.random.normal(key, (16, 16)), jnp.arange(3.0)),
        "half": jnp.arange(5, dtype=jnp.bfloat16),
    }


def abstract(tree):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree
    )


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    for step in (10, 20, 30):
        checkpoint.save(folder, step, state(step), FACTS, keep=3)
    return folder


@pytest.fixture
def folder(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "checkpoints")


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)
    assert jax.tree.map(lambda x: x.dtype, a) == jax.tree.map(lambda x: x.dtype, b)


def test_what_is_saved_comes_back(stored):
    path = checkpoint.path_of(stored, 20)
    assert_equal(checkpoint.restore(path, abstract(state(0))), state(20))


def test_a_part_comes_back_alone_in_the_dtypes_asked_for(stored):
    path = checkpoint.path_of(stored, 20)
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), state(20)["params"])
    template = abstract(half)
    assert_equal(checkpoint.restore(path, template, only="params"), half)


def test_manifest_names_every_file_with_size_and_hash(stored):
    path = checkpoint.path_of(stored, 30)
    content = manifest.verify(path)
    files = {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}
    assert set(content["files"]) == files - {"manifest.json"}
    assert content["step"] == 30
    assert content["versions"] == {"jax": "any"}


def test_only_the_newest_stay(folder):
    checkpoint.save(folder, 40, state(40), FACTS, keep=2)
    assert sorted(p.name for p in folder.iterdir()) == ["00000030", "00000040"]


def damage(path, kind, rng):
    """One random fault in a checkpoint; returns the file it struck."""
    files = sorted(p for p in path.rglob("*") if p.is_file())
    if kind == "no manifest":
        files = [path / "manifest.json"]
    if kind in ("flip", "truncate"):
        files = [p for p in files if p.stat().st_size]
    file = rng.choice(files)
    data = bytearray(file.read_bytes())
    if kind == "flip":
        bit = rng.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
    elif kind == "truncate":
        os.truncate(file, rng.randrange(len(data)))
    else:
        file.unlink()
    return file


@pytest.mark.parametrize("seed", range(10))
def test_ten_random_faults_are_found_named_and_survived(stored, tmp_path, seed):
    """Ten seeds: a hundred flips, truncations and losses in the newest checkpoint."""
    rng = random.Random(seed)
    for trial in range(10):
        kind = rng.choice(["flip", "flip", "truncate", "missing", "no manifest"])
        folder = shutil.copytree(stored, tmp_path / str(trial))
        file = damage(checkpoint.path_of(folder, 30), kind, rng)
        said = []
        step, _ = checkpoint.newest_good(folder, said.append)
        assert step == 20, (kind, file)
        assert len(said) == 1
        assert str(file) in said[0]
        assert "Set aside as 00000030.damaged-" in said[0]
        assert checkpoint.steps(folder) == [10, 20]
        assert len(list(folder.glob("00000030.damaged-*"))) == 1
        restored = checkpoint.restore(
            checkpoint.path_of(folder, step), abstract(state(0))
        )
        assert_equal(restored, state(20))
        shutil.rmtree(folder)


def test_a_flip_is_reported_with_both_hashes(folder):
    path = checkpoint.path_of(folder, 30)
    file = next(p for p in sorted((path / "state").rglob("*")) if p.is_file())
    recorded = manifest.verify(path)["files"][str(file.relative_to(path))]["sha256"]
    data = bytearray(file.read_bytes())
    data[0] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError) as error:
        checkpoint.restore(path, abstract(state(0)))
    assert recorded in str(error.value)
    assert manifest.sha256(file) in str(error.value)


def test_all_damaged_is_an_error_now_and_the_next_time(folder):
    for step in (10, 20, 30):
        (checkpoint.path_of(folder, step) / "manifest.json").unlink()
    for _ in range(2):
        with pytest.raises(CheckpointError, match="No sound checkpoint is left"):
            checkpoint.newest_good(folder, lambda _: None)


def test_no_checkpoint_yet_is_no_error(tmp_path):
    assert checkpoint.newest_good(tmp_path / "none", lambda _: None) is None


def test_half_written_and_half_deleted_ones_are_swept_away(folder):
    shutil.copytree(folder / "00000030", folder / ".writing-00000040")
    (folder / "00000010").rename(folder / ".retired-00000010")
    assert checkpoint.newest_good(folder, lambda _: None)[0] == 30
    checkpoint.clean(folder)
    assert sorted(p.name for p in folder.iterdir()) == ["00000020", "00000030"]


def test_another_model_is_refused_leaf_by_leaf(stored):
    other = abstract(state(0)) | {"half": jax.ShapeDtypeStruct((7,), jnp.float32)}
    with pytest.raises(CheckpointError, match=r"half: bfloat16\[5\].*float32\[7\]"):
        checkpoint.restore(checkpoint.path_of(stored, 30), other)


def test_sound_files_that_orbax_cannot_read_are_an_error_of_ours(folder):
    path = checkpoint.path_of(folder, 30)
    facts = {k: v for k, v in manifest.verify(path).items() if k in ("step", *FACTS)}
    (path / "manifest.json").unlink()
    (path / "state" / "_METADATA").write_text("{}")
    manifest.write_manifest(path, facts)
    with pytest.raises(CheckpointError, match="this orbax cannot restore it"):
        checkpoint.restore(path, abstract(state(0)))

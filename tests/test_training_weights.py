"""Weights files: what is written comes back, and what does not fit is told by name."""

import os
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from physjax._errors import CheckpointError
from physjax.training import load_weights, read_metadata, save_weights

MODEL = {
    "layers": [{"weight": jnp.arange(6.0).reshape(2, 3), "bias": jnp.ones(2)}],
    "half": jnp.arange(4, dtype=jnp.bfloat16),
    "index": jnp.arange(3),
    "constant": np.arange(3.0),
    "activation": jnp.tanh,
}


def zeros():
    clear = lambda x: jnp.zeros_like(x) if isinstance(x, jax.Array) else x
    return jax.tree.map(clear, MODEL)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.safetensors"
    save_weights(path, MODEL, {"settings": {"widths": [1, 2]}, "seed": 3})
    return path


def test_round_trip(path):
    model, metadata = load_weights(path, zeros())
    for ours, theirs in zip(*map(jax.tree.leaves, (model, MODEL)), strict=True):
        if isinstance(theirs, jax.Array):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours is theirs
    assert metadata == {"settings": {"widths": [1, 2]}, "seed": 3}
    assert read_metadata(path) == metadata


def test_names_are_pytree_paths_and_the_header_is_json(path):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == {
            "layers.0.weight",
            "layers.0.bias",
            "half",
            "index",
        }
        assert set(file.metadata()) == {"physjax"}


def test_the_same_weights_give_the_same_file(path, tmp_path):
    again = tmp_path / "again.safetensors"
    save_weights(again, MODEL, {"settings": {"widths": [1, 2]}, "seed": 3})
    assert again.read_bytes() == path.read_bytes()


def test_floats_take_the_dtype_of_the_model(path):
    template = zeros() | {"half": jax.ShapeDtypeStruct((4,), jnp.float32)}
    model, _ = load_weights(path, template)
    assert model["half"].dtype == jnp.float32
    assert model["half"].tolist() == [0, 1, 2, 3]


def test_differences_are_listed_path_by_path(path):
    template = zeros()
    template["layers"][0]["weight"] = jnp.zeros((2, 4))
    template["extra"] = template.pop("index")
    with pytest.raises(CheckpointError) as error:
        load_weights(path, template)
    for part in (
        "layers.0.weight: float32[2, 3] in the file, float32[2, 4] in the model",
        "extra: absent in the file",
        "index: int32[3] in the file, absent in the model",
    ):
        assert part.replace("int32", str(jnp.arange(1).dtype)).replace(
            "float32", str(jnp.ones(1).dtype)
        ) in str(error.value)


def test_random_faults_are_found(path):
    rng = random.Random(0)
    whole = path.read_bytes()
    for _ in range(50):
        data = bytearray(whole)
        if rng.random() < 0.7:
            bit = rng.randrange(8 * len(data))
            data[bit // 8] ^= 1 << bit % 8
        else:
            del data[rng.randrange(len(data)) :]
        path.write_bytes(data)
        with pytest.raises(CheckpointError):
            load_weights(path, zeros())


def test_what_is_no_weights_file_is_said_in_one_sentence(tmp_path):
    from safetensors.numpy import save_file

    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_weights(tmp_path / "missing", zeros())
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_weights(tmp_path, zeros())
    (tmp_path / "empty").touch()
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        load_weights(tmp_path / "empty", zeros())
    save_file({"x": np.ones(3)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="was not written by physjax"):
        load_weights(tmp_path / "foreign", zeros())


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "replace", full)
    with pytest.raises(OSError, match="No space"):
        save_weights(tmp_path / "w", MODEL)
    assert os.listdir(tmp_path) == []

"""What every published system must do, from its record alone."""

import dataclasses
import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest

import physjax
from physjax import systems, training
from physjax._errors import CheckpointError
from physjax._settings import from_toml, to_toml

ROOT = Path(physjax.__file__).parent
CHAPTERS = [
    "config.py",
    "options.py",
    "data.py",
    "model.py",
    "loss.py",
    "evaluate.py",
    "predict.py",
    "system.py",
    "paper.toml",
    "README.md",
]
STEPS = 60


@pytest.fixture(scope="module", params=systems.names())
def system(request):
    return systems.load(request.param)


@pytest.fixture(scope="module")
def config(system):
    """`Config.small()`, for a few steps."""
    small = system.Config.small()
    train = dataclasses.replace(
        small.train, steps=STEPS, log_every=10, checkpoint_every=STEPS, devices=1
    )
    return dataclasses.replace(small, train=train)


@pytest.fixture(scope="module")
def trained(system, config, tmp_path_factory):
    folder = tmp_path_factory.mktemp(system.name) / "run"
    return training.train(system, config, folder, progress=False)


def same_bits(a, b):
    a, b = (jax.tree.leaves(eqx.filter(x, eqx.is_array)) for x in (a, b))
    return len(a) == len(b) and all(
        x.dtype == y.dtype and np.asarray(x).tobytes() == np.asarray(y).tobytes()
        for x, y in zip(a, b, strict=True)
    )


def test_the_story_has_its_chapters(system):
    folder = ROOT / "systems" / system.name
    missing = [name for name in CHAPTERS if not (folder / name).is_file()]
    assert not missing


def test_the_record_is_whole(system):
    assert system.name in systems.names()
    assert "arXiv" in system.paper
    assert {"default", "small"} <= set(system.presets)
    assert system.presets["default"] == system.Config()
    assert system.presets["small"] == system.Config.small()
    for preset in system.presets.values():
        assert dataclasses.is_dataclass(preset)
        assert isinstance(preset.train, training.TrainConfig)
        assert type(preset).__dataclass_params__.frozen


def test_settings_load_no_jax(system):
    code = (
        f"import physjax.systems.{system.name}.config as c, sys\n"
        f"import physjax.systems.{system.name}.options as o\n"
        "o.Demo(), o.Evaluate, o.Predict(), o.describe\n"
        "c.PAPER, c.PRESETS, c.Config.small()\n"
        "assert 'jax' not in sys.modules and 'numpy' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_presets_go_through_toml(system, tmp_path):
    for name, preset in system.presets.items():
        path = tmp_path / f"{name}.toml"
        path.write_text(to_toml(preset))
        assert from_toml(system.presets["default"], path) == preset


def test_data_follow_from_the_key_alone(system, config):
    jitted = jax.jit(lambda key: system.sample_batch(config, key))
    quick = {"xla_backend_optimization_level": 0}  # to compile, not to run
    sample = jitted.lower(jax.random.key(3)).compile(compiler_options=quick)
    batch = sample(jax.random.key(3))
    assert same_bits(batch, sample(jax.random.key(3)))
    assert not same_bits(batch, sample(jax.random.key(4)))
    for leaf in jax.tree.leaves(batch):
        assert leaf.shape[0] == config.train.batch_size
        assert np.isfinite(leaf).all()


def test_the_loss_is_finite_and_falls_in_one_compilation(trained):
    rows = (trained.run_dir / "metrics.jsonl").read_text().splitlines()
    losses = [json.loads(row)["loss"] for row in rows]
    assert len(losses) == STEPS // 10
    assert all(map(math.isfinite, losses))
    assert losses[-1] < 0.8 * losses[0]
    assert trained.traces == 1


def test_weights_come_back_bit_for_bit(system, config, trained, tmp_path):
    path = tmp_path / "weights.safetensors"
    training.save_weights(path, trained.model, {"config": dataclasses.asdict(config)})
    template = training.abstract_model(system, config)
    model, metadata = training.load_weights(path, template)
    assert same_bits(model, trained.model)
    assert metadata["config"]["train"]["steps"] == STEPS
    restored, again = training.load_model(system, str(path))
    assert restored == config
    assert same_bits(again, trained.model)


def test_a_run_gives_its_model_back(system, config, trained):
    restored, model = training.load_run(system, trained.run_dir)
    assert restored == config
    assert same_bits(model, trained.model)


def test_figures_are_those_that_the_paper_file_names(system, config, trained):
    paper = tomllib.loads((ROOT / "systems" / system.name / "paper.toml").read_text())
    assert {"title", "arxiv", "claims", "evaluation"} <= set(paper)
    assert all({"text", "source", "ours"} <= set(claim) for claim in paper["claims"])
    assert paper["arxiv"].split("v")[0] in system.paper
    evaluation = paper["evaluation"]
    found = system.evaluate(config, trained.model)
    for methods in found.values():
        assert list(methods) == evaluation["methods"]
        for figures in methods.values():
            assert list(figures) == evaluation["figures"]
        model = methods[evaluation.get("model", "model")]
        assert all(map(math.isfinite, model.values()))


def test_the_shipped_weights_load(system):
    if system.weights is None:
        return
    folder = ROOT / "systems" / system.name
    files = {None: system.weights}
    for path in sorted(folder.glob("weights_*.safetensors")):
        files[path.stem.removeprefix("weights_")] = path
    assert system.weights.is_relative_to(folder)
    assert all(path.stat().st_size < 4e6 for path in files.values())
    assert all(name is None or name in system.presets for name in files)
    for name in files:
        config, model = training.load_model(system, name)
        assert isinstance(config, system.Config)
        for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_array)):
            assert np.isfinite(leaf).all()


def test_weights_that_are_not_there_are_said_to_be_missing(system):
    with pytest.raises(CheckpointError, match="there are no weights"):
        training.load_model(system, "nowhere.safetensors")

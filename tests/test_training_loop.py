"""One compiled step, the same numbers by either loop, a run folder that tells all."""

import dataclasses
import json
import shutil
import signal
import threading

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy.config import Config
from toy.system import SYSTEM as TOY

from physjax._errors import (
    CheckpointError,
    ConfigError,
    DeviceError,
    NumericsError,
)
from physjax.training import Interrupted, abstract_model, load_run, load_weights, train
from physjax.training.config import TrainConfig
from physjax.training.optimiser import learning_rate
from physjax.training.progress import Progress, clock
from physjax.training.run_folder import system_of
from physjax.training.sharding import data_mesh


def with_train(**changes):
    config = Config()
    settings = dataclasses.replace(config.train, devices=1, **changes)
    return dataclasses.replace(config, train=settings)


class Recorder(Progress):
    """A progress display that counts compilations and remembers what it was told."""

    def __init__(self):
        self.rows, self.said, self.steps, self.compiled = [], [], [], []

    def say(self, text):
        self.said.append(text)

    def advance(self, step):
        self.steps.append(step)

    def log(self, row, steps):
        self.rows.append(row)
        self.compiled.append(_COMPILATIONS["count"])


_COMPILATIONS = {"count": 0}


def _count(event, seconds, **_):
    if event == "/jax/core/compile/backend_compile_duration":
        _COMPILATIONS["count"] += 1


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished run: result, folder, what the display was told."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    display = Recorder()
    jax.monitoring.register_event_duration_secs_listener(_count)
    try:
        result = train(TOY, with_train(), folder, progress=display)
    finally:
        jax.monitoring.unregister_event_duration_listener(_count)
    return result, folder, display


def test_loss_falls_and_the_model_is_returned(done):
    result, _, display = done
    assert result.step == 40
    assert result.metrics["loss"] < 0.5 * display.rows[0]["loss"]
    assert result.model(jnp.asarray(0.5)).shape == ()


def test_step_is_compiled_once(done):
    result, _, display = done
    assert result.traces == 1
    assert display.compiled[0] > 0
    assert display.compiled[0] == display.compiled[-1]


def test_display_hears_of_every_step_and_of_the_compile_time(done):
    _, _, display = done
    assert display.steps == list(range(1, 41))
    assert any(text.startswith("compiled in ") for text in display.said)


def test_run_folder_is_complete(done):
    _, folder, display = done
    assert {p.name for p in folder.iterdir() if not p.name.startswith(".")} == {
        "config.toml",
        "env.json",
        "metrics.jsonl",
        "checkpoints",
        "evaluation",
        "plots",
        "report.md",
        "weights.safetensors",
    }
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == display.rows
    assert [row["step"] for row in display.rows] == [8, 16, 24, 32, 40]
    environment = json.loads((folder / "env.json").read_text())
    assert environment["versions"]["jax"] == jax.__version__
    assert environment["seed"] == 0
    report = (folder / "report.md").read_text()
    for part in ("![loss](plots/loss.png)", "physjax predict toy", "[train]"):
        assert part in report
    assert (folder / "plots" / "loss.png").read_bytes()[1:4] == b"PNG"
    assert system_of(folder) == "toy"


def test_metrics_are_means_over_the_interval(done):
    """The step written out by hand, eight times."""
    import optax

    from physjax.training.optimiser import make_optimiser
    from physjax.training.step import run_key, step_keys

    _, _, display = done
    config = with_train()
    key = run_key(config.train)
    params, static = eqx.partition(TOY.make_model(config, key), eqx.is_inexact_array)
    optimiser = make_optimiser(config.train)
    opt_state = optimiser.init(params)

    @jax.jit
    def step(params, opt_state, k):
        batch_key, loss_key = step_keys(key, k)
        batch = TOY.sample_batch(config, batch_key)
        value = lambda p: TOY.loss(config, eqx.combine(p, static), batch, loss_key)[0]
        loss, grads = jax.value_and_grad(value)(params)
        with jax.numpy_dtype_promotion("standard"):
            updates, opt_state = optimiser.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    losses = []
    for k in range(8):
        params, opt_state, loss = step(params, opt_state, jnp.int32(k))
        losses.append(float(loss))
    np.testing.assert_allclose(display.rows[0]["loss"], np.mean(losses), rtol=1e-5)


def test_load_run_gives_the_trained_model(done):
    result, folder, _ = done
    config, model = load_run(TOY, folder)
    assert config == with_train()
    assert eqx.tree_equal(model, result.model)


def test_weights_file_gives_the_trained_model(done):
    result, folder, _ = done
    template = abstract_model(TOY, with_train())
    model, metadata = load_weights(folder / "weights.safetensors", template)
    assert eqx.tree_equal(model, result.model)
    assert metadata["step"] == 40


def test_resuming_a_finished_run_changes_nothing(done):
    result, folder, _ = done
    before = (folder / "metrics.jsonl").read_text()
    again = train(TOY, with_train(), folder, resume=True, progress=False)
    assert again.traces == 0
    assert eqx.tree_equal(again.model, result.model)
    assert (folder / "metrics.jsonl").read_text() == before


def test_a_folder_with_something_in_it_is_refused(done, tmp_path):
    _, folder, _ = done
    with pytest.raises(ConfigError, match="physjax resume"):
        train(TOY, with_train(), folder, progress=False)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is not empty"):
        train(TOY, with_train(), tmp_path / "file", progress=False)


def test_resuming_with_other_settings_names_the_first_that_differs(done):
    _, folder, _ = done
    with pytest.raises(ConfigError, match=r"train\.seed = 0 but 1"):
        train(TOY, with_train(seed=1), folder, resume=True, progress=False)


def test_resuming_where_nothing_is(tmp_path):
    with pytest.raises(CheckpointError, match="holds no run"):
        train(TOY, with_train(), tmp_path, resume=True, progress=False)
    with pytest.raises(CheckpointError, match="holds no run"):
        load_run(TOY, tmp_path)


def test_a_run_is_for_one_process_at_a_time(done):
    from physjax.training.run_folder import RunFolder, locked

    _, folder, _ = done
    with (
        locked(RunFolder(folder)),
        pytest.raises(ConfigError, match="another process"),
    ):
        train(TOY, with_train(), folder, resume=True, progress=False)


def test_stop_in_the_middle_of_an_interval_then_go_on(done, tmp_path):
    """A signal at step 13: saved there, resumed there, no bit of difference."""
    result, _, undisturbed = done

    class Stopper(Recorder):
        def advance(self, step):
            if step == 13:
                signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match="stopped at step 13 of 40") as stopped:
        train(TOY, with_train(), tmp_path / "run", progress=Stopper())
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before

    with open(tmp_path / "run" / "metrics.jsonl", "a") as file:
        file.write('{"step": 16, "loss": 0}\n{"st')
    display = Recorder()
    again = train(TOY, with_train(), tmp_path / "run", resume=True, progress=display)
    assert "resuming from step 13" in display.said
    assert eqx.tree_equal(again.model, result.model)
    figures = lambda rows: [(row["step"], row["loss"], row["mae"]) for row in rows]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert figures(map(json.loads, lines)) == figures(undisturbed.rows)


def test_damaged_newest_checkpoint_is_left_for_the_one_before(done, tmp_path):
    result, folder, _ = done
    run = shutil.copytree(folder, tmp_path / "run")
    victim = run / "checkpoints" / "00000040" / "manifest.json"
    victim.write_bytes(victim.read_bytes()[:-7])
    with pytest.warns(RuntimeWarning, match=r"manifest\.json is damaged.*Set aside"):
        again = train(TOY, with_train(), run, resume=True, progress=False)
    assert again.traces == 1
    assert eqx.tree_equal(again.model, result.model)


def broken_from(step_loss, tmp_path, **changes):
    """Trains with a loss or batch that breaks; returns the error and the folder."""
    system = TOY._replace(**step_loss)
    with pytest.raises(NumericsError) as error:
        train(system, with_train(**changes), tmp_path / "run", progress=False)
    return str(error.value), tmp_path / "run"


@pytest.mark.parametrize("loop", ["host", "scan"])
def test_a_loss_that_is_not_finite_stops_the_run_with_its_batch(loop, tmp_path):
    from physjax.training.step import run_key, step_keys

    config = with_train(loop=loop)
    batch_key = step_keys(run_key(config.train), jnp.int32(21))[0]
    poison = TOY.sample_batch(config, batch_key)

    def loss(config, model, batch, key):
        value, metrics = TOY.loss(config, model, batch, key)
        bad = batch["x"][0] == poison["x"][0]
        return jnp.where(bad, jnp.nan, value), metrics

    message, folder = broken_from({"loss": loss}, tmp_path, loop=loop)
    assert "step 21 is not finite: the batch is finite but the loss is nan" in message
    assert "lower train.learning_rate (now 0.01)" in message

    with np.load(folder / "nonfinite" / "step_00000021.npz") as saved:
        np.testing.assert_array_equal(saved["x"], poison["x"])
    steps = sorted(p.name for p in (folder / "checkpoints").iterdir())
    assert steps == ["00000010", "00000020"]
    _, model = load_run(TOY._replace(loss=loss), folder)
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(model) if eqx.is_array(x))
    template = abstract_model(TOY, config)
    model, _ = load_weights(
        folder / "nonfinite" / "step_00000021.safetensors", template
    )
    assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(model) if eqx.is_array(x))


def test_a_batch_that_is_not_finite_is_named(tmp_path):
    def sample_batch(config, key):
        batch = TOY.sample_batch(config, key)
        return batch | {"y": batch["y"].at[0].set(jnp.inf)}

    message, _ = broken_from({"sample_batch": sample_batch}, tmp_path)
    assert "step 0 is not finite: the batch itself is not finite in y" in message


def test_a_gradient_that_is_not_finite_is_told_apart(tmp_path):
    def loss(config, model, batch, key):
        value, metrics = TOY.loss(config, model, batch, key)
        return value + jnp.sqrt(0.0 * value), metrics

    message, _ = broken_from({"loss": loss}, tmp_path)
    assert "its gradient or the update is not finite" in message


def test_outside_the_main_thread_nobody_handles_signals(tmp_path):
    results = []
    config = with_train(steps=2)
    worker = threading.Thread(
        target=lambda: results.append(
            train(TOY, config, tmp_path / "r", progress=False)
        )
    )
    worker.start()
    worker.join()
    assert results[0].step == 2


def test_integer_leaves_are_kept_and_constants_are_not_trained(tmp_path):
    class Model(eqx.Module):
        table: jax.Array
        grid: np.ndarray
        net: eqx.nn.MLP

        def __call__(self, x):
            nothing = (self.table[0] * self.grid[1].astype(int)).astype(x.dtype)
            return self.net(x) + nothing

    def make_model(config, key):
        grid = np.linspace(0, 1, 3, dtype=np.float32)
        return Model(jnp.arange(3), grid, TOY.make_model(config, key))

    system = TOY._replace(make_model=make_model)
    config = with_train(steps=4)
    result = train(system, config, tmp_path / "run", progress=False)
    assert result.model.table.tolist() == [0, 1, 2]
    assert result.model.grid.tolist() == [0.0, 0.5, 1.0]
    _, model = load_run(system, tmp_path / "run")
    assert eqx.tree_equal(model, result.model)


def test_devices_are_counted():
    with pytest.raises(DeviceError, match="jax sees"):
        data_mesh(TrainConfig(devices=1000, batch_size=1000))
    assert data_mesh(TrainConfig(devices=0, batch_size=1)).size == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"log_every": 0},
        {"checkpoint_every": -1},
        {"keep_checkpoints": 0},
        {"learning_rate": float("nan")},
        {"final_learning_rate": 2.0},
        {"clip_norm": -1.0},
        {"seed": -1},
    ],
)
def test_settings_out_of_range_are_named(changes):
    with pytest.raises(ConfigError, match=f"train.{next(iter(changes))} is"):
        TrainConfig(**changes)


def test_learning_rate_rises_then_falls():
    config = TrainConfig(
        steps=100, warmup_steps=10, learning_rate=0.1, final_learning_rate=0.2
    )
    rate = jax.vmap(learning_rate(config))(jnp.arange(101))
    at = jnp.array([0, 9, 10, 55, 100])
    np.testing.assert_allclose(rate[at], [0.01, 0.1, 0.1, 0.06, 0.02], rtol=1e-5)
    assert rate.dtype == jnp.float32


def test_clock():
    assert [clock(s) for s in (0.0, 59.6, 3723.0)] == ["0:00", "1:00", "1:02:03"]


def test_a_run_begins_with_given_weights_and_remembers_them(tmp_path):
    """Also when it is killed before its first checkpoint and resumed."""
    same = lambda a, b: jax.tree.map(np.testing.assert_array_equal, a, b)
    first = train(TOY, with_train(steps=5), tmp_path / "first", progress=False)
    settings = with_train(steps=5, learning_rate=1e-30, weight_decay=0.0)
    run = tmp_path / "second"
    second = train(TOY, settings, run, initial=first.model, progress=False)
    same(second.model, first.model)

    for kept in (run / "checkpoints").iterdir():
        shutil.rmtree(kept)
    again = train(TOY, settings, run, resume=True, progress=False)
    same(again.model, first.model)


def test_weights_of_another_model_leave_no_run_behind(tmp_path):
    model = TOY.make_model(Config(), jax.random.key(0))
    other = eqx.tree_at(lambda m: m.weights, model, jnp.ones(3))
    with pytest.raises(ConfigError, match="another model"):
        train(TOY, with_train(steps=1), tmp_path / "run", initial=other)
    assert not (tmp_path / "run").exists()

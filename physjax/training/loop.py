"""`train`: from settings to a trained model in a run folder."""

import dataclasses
import json
import os
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .._errors import ConfigError
from .._system import System
from . import checkpoint, run_folder
from .metrics import MetricsLog
from .nonfinite import stop_nonfinite
from .progress import Progress, clock, make_progress
from .report import write_report
from .sharding import data_mesh, replicated
from .signals import Interrupted, StopFlag, stop_on_signals
from .step import (
    TrainState,
    abstract_model,
    init_state,
    is_trained,
    make_step,
    run_key,
    static_part,
)
from .weights import load_weights, save_weights


class TrainResult(NamedTuple):
    """What `train` returns.

    Attributes:
        model: The trained model.
        step: Steps done.
        metrics: Last row of `metrics.jsonl`.
        run_dir: The run folder.
        compile_seconds: Time to trace and compile the step.
        traces: How often the step was traced; 1 unless the run was over already.
    """

    model: Any
    step: int
    metrics: dict[str, Any]
    run_dir: Path
    compile_seconds: float
    traces: int


def train(
    system: System,
    config: Any,
    run_dir: str | os.PathLike,
    *,
    initial: Any = None,
    resume: bool = False,
    progress: bool | str | Progress = "auto",
) -> TrainResult:
    """Train a system's model, or go on where a run stopped.

    The step is compiled once. Its batch is made on the device from
    `fold_in(key(seed), step)`, so a run that was killed and resumed gives the same bits
    as one that was not (CPU, same number of devices).

    Args:
        system: The record of functions.
        config: The system's settings; `config.train` is a `TrainConfig`.
        run_dir: Run folder; must be new or empty, unless `resume`.
        initial: A model to begin with in place of fresh weights; a copy of its weights
            stays in the run folder.
        resume: Go on from the newest sound checkpoint, on whatever devices are there;
            from the first step if there is none yet. `config` must be that of the run,
            but for devices, loop and the two settings about checkpoints.
        progress: `"auto"` (live on a terminal, else plain lines), `"plain"`, False, or
            a `Progress`.

    Raises:
        ConfigError: the folder is not empty, or the settings are not those of the run.
        CheckpointError: all checkpoints are damaged, or there is no run to resume.
        DeviceError: not enough devices, or they do not divide the batch.
        NumericsError: a loss, gradient or update was not finite; the batch is saved.
        Interrupted: SIGINT or SIGTERM came; the step was finished and saved.
    """
    root = Path(run_dir)
    mesh = data_mesh(config.train)
    if system.prepare is not None:
        system.prepare(config)
    if resume:
        run = run_folder.open_run(root, config)
    else:
        if initial is not None:
            _check_same_shapes(initial, abstract_model(system, config))
        run = run_folder.create(root, system.name, config)
        environment = run_folder.environment(system.name, config)
        if initial is not None:
            save_weights(run.initial, initial)
        run_folder.write_text(run.environment, json.dumps(environment, indent=2) + "\n")
    display = make_progress(progress, config.train.steps)
    try:
        with run_folder.locked(run), stop_on_signals() as stop:
            return _Run(system, config, run, mesh, display, stop).train()
    finally:
        display.close()


def _check_same_shapes(initial: Any, model: Any) -> None:
    shapes = lambda tree: [
        (jax.tree_util.keystr(path), leaf.shape)
        for path, leaf in jax.tree_util.tree_leaves_with_path(
            eqx.filter(tree, is_trained)
        )
    ]
    if shapes(initial) != shapes(model):
        raise ConfigError(
            "the weights to begin with are of another model than the settings make; "
            "give the settings they were trained with."
        )


def on_device(config: Any) -> bool:
    """Whether many steps go in one loop on the device: `config.train.loop`, decided."""
    if config.train.loop == "auto":
        return jax.default_backend() != "cpu"
    return config.train.loop == "scan"


class _Run:
    """One call of `train`: what its phases share."""

    def __init__(
        self,
        system: System,
        config: Any,
        run: run_folder.RunFolder,
        mesh: jax.sharding.Mesh,
        display: Progress,
        stop: StopFlag,
    ):
        self.system, self.config, self.run = system, config, run
        self.display, self.stop = display, stop
        self.mesh = mesh
        self.key = jax.device_put(run_key(config.train), replicated(self.mesh))
        self.static = static_part(system, config)
        self.traces = 0
        self.compile_seconds = 0.0

    def train(self) -> TrainResult:
        settings = self.config.train
        checkpoint.clean(self.run.checkpoints)
        state = self.restore_or_start()
        step = int(state.step)
        log = MetricsLog(self.run.metrics, step)
        try:
            if step < settings.steps and self.stop.signum is None:
                state = self.loop(state, step, log)
        finally:
            log.close()
        step = int(state.step)
        if step < settings.steps:
            raise Interrupted(
                f"stopped at step {step} of {settings.steps}, saved; go on with "
                f"`physjax resume {self.run.root}`",
                self.stop.signum or signal.SIGINT,
            )
        model = eqx.combine(state.params, self.static)
        if self.system.finish is not None:
            model = self.system.finish(self.config, model, self.key)
        last = log.rows[-1] if log.rows else {}
        self.finish(model, log.rows)
        if self.traces > 1:
            warnings.warn(
                f"the training step was traced {self.traces} times; sample_batch or "
                "loss gives other shapes or types from step to step.",
                RuntimeWarning,
                stacklevel=3,
            )
        return TrainResult(
            model,
            settings.steps,
            last,
            self.run.root,
            self.compile_seconds,
            self.traces,
        )

    def restore_or_start(self) -> TrainState:
        whole = replicated(self.mesh)
        init = lambda key: init_state(self.system, self.config, key)
        found = checkpoint.newest_good(self.run.checkpoints, self.display.warn)
        if found is None:
            return self.start(jax.jit(init, out_shardings=whole)(self.key))
        step, facts = found
        if facts["config_sha256"] != run_folder.config_hash(self.config):
            raise ConfigError(
                f"{checkpoint.path_of(self.run.checkpoints, step)} was written with "
                f"other settings than {self.run.config}; put the settings back."
            )
        template = jax.tree.map(
            lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=whole),
            jax.eval_shape(init, self.key),
        )
        path = checkpoint.path_of(self.run.checkpoints, step)
        self.display.say(f"resuming from step {step}")
        return checkpoint.restore(path, template)

    def start(self, state: TrainState) -> TrainState:
        """The first state, with the weights that the run folder brings along."""
        if not self.run.initial.exists():
            return state
        template = abstract_model(self.system, self.config)
        model, _ = load_weights(self.run.initial, template)
        params = jax.device_put(eqx.filter(model, is_trained), replicated(self.mesh))
        return state._replace(params=params)

    def compile(self, state: TrainState) -> Callable:
        """`advance(leaves, key, count)`, compiled ahead of time on flat leaves.

        A flat tuple of arrays is what `jax.jit` dispatches fastest.
        """
        step = make_step(self.system, self.config, self.static, self.mesh)
        treedef = jax.tree.structure(state)

        def one(leaves, key):
            self.traces += 1
            state = step(jax.tree.unflatten(treedef, leaves), key)
            # Beside the donated leaves, something that outlives the next step.
            return tuple(jax.tree.leaves(state)), state.bad_step + 0

        def many(leaves, key, count):
            body = lambda _, carry: one(carry, key)[0]
            leaves = jax.lax.fori_loop(0, count, body, leaves)
            return leaves, jax.tree.unflatten(treedef, leaves).bad_step + 0

        whole = replicated(self.mesh)
        leaves = tuple(jax.tree.leaves(state))
        if on_device(self.config):
            arguments = (leaves, self.key, jax.device_put(jnp.int32(1), whole))
            function = many
        else:
            arguments = (leaves, self.key)
            function = one
        begin = time.perf_counter()
        jitted = jax.jit(function, donate_argnums=0, out_shardings=whole)
        compiled = jitted.lower(*arguments).compile()
        self.compile_seconds = time.perf_counter() - begin
        self.display.say(
            f"compiled in {self.compile_seconds:.1f} s for {self.mesh.size} "
            f"{jax.default_backend()} device(s), loop on the "
            f"{'device' if on_device(self.config) else 'host'}"
        )
        return compiled

    def loop(self, state: TrainState, step: int, log: MetricsLog) -> TrainState:
        settings = self.config.train
        advance = self.compile(state)
        treedef = jax.tree.structure(state)
        leaves = tuple(jax.tree.leaves(state))
        elapsed = log.rows[-1]["seconds"] if log.rows else 0.0
        tick, tick_step = time.perf_counter(), step
        saved = step
        while step < settings.steps and self.stop.signum is None:
            chunk = min(
                settings.log_every - step % settings.log_every,
                settings.checkpoint_every - step % settings.checkpoint_every,
                settings.steps - step,
            )
            leaves, step = self.advance_by(advance, leaves, step, chunk)
            state = jax.tree.unflatten(treedef, leaves)
            sums, bad = jax.device_get((state.sums, state.bad_step))
            if bad >= 0:
                stop_nonfinite(
                    self.system, self.config, self.run, state, self.key, self.static
                )
            if step % settings.log_every == 0 or step == settings.steps:
                now = time.perf_counter()
                elapsed += now - tick
                log.append(
                    self.row(step, sums, elapsed, (step - tick_step) / (now - tick))
                )
                tick, tick_step = now, step
                self.display.log(log.rows[-1], settings.steps)
            if step % settings.checkpoint_every == 0:
                begin = time.perf_counter()
                saved = self.save(step, state, log)
                tick += time.perf_counter() - begin
        if saved != step:
            self.save(step, state, log)
        return state

    def advance_by(self, advance, leaves, step, chunk):
        """`chunk` steps, fewer if a signal comes: `(leaves, step)`."""
        if on_device(self.config):
            count = jax.device_put(jnp.int32(chunk), replicated(self.mesh))
            leaves, done = advance(leaves, self.key, count)
            done.block_until_ready()
            self.display.advance(step + chunk)
            return leaves, step + chunk
        before = None
        for _ in range(chunk):
            leaves, done = advance(leaves, self.key)
            step += 1
            # One step ahead of the device and no more, so that a signal is heard soon.
            if before is not None:
                before.block_until_ready()
            before = done
            self.display.advance(step)
            if self.stop.signum is not None:
                break
        return leaves, step

    def row(self, step: int, sums: dict, seconds: float, rate: float) -> dict:
        """Means over the logging interval, and the rate of steps."""
        every = self.config.train.log_every
        count = (step - 1) % every + 1
        means = {name: float(total) / count for name, total in sums.items()}
        first = {"step": step, "loss": means.pop("loss")}
        return {
            **first,
            **means,
            "seconds": round(seconds, 3),
            "steps_per_s": round(rate, 3),
        }

    def save(self, step: int, state: TrainState, log: MetricsLog) -> int:
        log.sync()
        facts = {
            "system": self.system.name,
            "config_sha256": run_folder.config_hash(self.config),
            "versions": run_folder.versions(),
            "devices": [d.device_kind for d in self.mesh.devices.flat],
        }
        keep = self.config.train.keep_checkpoints
        checkpoint.save(self.run.checkpoints, step, state, facts, keep=keep)
        return step

    def finish(self, model: Any, rows: list[dict[str, Any]]) -> None:
        """Weights for others, and the report."""
        facts = {
            "system": self.system.name,
            "config": dataclasses.asdict(self.config),
            "step": self.config.train.steps,
            "config_sha256": run_folder.config_hash(self.config),
            "versions": run_folder.versions(),
        }
        save_weights(self.run.weights, model, facts)
        write_report(self.run, self.system, self.config, rows)
        if rows:
            self.display.say(
                f"done: {self.config.train.steps} steps in "
                f"{clock(rows[-1]['seconds'])}, loss {rows[-1]['loss']:.4g}"
            )

"""One full training step of rampinn's preset `paper` against PyTorch.

A step is: a batch of spectra goes from host memory to the device; forward, losses,
backward, clipping, AdamW. Ours is the step that `physjax train` runs, with its metrics
and its watch over non-finite numbers; PyTorch runs the same network and losses eagerly
from the same weights. The value compared is the loss and all gradients before the first
step, each leaf in units of its largest entry, against our own in float64.
"""

import dataclasses
import functools as ft
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from physjax import systems
from physjax.training.sharding import data_mesh
from physjax.training.step import (
    TrainState,
    init_state,
    make_step,
    run_key,
    static_part,
)

from . import peers
from .harness import Case, Gate, Table
from .launch import Context
from .peers import copy_case

TOLERANCE = 1e-3
SCANNED = 50


def tables(context: Context) -> Iterator[Table]:
    yield _table(context, *((8, 320) if context.quick else (32, 640)))
    if context.backend != "cpu" and not context.quick:
        yield _table(context, 1024, 1008)


def _table(context: Context, batch_size: int, num_points: int) -> Table:
    problem = Problem(batch_size, num_points)
    floor = 1.0 if context.heap else 0.8
    gate = Gate("speed", floor, 1.2, against="torch eager")
    cases = [
        _case("physjax", problem, problem.from_host, gates=[gate]),
        _case("physjax, batch made in the step", problem, problem.made_inside),
        _torch(context, problem),
    ]
    if context.backend != "cpu":
        name = f"physjax, {SCANNED} steps in one program"
        cases.append(_case(name, problem, problem.many, units=SCANNED))
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(problem.state.params))
    return Table(
        op="training_step",
        size=f"{batch_size}x{num_points}",
        dtype="float32",
        ref="torch eager",
        cases=cases,
        reference=problem.exact,
        tolerance=TOLERANCE,
        items=batch_size,
        roofline=copy_case(4 * weights),  # weights, gradient, two moments
        roofline_traffic=8 * weights,
        seconds=3.0,
    )


class Problem:
    """The preset, one batch, the first state, and the right loss and gradients."""

    def __init__(self, batch_size: int, num_points: int):
        self.system = systems.load("rampinn")
        preset = systems.config_module("rampinn").PRESETS["paper"]
        data = dataclasses.replace(preset.data, num_points=num_points)
        train = dataclasses.replace(preset.train, batch_size=batch_size, devices=1)
        self.config = dataclasses.replace(preset, data=data, train=train)
        self.key = run_key(train)
        make = ft.partial(self.system.sample_batch, self.config)
        self.batch = jax.tree.map(np.asarray, jax.jit(make)(self.key))
        state = jax.jit(ft.partial(init_state, self.system, self.config))(self.key)
        self.state: TrainState = jax.tree.map(np.asarray, state)
        self.static = static_part(self.system, self.config)
        self.mesh = data_mesh(train)
        self._gradient = jax.jit(jax.value_and_grad(self._objective))

        leaves = jax.tree_util.tree_flatten_with_path(self.state.params)[0]
        name = ft.partial(jax.tree_util.keystr, simple=True, separator=".")
        self.names = [name(path) for path, _ in leaves]
        with jax.enable_x64(True):
            double = ft.partial(jax.tree.map, lambda x: jnp.asarray(x, jnp.float64))
            params, batch = double(self.state.params), double(self.batch)
            loss, gradients = jax.device_get(self.gradient(params, batch))
        self.scales = [abs(float(loss)), *(np.max(np.abs(g)) for g in gradients)]
        self.exact = self.in_units(loss, gradients)

    def gradient(self, params, batch) -> tuple[Any, list[Any]]:
        """Loss, and its gradients in the order of `names`."""

        loss, gradients = self._gradient(params, batch)
        return loss, jax.tree.leaves(gradients)

    def _objective(self, params, batch):
        model = eqx.combine(params, self.static)
        return self.system.loss(self.config, model, batch, self.key)[0]

    def in_units(self, loss, gradients) -> np.ndarray:
        parts = zip([loss, *gradients], self.scales, strict=True)
        return np.concatenate([np.ravel(np.asarray(g) / s) for g, s in parts])

    def step(self, state: TrainState, batch) -> TrainState:
        """The training step, with a batch from outside if there is one."""
        system = self.system
        if batch is not None:
            system = system._replace(sample_batch=lambda config, key: batch)
        return make_step(system, self.config, self.static, self.mesh)(state, self.key)

    def _run(self, body: Callable, batch) -> Callable[[], Any]:
        """Calls of the compiled step, each from the state that the last one left."""
        treedef = jax.tree.structure(self.state)

        def flat(leaves, batch):
            state = body(jax.tree.unflatten(treedef, leaves), batch)
            return tuple(jax.tree.leaves(state)), state.bad_step + 0

        advance = jax.jit(flat, donate_argnums=0)
        leaves = [tuple(jax.tree.map(jnp.array, jax.tree.leaves(self.state)))]

        def run():
            leaves[0], done = advance(leaves[0], batch)
            return done

        return run

    def from_host(self) -> Callable[[], Any]:
        return self._run(self.step, self.batch)

    def made_inside(self) -> Callable[[], Any]:
        return self._run(self.step, None)

    def many(self) -> Callable[[], Any]:
        body = lambda state, batch: jax.lax.fori_loop(
            0, SCANNED, lambda _, s: self.step(s, batch), state
        )
        return self._run(body, None)


def _case(name: str, problem: Problem, build, **options) -> Case:
    def value(done) -> np.ndarray:
        if int(done) >= 0:
            raise ArithmeticError(f"step {int(done)} was not finite")
        return problem.in_units(*problem.gradient(problem.state.params, problem.batch))

    return Case(name, build, jax.block_until_ready, value, **options)


def _torch(context: Context, problem: Problem) -> Case:
    torch = peers.find("torch")
    if torch is None:
        return peers.missing("torch eager", "torch")
    from .torch_rampinn import Loss, RamPINN

    device = peers.torch_device(torch, context)
    model_config, train = problem.config.model, problem.config.train
    network = RamPINN(model_config.widths, model_config.kernels, model_config.heads)
    network.load(
        dict(zip(problem.names, jax.tree.leaves(problem.state.params), strict=True))
    )
    network.to(device)
    loss_of = Loss(problem.config.data.num_points, problem.config.loss).to(device)
    host = [torch.from_numpy(np.array(x)) for x in problem.batch]

    def backward():
        intensity, raman, _ = (x.to(device) for x in host)
        loss = loss_of(network(intensity), intensity, raman)
        loss.backward()
        return loss

    loss = backward()
    gradients = network.gradients()
    value = problem.in_units(loss.item(), [gradients[name] for name in problem.names])

    def build():
        optimiser = torch.optim.AdamW(
            network.parameters(),
            train.learning_rate,
            weight_decay=train.weight_decay,
            fused=True,
        )

        def run():
            optimiser.zero_grad(set_to_none=True)
            loss = backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), train.clip_norm)
            optimiser.step()
            return loss

        return run

    block = peers.torch_block(torch, device)
    return Case("torch eager", build, block, value=lambda _: value)

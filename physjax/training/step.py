"""One optimiser step as a pure function of the state."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh

from .._system import System
from .config import TrainConfig
from .optimiser import learning_rate, make_optimiser
from .sharding import shard_batch


class TrainState(NamedTuple):
    """Everything a restart needs; all leaves are arrays.

    Attributes:
        step: Steps done so far, int32.
        params: The model's floating `jax.Array` leaves; the rest is None.
        opt_state: Optax state, for all parameters as one vector.
        sums: Metrics summed since the last logging interval began.
        bad_step: First step whose loss, gradient or update was not finite, or -1. From
            there on `params` and `opt_state` stand still.
    """

    step: jax.Array
    params: Any
    opt_state: Any
    sums: dict[str, jax.Array]
    bad_step: jax.Array


def run_key(config: TrainConfig) -> jax.Array:
    """Key of the run: step k uses `fold_in(run_key, k)`."""
    return jax.random.key(config.seed)


def step_keys(key: jax.Array, step: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Keys of the batch and of the loss at one step."""
    batch_key, loss_key = jax.random.split(jax.random.fold_in(key, step))
    return batch_key, loss_key


def is_trained(leaf: Any) -> bool:
    """Whether a leaf of a model is trained: a floating `jax.Array`, or its abstract.

    NumPy arrays are constants, as are integers, keys and functions.
    """
    kinds = (jax.Array, jax.ShapeDtypeStruct)
    return isinstance(leaf, kinds) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_buffer(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and not is_trained(leaf)


def abstract_model(system: System, config: Any) -> Any:
    """The model with `jax.ShapeDtypeStruct` in place of its arrays; costs no time.

    Unlike `eqx.filter_eval_shape`, it keeps the values of NumPy arrays.
    """
    rest = None

    def arrays(key):
        nonlocal rest
        model = system.make_model(config, key)
        arrays, rest = eqx.partition(model, lambda x: isinstance(x, jax.Array))
        return arrays

    shapes = jax.eval_shape(arrays, run_key(config.train))
    return eqx.combine(shapes, rest)


def static_part(system: System, config: Any) -> Any:
    """The model without its trained leaves; integer arrays are made afresh."""
    static = eqx.filter(abstract_model(system, config), is_trained, inverse=True)
    if not any(map(_is_buffer, jax.tree.leaves(static))):
        return static
    make = lambda key: eqx.filter(system.make_model(config, key), _is_buffer)
    return eqx.combine(jax.jit(make)(run_key(config.train)), static)


def init_state(system: System, config: Any, key: jax.Array) -> TrainState:
    """State before the first step; traceable."""
    params = eqx.filter(system.make_model(config, key), is_trained)
    metrics = metric_shapes(system, config)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=make_optimiser(config.train).init(_ravel(params)[0]),
        sums=jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), metrics),
        bad_step=jnp.full((), -1, jnp.int32),
    )


def _ravel(tree: Any) -> tuple[jax.Array, Callable[[jax.Array], Any]]:
    with jax.numpy_dtype_promotion("standard"):  # leaves of several types
        vector, unravel = ravel_pytree(tree)
    return vector, unravel


def metric_shapes(system: System, config: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Names and types of the metrics, by abstract evaluation of one loss."""

    def evaluate(key):
        model = system.make_model(config, key)
        batch = system.sample_batch(config, key)
        loss, metrics = system.loss(config, model, batch, key)
        return _gather(loss, metrics, loss, loss)

    return jax.eval_shape(evaluate, run_key(config.train))


def _gather(loss, metrics, grad_norm, rate) -> dict[str, jax.Array]:
    own = {"loss": loss, "grad_norm": grad_norm, "learning_rate": rate}
    return {k: jnp.asarray(v, float) for k, v in {**metrics, **own}.items()}


def _once(make: Callable[[], Any], step: jax.Array) -> Any:
    """`make()`, kept: else XLA fuses it into every loop that reads it, and makes a
    batch of random numbers many times in one step.

    On CPUs a barrier is gone before loops are fused; a branch is not.
    """
    if jax.default_backend() != "cpu":
        return jax.lax.optimization_barrier(make())
    shapes = jax.eval_shape(make)
    nothing = lambda: jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
    return jax.lax.cond(step >= 0, make, nothing)


def make_step(
    system: System, config: Any, static: Any, mesh: Mesh
) -> Callable[[TrainState, jax.Array], TrainState]:
    """The function `step(state, key) -> state`, not yet jitted.

    The batch is made inside, from `fold_in(key, state.step)`. `static` is the model
    without its trained leaves.
    """
    optimiser = make_optimiser(config.train)
    rate = learning_rate(config.train)

    def step(state: TrainState, key: jax.Array) -> TrainState:
        batch_key, loss_key = step_keys(key, state.step)
        batch = _once(lambda: system.sample_batch(config, batch_key), state.step)
        batch = shard_batch(batch, mesh, config.train.batch_size)

        def objective(params):
            model = eqx.combine(params, static)
            return system.loss(config, model, batch, loss_key)

        (loss, metrics), grads = jax.value_and_grad(objective, has_aux=True)(
            state.params
        )
        # One vector: XLA compiles one update, not one for every leaf.
        gradient, _ = _ravel(grads)
        old, unravel = _ravel(state.params)
        with jax.numpy_dtype_promotion("standard"):  # Optax counts in integers
            update, opt_state = optimiser.update(gradient, state.opt_state, old)
        new = jnp.asarray(optax.apply_updates(old, update))

        grad_norm = optax.tree.norm(gradient)
        finite = jnp.isfinite(loss) & jnp.isfinite(new).all() & jnp.isfinite(grad_norm)
        healthy = finite & (state.bad_step < 0)
        new, opt_state = jax.tree.map(
            lambda new, old: jnp.where(healthy, new, old),
            (new, opt_state),
            (old, state.opt_state),
        )

        figures = _gather(loss, metrics, grad_norm, rate(state.step))
        first = state.step % config.train.log_every == 0
        sums = jax.tree.map(
            lambda total, x: jnp.where(first, x, total + x), state.sums, figures
        )
        fell = ~finite & (state.bad_step < 0)
        return TrainState(
            step=state.step + 1,
            params=unravel(new),
            opt_state=opt_state,
            sums=sums,
            bad_step=jnp.where(fell, state.step, state.bad_step),
        )

    return step

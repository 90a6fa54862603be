"""What to do when a loss is not finite: keep the evidence and stop."""

from typing import Any, NoReturn

import equinox as eqx
import jax
import numpy as np

from .._errors import NumericsError
from .._system import System
from .run_folder import RunFolder
from .step import TrainState, step_keys
from .weights import save_weights


def stop_nonfinite(
    system: System,
    config: Any,
    run: RunFolder,
    state: TrainState,
    key: jax.Array,
    static: Any,
) -> NoReturn:
    """Save the batch and the weights of the step that failed, and raise.

    The weights stand still from that step on, and the batch follows from its key, so
    both are exactly what the step saw.

    Raises:
        NumericsError: always.
    """
    step = int(state.bad_step)

    @jax.jit
    def again(params, step):
        batch_key, loss_key = step_keys(key, step)
        batch = system.sample_batch(config, batch_key)
        model = eqx.combine(params, static)
        return batch, system.loss(config, model, batch, loss_key)[0]

    batch, loss = jax.device_get(again(state.params, state.bad_step))
    named = {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in jax.tree_util.tree_flatten_with_path(batch)[0]
    }
    run.nonfinite.mkdir(exist_ok=True)
    path = run.nonfinite / f"step_{step:08d}.npz"
    np.savez(path, **{name or "batch": x for name, x in named.items()})
    model = eqx.combine(state.params, static)
    save_weights(path.with_suffix(".safetensors"), model, {"step": step})

    floats = {name: x for name, x in named.items() if x.dtype.kind in "fc"}
    broken = [name for name, x in floats.items() if not np.isfinite(x).all()]
    lower = f"lower train.learning_rate (now {config.train.learning_rate:g})"
    if broken:
        where = f"the batch itself is not finite in {', '.join(broken)}"
        cure = "mend sample_batch or its settings"
    elif not np.isfinite(loss):
        where = f"the batch is finite but the loss is {loss}"
        cure = f"{lower}, or look for a division or a logarithm at zero"
    else:
        where = f"the loss is {loss} but its gradient or the update is not finite"
        cure = f"look for a square root or a norm at zero, or {lower}"
    raise NumericsError(
        f"step {step} is not finite: {where}; batch and weights are in {path} and "
        f"beside it; {cure}, and train anew into another folder."
    )

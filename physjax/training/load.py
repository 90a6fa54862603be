"""The model of a run folder."""

import os
from pathlib import Path
from typing import Any

import equinox as eqx
import jax

from .._errors import CheckpointError
from .._system import System
from . import checkpoint, run_folder
from .progress import Progress
from .step import abstract_model, is_trained, static_part


def load_run(system: System, run_dir: str | os.PathLike) -> tuple[Any, Any]:
    """Settings and model of a run, from its newest sound checkpoint.

    Damaged checkpoints are set aside with a `RuntimeWarning`, as in `train`.

    Raises:
        CheckpointError: there is no run in the folder, no sound checkpoint, or it is of
            another system.
    """
    root = Path(run_dir)
    run = run_folder.RunFolder(root)
    config = run_folder.read_config(root, system.presets["default"])
    found = checkpoint.newest_good(run.checkpoints, Progress().warn)
    if found is None:
        raise CheckpointError(
            f"{run.checkpoints} holds no checkpoint yet; go on with "
            f"`physjax resume {root}`."
        )
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    template = jax.tree.map(
        lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=device),
        eqx.filter(abstract_model(system, config), is_trained),
    )
    path = checkpoint.path_of(run.checkpoints, found[0])
    params = checkpoint.restore(path, template, only="params")
    return config, eqx.combine(params, static_part(system, config))

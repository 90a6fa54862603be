"""The model of a run folder."""

import os
from pathlib import Path
from typing import Any

import equinox as eqx
import jax

from .._errors import CheckpointError, ConfigError
from .._settings import from_table
from .._system import System
from . import checkpoint, run_folder
from .progress import Progress
from .step import abstract_model, is_trained, static_part
from .weights import load_weights, read_metadata


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
    if system.finish is not None and run.weights.exists():
        return config, load_weights(run.weights, abstract_model(system, config))[0]
    params = checkpoint.restore(path, template, only="params")
    return config, eqx.combine(params, static_part(system, config))


def load_model(
    system: System, weights: str | os.PathLike | None = None
) -> tuple[Any, Any]:
    """Settings and model: those of the package, of a run, or of a file.

    Args:
        system: The system.
        weights: A run folder, a `.safetensors` file whose metadata holds `config`, the
            name of a preset the package has weights of, or None for those of `default`.

    Returns:
        `(config, model)`.

    Raises:
        ConfigError: The package has no weights of the system.
        CheckpointError: The weights are not there, damaged, or of another model.
    """
    if weights is not None and Path(weights).is_dir():
        return load_run(system, weights)
    path = _shipped(system, weights) or weights
    if path is None:
        raise ConfigError(
            f"{system.name} comes without weights; train it with "
            f"`physjax train {system.name}` and name the run by --weights RUN."
        )
    if not Path(path).exists():
        raise CheckpointError(
            f"there are no weights {path}; name a run folder or a .safetensors file."
        )
    table = read_metadata(path).get("config")
    if not isinstance(table, dict):
        raise CheckpointError(
            f"the metadata of {path} holds no 'config'; name its run."
        )
    config = from_table(system.presets["default"], table, f"{path}: config")
    return config, load_weights(path, abstract_model(system, config))[0]


def _shipped(system: System, preset: str | os.PathLike | None) -> Path | None:
    """`weights.safetensors` of the package, or `weights_PRESET.safetensors` beside."""
    if preset is None or system.weights is None:
        return system.weights
    if preset not in system.presets:
        return None
    path = system.weights.with_name(f"weights_{preset}.safetensors")
    return path if path.exists() else None

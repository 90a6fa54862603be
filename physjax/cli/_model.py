"""A system's model: the one that comes with the package, a run's, or a file's."""

from pathlib import Path
from typing import Any

from .. import training
from .._errors import CheckpointError, ConfigError
from .._settings import from_table
from .._system import System


def load_model(system: System, weights: str | None) -> tuple[Any, Any]:
    """Settings and model.

    Args:
        system: The system.
        weights: A run folder, a `.safetensors` file whose metadata holds `config`, or
            None for the weights of the package.
    """
    if weights is not None and Path(weights).is_dir():
        return training.load_run(system, weights)
    path = Path(weights) if weights is not None else system.weights
    if path is None:
        raise ConfigError(
            f"{system.name} comes without weights; train it with "
            f"`physjax train {system.name}` and name the run by --weights RUN."
        )
    if not Path(path).exists():
        raise CheckpointError(
            f"there are no weights {path}; name a run folder or a .safetensors file."
        )
    table = training.read_metadata(path).get("config")
    if not isinstance(table, dict):
        raise CheckpointError(
            f"the metadata of {path} holds no 'config'; name its run."
        )
    config = from_table(system.presets["default"], table, f"{path}: config")
    template = training.abstract_model(system, config)
    return config, training.load_weights(path, template)[0]

"""Training: step, loop, checkpoints, sharding, metrics, run folder. Knows no physics.

Names are imported when they are asked for, so that settings load no jax.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cache import enable_compilation_cache as enable_compilation_cache
    from .config import TrainConfig as TrainConfig
    from .load import load_model as load_model
    from .load import load_run as load_run
    from .loop import TrainResult as TrainResult
    from .loop import train as train
    from .signals import Interrupted as Interrupted
    from .step import abstract_model as abstract_model
    from .weights import load_weights as load_weights
    from .weights import read_metadata as read_metadata
    from .weights import save_weights as save_weights

_HOME = {
    "enable_compilation_cache": "cache",
    "TrainConfig": "config",
    "load_model": "load",
    "load_run": "load",
    "TrainResult": "loop",
    "train": "loop",
    "Interrupted": "signals",
    "abstract_model": "step",
    "load_weights": "weights",
    "read_metadata": "weights",
    "save_weights": "weights",
}

__all__ = [
    "Interrupted",
    "TrainConfig",
    "TrainResult",
    "abstract_model",
    "enable_compilation_cache",
    "load_model",
    "load_run",
    "load_weights",
    "read_metadata",
    "save_weights",
    "train",
]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOME]

"""Pure physics functions in JAX, and learned models built from them.

The names below are loaded when first used: `import physjax` itself loads no JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import interop as interop
    from . import io as io
    from . import losses as losses
    from . import metrics as metrics
    from . import nn as nn
    from . import operators as operators
    from . import simulators as simulators
    from . import solvers as solvers
    from . import systems as systems
    from . import testing as testing
    from . import training as training
    from ._boundaries import Dirichlet as Dirichlet
    from ._boundaries import Neumann as Neumann
    from ._boundaries import Periodic as Periodic
    from ._boundaries import Robin as Robin
    from ._errors import CheckpointError as CheckpointError
    from ._errors import ConfigError as ConfigError
    from ._errors import DataError as DataError
    from ._errors import DeviceError as DeviceError
    from ._errors import NumericsError as NumericsError
    from ._errors import PhysjaxError as PhysjaxError
    from ._grids import Grid as Grid
    from ._solution import Solution as Solution
    from ._solution import throw as throw

    __version__: str

_HOMES = {
    "_boundaries": ("Dirichlet", "Neumann", "Periodic", "Robin"),
    "_errors": (
        "CheckpointError",
        "ConfigError",
        "DataError",
        "DeviceError",
        "NumericsError",
        "PhysjaxError",
    ),
    "_grids": ("Grid",),
    "_solution": ("Solution", "throw"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_ROOMS = (
    "interop",
    "io",
    "losses",
    "metrics",
    "nn",
    "operators",
    "simulators",
    "solvers",
    "systems",
    "testing",
    "training",
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("physjax")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_HOME, "__version__"})

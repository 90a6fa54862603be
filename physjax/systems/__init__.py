"""The registry: published systems by name, loaded when asked for. Imports no jax."""

import difflib
import importlib
from types import ModuleType

from .._errors import ConfigError
from .._system import System

_SYSTEMS = {
    "rampinn": "physjax.systems.rampinn",
    "pn_junction": "physjax.systems.pn_junction",
    "pg_moe": "physjax.systems.pg_moe",
    "karma": "physjax.systems.karma",
}


def names() -> tuple[str, ...]:
    """Names of all systems."""
    return tuple(_SYSTEMS)


def _module(name: str) -> str:
    if name not in _SYSTEMS:
        close = difflib.get_close_matches(name, _SYSTEMS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(
            f"unknown system {name!r}{hint} Known are: {', '.join(_SYSTEMS)}."
        )
    return _SYSTEMS[name]


def config_module(name: str) -> ModuleType:
    """The system's `config` module: `Config`, `PRESETS`, `PAPER`. Loads no jax."""
    return importlib.import_module(_module(name) + ".config")


def options_module(name: str) -> ModuleType:
    """The system's `options` module: what its command line takes. Loads no jax."""
    return importlib.import_module(_module(name) + ".options")


def load(name: str) -> System:
    """The system's record of functions. Loads jax."""
    return importlib.import_module(_module(name) + ".system").SYSTEM

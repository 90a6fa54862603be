"""Flax models, Linen and NNX, as pytrees of parameters that can be called.

`physjax.training.train` takes any model that is a pytree; these adapters make one of a
Flax module, so it trains in the same step, with the same checkpoints and weights files.

Example:
    >>> import jax, jax.numpy as jnp
    >>> from flax import linen, nnx
    >>> key = jax.random.key(0)
    >>> model = from_linen(linen.Dense(3), key, jnp.ones(2))
    >>> model(jnp.ones(2)).shape
    (3,)
    >>> model = from_nnx(nnx.Linear(2, 3, rngs=nnx.Rngs(key)))
    >>> jax.vmap(model)(jnp.ones((5, 2))).shape
    (5, 3)
"""

from typing import Any

import equinox as eqx
import jax

from .._errors import ConfigError

try:
    from flax import nnx
except ImportError as error:
    raise ImportError(
        "physjax.interop.flax needs Flax: pip install 'flax>=0.12.8'"
    ) from error

_STATE = (
    "holds {kind} besides its parameters ({names}); a training step is a pure function "
    "of the parameters, so {cure}."
)
_NORM = "use LayerNorm, GroupNorm or RMSNorm in place of BatchNorm"
_DROPOUT = (
    "build Dropout without rngs and give them in the call: model(x, rngs=nnx.Rngs(key))"
)


class LinenModel(eqx.Module):
    """A Linen module with its parameters.

    `model(*args, **kwargs)` is `module.apply({"params": params}, *args, **kwargs)`; for
    dropout give `rngs={"dropout": key}`.
    """

    params: Any
    module: Any = eqx.field(static=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.module.apply({"params": self.params}, *args, **kwargs)


def from_linen(module: Any, key: jax.Array, *args: Any, **kwargs: Any) -> LinenModel:
    """Initialise a Linen module for inputs like `args`; traceable.

    Raises:
        ConfigError: the module keeps variables other than parameters.
    """
    variables = module.init(key, *args, **kwargs)
    if others := sorted(set(variables) - {"params"}):
        name = type(module).__name__
        raise ConfigError(
            f"{name} "
            + _STATE.format(kind="variables", names=", ".join(others), cure=_NORM)
        )
    return LinenModel(variables.get("params", {}), module)


class NNXModel(eqx.Module):
    """An NNX module, split into its parameters and its graph.

    `model(*args, **kwargs)` merges them and calls the module; `merge()` gives it back.
    """

    params: Any
    graph: Any = eqx.field(static=True)

    def merge(self) -> Any:
        """The NNX module with these parameters."""
        return nnx.merge(self.graph, nnx.State(self.params))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.merge()(*args, **kwargs)


def from_nnx(module: Any) -> NNXModel:
    """Split an NNX module; traceable, so it may be built inside `make_model`.

    Raises:
        ConfigError: the module keeps state other than `nnx.Param`.
    """
    graph, params, rest = nnx.split(module, nnx.Param, ...)
    others = nnx.to_flat_state(rest)
    if others:
        names = ", ".join(".".join(map(str, path)) for path, _ in others)
        random = all(isinstance(v, nnx.RngState) for _, v in others)
        kind, cure = ("random state", _DROPOUT) if random else ("state", _NORM)
        raise ConfigError(
            f"{type(module).__name__} "
            + _STATE.format(kind=kind, names=names, cure=cure)
        )
    return NNXModel(nnx.to_pure_dict(params), graph)

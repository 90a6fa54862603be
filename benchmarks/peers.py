"""Cases made of JAX functions, and of peers that may not be installed."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .harness import Case, Gate
from .launch import Context


def jax_case(
    name: str,
    function: Callable[..., Any],
    *arguments: Any,
    gates: Sequence[Gate] = (),
    **options: Any,
) -> Case:
    """`jax.jit(function)(*arguments)`, compiled in the case's first call."""

    def build():
        jitted = jax.jit(function)
        return lambda: jitted(*arguments)

    return Case(name, build, jax.block_until_ready, gates=gates, **options)


def copy_case(nbytes: int) -> Case:
    """Reads and writes `nbytes` in place: the roofline of a working set this large."""

    def build():
        flip = jax.jit(jnp.negative, donate_argnums=0)
        state = [jnp.ones(max(nbytes // 4, 1), jnp.float32)]

        def run():
            state[0] = flip(state[0])
            return state[0]

        return run

    return Case("copy (roofline)", build, jax.block_until_ready, compare=False)


def find(module: str) -> Any | None:
    """The peer's module, or None."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def missing(name: str, package: str) -> Case:
    """A row that says that a peer is not there."""
    return Case(name, missing=f"not installed ({package}: extra `bench`)")


def torch_device(torch: Any, context: Context) -> str:
    """Where torch runs: beside JAX."""
    torch.set_num_threads(context.threads)
    on_gpu = context.backend in ("gpu", "cuda") and torch.cuda.is_available()
    return "cuda" if on_gpu else "cpu"


def torch_block(torch: Any, device: str) -> Callable[[Any], Any]:
    """Waits for torch's stream."""
    if device == "cpu":
        return lambda result: result

    def block(result):
        torch.cuda.synchronize()
        return result

    return block


def to_numpy(tensor: Any) -> np.ndarray:
    """A torch tensor as an array."""
    return tensor.detach().cpu().numpy()

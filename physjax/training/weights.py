"""Weights as safetensors: names are pytree paths, the header holds JSON, no pickle."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .._errors import CheckpointError

_FORMAT = "physjax-weights-1"


def _is_array(x: Any) -> bool:
    return isinstance(x, jax.Array | jax.ShapeDtypeStruct)


def _named(model: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_flatten_with_path(model)[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf
        for path, leaf in leaves
        if _is_array(leaf)
    }


def _digest(arrays: dict[str, np.ndarray], metadata: Any) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        x = arrays[name]
        digest.update(f"{name} {x.dtype} {x.shape} ".encode() + x.tobytes())
    return digest.hexdigest()


def save_weights(
    path: str | os.PathLike, model: Any, metadata: dict[str, Any] | None = None
) -> None:
    """Write the arrays of a model, and `metadata`, to a safetensors file.

    Args:
        path: File to write; it appears complete or not at all.
        model: Any pytree; its `jax.Array` leaves are written under their pytree paths,
            in their dtype.
        metadata: What JSON can hold: settings, provenance, figures.
    """
    from safetensors.numpy import save

    arrays = {k: np.ascontiguousarray(x) for k, x in _named(model).items()}
    metadata = json.loads(json.dumps(metadata or {}))
    digest = _digest(arrays, metadata)
    header = {"format": _FORMAT, "metadata": metadata, "sha256": digest}
    path = Path(path)
    temporary = path.with_name(f".{path.name}.writing")
    # One entry: safetensors writes several in random order.
    content = save(arrays, {"physjax": json.dumps(header)})
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """The metadata of a weights file, without its arrays.

    Raises:
        CheckpointError: the file is missing, damaged or not written by `save_weights`.
    """
    return _open(path)[1]["metadata"]


def _open(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("physjax", "{}"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} cannot be read as weights ({why}); give a .safetensors file "
            "written by physjax."
        ) from None
    if header.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} was not written by physjax: its header lacks "
            f"format {_FORMAT!r}; load it yourself with safetensors."
        )
    actual = _digest(arrays, header.get("metadata"))
    if header.get("sha256") != actual:
        raise CheckpointError(
            f"{path} is damaged: the sha256 of what it holds is {actual}, "
            f"{header.get('sha256')} was recorded; get another copy."
        )
    return arrays, header


def load_weights(path: str | os.PathLike, template: Any) -> tuple[Any, dict[str, Any]]:
    """Read weights into the arrays of a model of the same shapes.

    Args:
        path: File that `save_weights` wrote.
        template: The model, with arrays or `jax.ShapeDtypeStruct`
            as `abstract_model` makes it. Floating numbers are cast to its dtypes;
            NumPy arrays and other leaves are kept.

    Returns:
        The model and the metadata.

    Raises:
        CheckpointError: the file is missing or damaged, or names, shapes or kinds
            differ; the message lists the paths that do.

    Example:
        >>> import tempfile, jax.numpy as jnp
        >>> model = {"w": jnp.arange(3.0), "name": "line"}
        >>> path = Path(tempfile.mkdtemp()) / "line.safetensors"
        >>> save_weights(path, model, {"seed": 0})
        >>> loaded, metadata = load_weights(path, {"w": jnp.zeros(3), "name": "line"})
        >>> loaded["w"].tolist(), loaded["name"], metadata
        ([0.0, 1.0, 2.0], 'line', {'seed': 0})
    """
    arrays, header = _open(path)
    wanted = _named(template)
    lines = [
        f"{name}: {_shown(arrays.get(name))} in the file, "
        f"{_shown(wanted.get(name))} in the model"
        for name in sorted(arrays.keys() | wanted.keys())
        if not _fits(arrays.get(name), wanted.get(name))
    ]
    if lines:
        more = f"; and {len(lines) - 8} more" if len(lines) > 8 else ""
        raise CheckpointError(
            f"{path} holds the weights of another model ({'; '.join(lines[:8])}{more});"
            " build the model with the settings it was trained with."
        )
    leaves, treedef = jax.tree_util.tree_flatten_with_path(template)
    loaded = [
        jax.numpy.asarray(
            arrays[jax.tree_util.keystr(path, simple=True, separator=".")], x.dtype
        )
        if _is_array(x)
        else x
        for path, x in leaves
    ]
    return jax.tree.unflatten(treedef, loaded), header["metadata"]


def _shown(x: Any) -> str:
    return "absent" if x is None else f"{x.dtype}{list(x.shape)}"


def _fits(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None or ours.shape != theirs.shape:
        return False
    floating = jax.numpy.floating
    both = [jax.numpy.issubdtype(x.dtype, floating) for x in (ours, theirs)]
    return all(both) or ours.dtype == theirs.dtype

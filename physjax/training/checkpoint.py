"""Checkpoints: complete or not there, verified when read, damaged ones set aside.

A checkpoint is a folder `<step>/` with what Orbax wrote under `state/` and a manifest
of hashes. It is written under another name and renamed when it is on the disk, so a
process may be killed at any moment.
"""

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from .._errors import CheckpointError
from . import manifest

_TEMPORARY, _RETIRED = ".writing-", ".retired-"


def _checkpointer():
    import orbax.checkpoint as ocp

    logging.getLogger("absl").setLevel(logging.ERROR)
    return ocp.Checkpointer(ocp.StandardCheckpointHandler())


def steps(folder: Path) -> list[int]:
    """Steps with a checkpoint, ascending; whether they are sound is not looked at."""
    if not folder.is_dir():
        return []
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit())


def path_of(folder: Path, step: int) -> Path:
    """Folder of the checkpoint of a step."""
    return folder / f"{step:08d}"


def clean(folder: Path) -> None:
    """Remove what a killed process left half written or half deleted."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.startswith((_TEMPORARY, _RETIRED)):
                shutil.rmtree(path, ignore_errors=True)


def save(
    folder: Path, step: int, state: Any, facts: dict[str, Any], *, keep: int
) -> Path:
    """Write the checkpoint of a step, then retire all but the newest `keep`.

    `state` is any pytree of arrays; `facts` go into the manifest.
    """
    from orbax.checkpoint import args

    target = path_of(folder, step)
    temporary = folder / f"{_TEMPORARY}{step:08d}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with _checkpointer() as checkpointer:
        checkpointer.save(
            (temporary / "state").absolute(), args=args.StandardSave(_named(state))
        )
    manifest.write_manifest(temporary, {"step": step, **facts})
    if target.exists():
        _retire(target)
    temporary.rename(target)
    manifest.sync(folder)
    for old in steps(folder)[:-keep]:
        _retire(path_of(folder, old))
    return target


def _retire(path: Path) -> None:
    """Delete under another name, so that half a checkpoint never bears a step."""
    retired = path.with_name(_RETIRED + path.name)
    shutil.rmtree(retired, ignore_errors=True)
    path.rename(retired)
    shutil.rmtree(retired, ignore_errors=True)


def _named(state: Any) -> dict[str, Any]:
    """Leaves by path: a flat dict needs no custom nodes, and reads well."""
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    return {jax.tree_util.keystr(p, simple=True, separator="."): x for p, x in leaves}


def restore(path: Path, template: Any, *, only: str | None = None) -> Any:
    """Read one verified checkpoint into the shapes and shardings of `template`.

    Args:
        path: Folder of the checkpoint.
        template: Pytree of `jax.ShapeDtypeStruct` with shardings.
        only: Take only what lies under this name; `template` is then of that part, and
            floating numbers are cast to its dtypes.

    Raises:
        CheckpointError: a file is damaged, or it is of another model.
    """
    from orbax.checkpoint import args

    manifest.verify(path)
    named = _named(template if only is None else {only: template})
    source = (path / "state").absolute()
    try:
        with _checkpointer() as checkpointer:
            saved = checkpointer.metadata(source).item_metadata.tree
            part = (
                saved
                if only is None
                else {k: v for k, v in saved.items() if k.startswith(f"{only}.")}
            )
            _same_leaves(path, part, named, dtypes=only is None)
            rest = {k: _abstract(v) for k, v in saved.items() if k not in named}
            wanted = args.StandardRestore(rest | named)
            loaded = checkpointer.restore(source, args=wanted)
    except CheckpointError:
        raise
    except Exception as error:  # Orbax and TensorStore raise what they please
        raise CheckpointError(
            f"{path} is what was written, but this orbax cannot restore it "
            f"({str(error).splitlines()[0]}); install the versions in its manifest."
        ) from error
    structure = jax.tree.structure(template)
    return jax.tree.unflatten(structure, [loaded[name] for name in named])


def _abstract(saved: Any) -> jax.ShapeDtypeStruct:
    dtype = jax.dtypes.canonicalize_dtype(saved.dtype)
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.ShapeDtypeStruct(saved.shape, dtype, sharding=device)


def _same_leaves(
    path: Path, saved: dict[str, Any], named: dict[str, Any], *, dtypes: bool
) -> None:
    show = lambda x: f"{x.dtype if dtypes else ''}{list(x.shape)}"
    there = {k: show(v) for k, v in saved.items()}
    wanted = {k: show(v) for k, v in named.items()}
    if there != wanted:
        lines = [
            f"{name}: {there.get(name, 'absent')} in the file, "
            f"{wanted.get(name, 'absent')} in the model"
            for name in sorted(there.keys() | wanted.keys())
            if there.get(name) != wanted.get(name)
        ]
        more = f" and {len(lines) - 5} more" if len(lines) > 5 else ""
        raise CheckpointError(
            f"{path} is of another model ({'; '.join(lines[:5])}{more}); "
            "use the settings it was trained with."
        )


def newest_good(
    folder: Path, report: Callable[[str], None]
) -> tuple[int, dict[str, Any]] | None:
    """Step and manifest of the newest sound checkpoint; None where there never was one.

    Damaged ones are renamed `<step>.damaged-<time>` and reported, a sentence each.

    Raises:
        CheckpointError: there are checkpoints, but all are damaged.
    """
    faults = []
    for step in reversed(steps(folder)):
        path = path_of(folder, step)
        try:
            return step, manifest.verify(path)
        except CheckpointError as error:
            faults.append(str(error))
            aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
            try:
                path.rename(aside)
            except OSError:
                aside = path
            report(f"{error} Set aside as {aside.name}; trying the one before.")
    earlier = sorted(folder.glob("*.damaged-*")) if folder.is_dir() else []
    if faults or earlier:
        why = faults[0] if faults else f"{earlier[-1]} was set aside before."
        raise CheckpointError(
            f"No sound checkpoint is left in {folder}: {why} Train anew into another "
            "folder, or put back a copy of a checkpoint."
        )
    return None

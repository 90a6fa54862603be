"""A folder's manifest: the size and SHA-256 of every file, and of the manifest."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from .._errors import CheckpointError

NAME = "manifest.json"


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _render(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()


def sync(path: Path) -> None:
    """Force a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_manifest(folder: Path, facts: dict[str, Any]) -> None:
    """Hash every file of a folder into `manifest.json`, and force all to the disk.

    `facts` (step, versions, ...) are kept beside the files. The manifest ends in a hash
    of itself, so a flip within it is found too.
    """
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    files = {
        str(p.relative_to(folder)): {"size": p.stat().st_size, "sha256": sha256(p)}
        for p in paths
    }
    body = {**facts, "files": files}
    seal = hashlib.sha256(_render(body)).hexdigest()
    manifest = folder / NAME
    manifest.write_bytes(_render({**body, "manifest_sha256": seal}))
    for path in [*paths, manifest]:
        sync(path)
    for path in [p for p in folder.rglob("*") if p.is_dir()]:
        sync(path)
    sync(folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a manifest and hold it against its own hash.

    Raises:
        CheckpointError: it is missing or not what was written.
    """
    manifest = folder / NAME
    try:
        raw = manifest.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{manifest} cannot be read ({error.strerror})."
        ) from None
    try:
        content = json.loads(raw)
        body = {k: v for k, v in content.items() if k != "manifest_sha256"}
        seal = content["manifest_sha256"]
    except (ValueError, KeyError, AttributeError):
        raise CheckpointError(f"{manifest} is damaged: it cannot be parsed.") from None
    actual = hashlib.sha256(_render(body)).hexdigest()
    if seal != actual or raw != _render(content):
        raise CheckpointError(
            f"{manifest} is damaged: its sha256 is {actual}, {seal} was recorded."
        )
    return content


def verify(folder: Path) -> dict[str, Any]:
    """Hold every file of a folder against its manifest, which is returned.

    Raises:
        CheckpointError: names the first file that is missing or differs, with hashes.
    """
    content = read_manifest(folder)
    for name, expected in content["files"].items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{path} is missing.")
        size = path.stat().st_size
        if size != expected["size"]:
            raise CheckpointError(
                f"{path} is damaged: it has {size} bytes, {expected['size']} were "
                f"written (sha256 {expected['sha256']})."
            )
        actual = sha256(path)
        if actual != expected["sha256"]:
            raise CheckpointError(
                f"{path} is damaged: its sha256 is {actual}, "
                f"{expected['sha256']} was recorded."
            )
    return content

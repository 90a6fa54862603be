"""XLA's persistent compilation cache, for command lines."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """`PHYSJAX_CACHE_DIR`, or the user's cache folder."""
    if folder := os.environ.get("PHYSJAX_CACHE_DIR"):
        return Path(folder)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "physjax"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home()) / "physjax" / "cache"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "physjax"


def enable_compilation_cache() -> Path | None:
    """Keep compiled programs between processes; returns where, or None if it cannot be.

    For the command line and notebooks, which own the process: it sets `jax.config`.
    `JAX_COMPILATION_CACHE_DIR`, where set, is left to jax; `PHYSJAX_CACHE_DIR` names
    another folder than the user's cache.
    """
    import jax

    if chosen := os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return Path(chosen)
    folder = cache_folder() / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder

"""The folder of a run: settings, environment, metrics, checkpoints, report."""

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .._errors import CheckpointError, ConfigError
from .._settings import from_toml, to_toml

_FREE = ("devices", "loop", "keep_checkpoints", "checkpoint_every")
"""Training settings that change how a run goes, not what comes out of it."""


_CONFIG = ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl")


class RunFolder(NamedTuple):
    """Paths within a run folder."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def environment(self) -> Path:
        return self.root / "env.json"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation"

    @property
    def plots(self) -> Path:
        return self.root / "plots"

    @property
    def nonfinite(self) -> Path:
        return self.root / "nonfinite"

    @property
    def report(self) -> Path:
        return self.root / "report.md"

    @property
    def weights(self) -> Path:
        return self.root / "weights.safetensors"

    @property
    def initial(self) -> Path:
        """Weights the run began with, where it did not draw its own."""
        return self.root / "initial.safetensors"


def config_hash(config: Any) -> str:
    """SHA-256 of the settings that decide the numbers of a run."""
    settings = dataclasses.asdict(config)
    for name in _FREE:
        settings["train"].pop(name)
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def default_name(system: str, preset: str, config: Any) -> str:
    """`<date>_<system>-<preset>_<hash>`."""
    today = datetime.date.today().isoformat()
    return f"{today}_{system}-{preset}_{config_hash(config)[:8]}"


def free_name(path: Path) -> Path:
    """`path`, or the first of path-2, path-3, ... that is not there."""
    names = (path.with_name(f"{path.name}-{i}") for i in range(2, 10**6))
    return path if not path.exists() else next(p for p in names if not p.exists())


def create(root: Path, system: str, config: Any) -> RunFolder:
    """Make the folder and write its settings.

    Raises:
        ConfigError: there is something in it already.
    """
    run = RunFolder(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ConfigError(
            f"{root} is not empty; choose another folder, or go on with the run in it "
            f"by `physjax resume {root}` (train(..., resume=True))."
        )
    root.mkdir(parents=True, exist_ok=True)
    write_text(run.config, f"# system: {system}\n\n{to_toml(config)}")
    for folder in (run.checkpoints, run.evaluation, run.plots):
        folder.mkdir()
    return run


def open_run(root: Path, config: Any) -> RunFolder:
    """The folder of a run that is to go on with `config`.

    Raises:
        CheckpointError: there is no run in it.
        ConfigError: the run has other settings; the first that differs is named.
    """
    run = RunFolder(root)
    before = read_config(root, config)
    if config_hash(before) != config_hash(config):
        name, old, new = _first_difference(before, config)
        raise ConfigError(
            f"{run.config} has {name} = {old!r} but {new!r} is asked for; resume with "
            "the settings of the run, or train into another folder."
        )
    return run


def read_config(root: Path, default: Any) -> Any:
    """The settings of a run, over those of `default`."""
    path = RunFolder(root).config
    if not path.is_file():
        raise CheckpointError(
            f"{root} holds no run: there is no config.toml in it; give the folder that "
            "`physjax train` made."
        )
    return from_toml(default, path)


def system_of(root: Path) -> str:
    """Name of the system that a run folder is of; reads one line."""
    path = RunFolder(root).config
    try:
        first = path.read_text().split("\n", 1)[0]
    except OSError:
        first = ""
    if not first.startswith("# system: "):
        raise CheckpointError(
            f"{root} holds no run: there is no config.toml in it that begins with "
            "'# system: NAME'; give the folder that `physjax train` made."
        )
    return first.removeprefix("# system: ").strip()


def _first_difference(old: Any, new: Any, at: str = "") -> tuple[str, Any, Any]:
    for field in dataclasses.fields(old):
        a, b = getattr(old, field.name), getattr(new, field.name)
        if a == b or (at == "train." and field.name in _FREE):
            continue
        if dataclasses.is_dataclass(a):
            inner = _first_difference(a, b, f"{at}{field.name}.")
            if inner[0]:
                return inner
            continue
        return at + field.name, a, b
    return "", None, None


@contextlib.contextmanager
def locked(run: RunFolder) -> Iterator[None]:
    """Keep a second process out of a run; the lock dies with the process.

    Raises:
        ConfigError: another process is training in the folder.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(run.root / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another process is training in {run.root}; wait for it, or stop it."
            ) from None
        yield


def write_text(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all."""
    temporary = path.with_name(f".{path.name}.writing")
    temporary.write_text(text)
    temporary.replace(path)


def environment(system: str, config: Any) -> dict[str, Any]:
    """What a stranger needs to know to get the same numbers."""
    import jax

    devices = jax.devices()
    return {
        "system": system,
        "argv": sys.argv,
        "seed": config.train.seed,
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "config_sha256": config_hash(config),
        "versions": versions(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "backend": jax.default_backend(),
        "devices": [d.device_kind for d in devices],
        "jax_config": {name: getattr(jax.config, name) for name in _CONFIG},
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "git_commit": git_commit(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of what decides the numbers."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("physjax", "jax", "jaxlib", "equinox", "optax", "orbax-checkpoint"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_commit() -> str | None:
    """Commit of the checkout that physjax runs from, with `+` if it was changed."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    git = lambda *words: subprocess.run(
        ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10
    ).stdout.strip()
    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None

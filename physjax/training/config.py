"""Settings of a training run. Imports no jax."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from .._errors import ConfigError


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained; what it is trained on is the system's own matter."""

    steps: int = 1000
    """Number of optimiser steps."""
    batch_size: int = 64
    """Samples per step, over all devices."""
    learning_rate: float = 1e-3
    """Peak of the cosine schedule."""
    warmup_steps: int = 100
    """Steps of linear warm-up; at most a tenth of `steps` is used."""
    final_learning_rate: float = 0.0
    """Where the cosine ends, as a fraction of the peak."""
    weight_decay: float = 1e-4
    """Decoupled weight decay (AdamW)."""
    clip_norm: float = 1.0
    """Global norm to which gradients are clipped; 0 leaves them alone."""
    seed: int = 0
    """Seed of the weights and of every batch: step k uses fold_in(key, k)."""
    log_every: int = 50
    """Steps between two lines of metrics.jsonl."""
    checkpoint_every: int = 500
    """Steps between two checkpoints; the last step is always kept."""
    keep_checkpoints: int = 3
    """How many of the newest checkpoints stay."""
    devices: int = 0
    """Devices for data parallelism; 0 takes all that divide the batch."""
    loop: Literal["auto", "host", "scan"] = "auto"
    """Python loop over jitted steps, or scan of `log_every` steps on the device.
    `auto`: host on the CPU (XLA convolutions crawl inside a scan there), else scan."""

    def __post_init__(self):
        positive = ("steps", "batch_size", "log_every", "checkpoint_every")
        for name in (*positive, "keep_checkpoints"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        for name in ("warmup_steps", "weight_decay", "clip_norm", "devices"):
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        _require(self, "learning_rate", self.learning_rate > 0, "above 0")
        fraction = 0 <= self.final_learning_rate <= 1
        _require(self, "final_learning_rate", fraction, "between 0 and 1")
        _require(self, "seed", 0 <= self.seed < 2**32, "between 0 and 2**32 - 1")


def with_steps(config: Any, steps: int | None) -> Any:
    """Settings of a system with another number of steps, or as they are."""
    if steps is None:
        return config
    shorter = dataclasses.replace(config.train, steps=steps)
    return dataclasses.replace(config, train=shorter)


def _require(config: TrainConfig, name: str, held: bool, wanted: str) -> None:
    if not held:
        raise ConfigError(
            f"train.{name} is {getattr(config, name)!r}, but must be {wanted}."
        )

"""Settings of the toy. Imports no jax."""

from dataclasses import dataclass, field, replace

from physjax.training.config import TrainConfig

PAPER = "none"


@dataclass(frozen=True)
class ModelConfig:
    """The network."""

    width: int = 16
    """Units per layer."""


@dataclass(frozen=True)
class Config:
    """All settings."""

    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=40,
            batch_size=16,
            learning_rate=1e-2,
            warmup_steps=4,
            log_every=8,
            checkpoint_every=10,
            keep_checkpoints=3,
        )
    )


PRESETS = {
    "default": Config(),
    "wide": replace(Config(), model=ModelConfig(width=32)),
}

"""Settings of RamPINN. Imports no jax."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from ...training.config import TrainConfig

PAPER = "Vemuri, Chalain Valapil, Buchner, Denzler: RamPINN, arXiv:2510.06020"


@dataclass(frozen=True)
class ModelConfig:
    """Which network, and how large."""

    head: Literal["phase", "paper"] = "phase"
    """`phase`: ours, phase of the susceptibility, the intensity model holds by
    construction. `paper`: two decoders with sigmoid outputs."""
    widths: tuple[int, ...] = (24, 48, 96, 128, 128)
    """Channels per level, from fine to coarse."""


@dataclass(frozen=True)
class DataConfig:
    """Which simulated spectra."""

    num_points: int = 1000
    """Points per spectrum."""


@dataclass(frozen=True)
class Config:
    """All settings of a RamPINN run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)


PRESETS = {
    "default": Config(),
    "paper": Config(model=ModelConfig(head="paper")),
    "small": Config(
        model=ModelConfig(widths=(8, 16, 24)),
        data=DataConfig(num_points=256),
        train=dataclasses.replace(TrainConfig(), steps=300, batch_size=16),
    ),
}

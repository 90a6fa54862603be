"""Settings of RamPINN. Imports no jax."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from ...training.config import TrainConfig

PAPER = (
    "Vemuri, Chalain Valapil, Buchner, Denzler: RamPINN: Recovering Raman Spectra From "
    "Coherent Anti-Stokes Spectra Using Embedded Physics, arXiv:2510.06020 (2025)"
)


@dataclass(frozen=True)
class ModelConfig:
    """Which network, and how large."""

    head: Literal["phase", "paper"] = "phase"
    """`phase`: ours, the phase of the susceptibility, so that the intensity model holds
    by construction. `paper`: two decoders with sigmoid outputs."""
    widths: tuple[int, ...] = (64, 96, 128, 128, 128)
    """Channels per level, from fine to coarse; the last one is the bottleneck."""
    kernels: tuple[int, ...] = (3, 3, 3, 3, 3)
    """Points per convolution, per level; odd."""
    heads: int = 4
    """Heads of the self-attention in the bottleneck."""
    fold: int = 2
    """Neighbouring points that the first block sees as channels of one position."""


@dataclass(frozen=True)
class DataConfig:
    """Which simulated spectra."""

    num_points: int = 1000
    """Points per spectrum; the trained model takes any number."""
    vector: float = 0.5
    """Fraction of the batch drawn evenly from VECTOR's nine sets."""
    specnet: float = 0.0
    """Fraction drawn from SpecNet's generator. The rest is our `broad` one."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms; each is a mean over points in units of sqrt(2 max I)."""

    raman: float = 1.0
    """Absolute error of the Raman spectrum."""
    relative: float = 0.5
    """0: errors count as they are; 1: relative to the largest Raman value."""
    background: float = 0.1
    """Absolute error of the background."""
    kramers_kronig: float = 0.0
    """Squared residual of the intensity model with Re chi = -H[Im chi]."""
    smoothness: float = 0.0
    """Squared second difference of the background."""


@dataclass(frozen=True)
class Config:
    """All settings of a RamPINN run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=15000,
            batch_size=32,
            learning_rate=1.5e-3,
            warmup_steps=200,
            log_every=100,
            checkpoint_every=500,
        )
    )

    @staticmethod
    def small() -> "Config":
        """Seconds on a laptop: short spectra, a narrow network, 1200 steps."""
        return PRESETS["small"]


_DEFAULT = Config()

PRESETS: dict[str, Config] = {
    "default": _DEFAULT,
    "paper": dataclasses.replace(
        _DEFAULT,
        model=ModelConfig(
            head="paper",
            widths=(16, 32, 64, 96, 128),
            kernels=(5, 5, 5, 5, 5),
            fold=1,
        ),
        loss=LossConfig(
            relative=0.0, background=0.0, kramers_kronig=1.0, smoothness=1.0
        ),
    ),
    "small": dataclasses.replace(
        _DEFAULT,
        model=ModelConfig(widths=(24, 32, 48), kernels=(3, 3, 3), fold=2),
        data=DataConfig(num_points=256),
        train=TrainConfig(
            steps=1200,
            batch_size=16,
            learning_rate=3e-3,
            warmup_steps=60,
            log_every=100,
            checkpoint_every=400,
        ),
    ),
}
"""`default`: our model; the README tells how the shipped weights were trained. `paper`:
the architecture and the loss family of the paper; its widths and loss weights are not
published, these are ours. `small`: for trying things out."""

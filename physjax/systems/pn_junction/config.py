"""Settings of the PN junction. Imports no jax."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from ...training.config import TrainConfig

PAPER = (
    "Zhang, Zhang, Sun, Erickson, From, Fan: Solving Poisson's Equation using Deep "
    "Learning in Particle Simulation of PN Junction, arXiv:1810.10192 (2018)"
)


@dataclass(frozen=True)
class ModelConfig:
    """Which network, and how large."""

    kind: Literal["multilevel", "paper"] = "multilevel"
    """`multilevel`: ours, linear in charge and voltages, for any grid and
    permittivity. `paper`: convolutions and dense layers for 41 x 9 nodes."""
    channels: int = 8
    """Of `multilevel`, per convolution."""
    cycles: int = 4
    """Of `multilevel`: passes from the finest grid down and up again."""
    depth: int = 5
    """Of `multilevel`: grids with weights of their own; coarser ones share the last."""
    divisor: int = 1
    """Of `paper`: divides all its widths. 1 is the published network, 195 million
    parameters."""
    dropout: float = 0.5
    """Of `paper`: before its last layer."""
    statistics: Literal["batch", "stored"] = "batch"
    """Of `paper`: what its layers are normalised by in training. `stored` goes on from
    the weights of an earlier run without the noise of batches."""


@dataclass(frozen=True)
class DataConfig:
    """What charge the network sees."""

    grid: tuple[int, int] = (97, 49)
    """Of `multilevel`: nodes of the second of two grids; the first has 41 x 9."""
    contrast: float = 10.0
    """Of `multilevel`: ratio of the two permittivities of a map."""
    frames: int = 80
    """Of `paper`: recorded states per bias."""
    gap: int = 15
    """Of `paper`: steps between two recorded states."""
    settle: int = 1000
    """Of `paper`: steps before the first one."""
    mix: bool = True
    """Of `paper`: whether noise is that of two states of a bias, cos a and sin a times.
    The equation is linear: the sum has a potential like any other."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms."""

    contact: float = 2.0
    """Of `paper`: weight of the nodes on the contacts."""


@dataclass(frozen=True)
class SweepConfig:
    """Current-voltage sweeps of `evaluate`."""

    per_cell: int = 32
    """Particles per cell of the silicon device at its doping."""
    steps: int = 4000
    """Steps per bias and replica; the first third is discarded."""
    replicas: int = 2
    """Independent runs per bias, with the same random numbers for every solver."""
    biases: int = 12
    """Of the sweep without `--full`."""


@dataclass(frozen=True)
class Config:
    """All settings of a PN junction run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=3000,
            batch_size=8,
            learning_rate=4e-3,
            warmup_steps=50,
            weight_decay=0.0,
            log_every=100,
            checkpoint_every=500,
        )
    )

    @staticmethod
    def small() -> "Config":
        """Seconds on a laptop: one cycle of few channels, 300 steps."""
        return PRESETS["small"]


_DEFAULT = Config()

PRESETS: dict[str, Config] = {
    "default": _DEFAULT,
    "paper": dataclasses.replace(
        _DEFAULT,
        model=ModelConfig(kind="paper"),
        train=TrainConfig(
            steps=1300,
            batch_size=512,
            learning_rate=1e-4,
            warmup_steps=0,
            final_learning_rate=1.0,
            weight_decay=0.0,
            clip_norm=0.0,
            log_every=50,
            checkpoint_every=250,
        ),
    ),
    "small": dataclasses.replace(
        _DEFAULT,
        model=ModelConfig(channels=4, cycles=2, depth=3),
        data=DataConfig(grid=(41, 9)),
        sweep=SweepConfig(per_cell=4, steps=60, replicas=1, biases=2),
        train=TrainConfig(
            steps=300,
            batch_size=8,
            learning_rate=8e-3,
            warmup_steps=20,
            weight_decay=0.0,
            log_every=50,
            checkpoint_every=100,
        ),
    ),
}
"""`default`: our network. `paper`: the published network and its loss; `--model.divisor
16` makes it small enough for a CPU. `small`: for trying things out."""

"""Settings of PG-MoE. Imports no jax."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from ..._errors import ConfigError
from ...training.config import TrainConfig

PAPER = (
    "Srivastava, Olin, Podolskiy, Karpatne, Lee, Arora: Physics-Guided Problem "
    "Decomposition for Scaling Deep Learning of High-dimensional Eigen-Solvers: The "
    "Case of Schrödinger's Equation, arXiv:2202.05994 (2022)"
)

Partition = Literal["walls", "magnetisation", "orbits", "schmidt", "random", "none"]


@dataclass(frozen=True)
class ModelConfig:
    """Which network, and how large."""

    kind: Literal["local", "paper", "mixture", "monolithic"] = "local"
    """`local`: ours, the logarithm of the amplitude as a sum over bonds. `paper`: one
    dense network per part of the eigenvector, and a gate. `mixture`: dense networks for
    the whole eigenvector under a gate, without physics. `monolithic`: one of them."""
    partition: Partition = "walls"
    """How the configurations are given to experts: number of domain walls, of spins
    that point up, symmetry orbits, domain walls of one half, by lot, or not at all."""
    experts: int = 3
    """Number of them."""
    shared: bool = True
    """Whether the experts of `local` share all but their last layer."""
    channels: tuple[int, ...] = (7, 7, 7)
    """Channels per layer of `local`."""
    reach: int = 2
    """Bonds to either side that a layer of `local` sees."""
    context: int = 0
    """Channels of what `local` makes of the couplings around a bond; 0 for uniform
    couplings, where the bond itself knows all."""
    gated: bool = True
    """Whether layers of `local` have a second, multiplying half."""
    symmetric: bool = True
    """Whether `local` sees domain walls, or the spins as they are."""
    decay: int = 1
    """Power of J / (J + h) with which the corrections of `local` fade."""
    longitudinal: bool = False
    """Whether `local` sees fields along Z."""
    size: bool = True
    """Whether `local` knows the number of sites."""
    hidden: tuple[int, ...] = (100, 100, 100, 100)
    """Layers of the dense networks."""

    def __post_init__(self):
        if self.experts < 1 or not self.channels or self.reach < 0:
            raise ConfigError(
                "model.experts must be at least 1, model.reach at least 0 and "
                "model.channels not empty."
            )
        if self.context < 0 or self.decay < 0:
            raise ConfigError("model.context and model.decay must be at least 0.")


@dataclass(frozen=True)
class DataConfig:
    """Which Hamiltonians: H = scale (-sum J ZZ - sum h X - sum g Z)."""

    ensemble: Literal["ring", "disordered", "general"] = "ring"
    """`ring`: J = 1, one field h. `disordered`: open chains, J = 1, every field its
    own. `general`: rings and open chains, J, h and g uniform or every one its own."""
    sites: tuple[int, ...] = (6, 8, 10, 12)
    """Numbers of spins; every step sees all of them."""
    fields: tuple[float, float] = (0.01, 2.0)
    """Range of h / J in which the energy is evaluated."""
    longitudinal: float = 0.0
    """g / J of rings; in `general` the largest size of it."""
    per_site: bool = False
    """The Hamiltonian over the number of spins, as in the data of CoPhy-PGNN."""
    symmetric_basis: bool = True
    """Rings by the orbits of their symmetry, not by all configurations."""
    label_fields: tuple[float, float] = (0.01, 0.5)
    """Range of h / J in which labels are known."""
    labels: int = 256
    """Number of them."""

    def __post_init__(self):
        if not self.sites or not all(3 <= n <= 16 for n in self.sites):
            raise ConfigError(f"data.sites is {self.sites}; train on 3 to 16 spins.")
        for name in ("fields", "label_fields"):
            low, high = getattr(self, name)
            if not 0 < low < high:
                raise ConfigError(f"data.{name} must be two numbers above 0 that rise.")


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms."""

    energy: float = 1.0
    """Energy of the state, which needs no labels."""
    labels: float = 0.0
    """Distance from exact states."""
    distance: Literal["overlap", "squared"] = "overlap"
    """1 - overlap^2 of states, or squared differences of normalised ones."""


_STEPS = TrainConfig(
    steps=6000,
    batch_size=16,
    learning_rate=1e-2,
    warmup_steps=100,
    weight_decay=0.0,
    log_every=100,
    checkpoint_every=1000,
)


@dataclass(frozen=True)
class Config:
    """All settings of a PG-MoE run."""

    model: ModelConfig = field(
        default_factory=lambda: ModelConfig(
            channels=(12, 12, 12), context=8, longitudinal=True, size=False
        )
    )
    data: DataConfig = field(
        default_factory=lambda: DataConfig(
            ensemble="general", sites=(6, 8, 10), fields=(0.05, 4.0), longitudinal=1.0
        )
    )
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(
        default_factory=lambda: dataclasses.replace(_STEPS, batch_size=8)
    )

    @staticmethod
    def small() -> "Config":
        """Seconds on a laptop: rings of 8 spins."""
        return PRESETS["small"]


_RING = Config(ModelConfig(), DataConfig(), LossConfig(), _STEPS)


def _dense(model: ModelConfig) -> Config:
    """Dense networks: one ring of 10 spins by all configurations, with labels."""
    data = DataConfig(sites=(10,), symmetric_basis=False)
    train = dataclasses.replace(_STEPS, learning_rate=3e-3)
    return Config(model, data, LossConfig(labels=1.0), train)


PRESETS: dict[str, Config] = {
    "default": Config(),
    "ring": _RING,
    "paper": _dense(ModelConfig(kind="paper", experts=16, hidden=(16, 16))),
    "mixture": _dense(ModelConfig(kind="mixture", partition="none")),
    "monolithic": _dense(ModelConfig(kind="monolithic", partition="none", experts=1)),
    "strict": dataclasses.replace(
        _RING,
        model=ModelConfig(channels=(4, 4), gated=False, decay=4, size=False),
        data=DataConfig(sites=(10,), fields=(0.01, 0.5)),
    ),
    "cophy": dataclasses.replace(
        _RING,
        model=ModelConfig(
            experts=2,
            channels=(6, 6),
            gated=False,
            reach=1,
            longitudinal=True,
            size=False,
        ),
        data=DataConfig(
            sites=(4,), longitudinal=0.01, per_site=True, symmetric_basis=False
        ),
    ),
    "disordered": Config(
        ModelConfig(channels=(8, 8, 8), context=8),
        DataConfig(ensemble="disordered", sites=(10, 12), fields=(0.2, 2.0)),
        LossConfig(),
        dataclasses.replace(_STEPS, batch_size=4, steps=3000, learning_rate=2e-2),
    ),
    "small": dataclasses.replace(
        _RING,
        model=ModelConfig(channels=(6, 6)),
        data=DataConfig(sites=(8,)),
        train=dataclasses.replace(
            _STEPS, steps=1000, log_every=50, checkpoint_every=500
        ),
    ),
}
"""`default`: rings and open chains, uniform and not, of any length, without labels.
`ring`, `disordered`: smaller, for one kind of chain. `paper`, `mixture`, `monolithic`:
the paper's model and what it is compared with; their layers are ours where the abstract
leaves them open. `strict`: no physics outside the range of labels. `cophy`: four spins,
the data of CoPhy-PGNN. `small`: for trying things out."""

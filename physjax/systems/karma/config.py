"""Settings of KARMA. Imports no jax."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from ...training.config import TrainConfig

PAPER = (
    "Knowledge-Guided Masked Autoencoder with Linear Spectral Mixing and "
    "Spectral-Angle-Aware Reconstruction (KARMA), arXiv:2512.12445 (2025)"
)


@dataclass(frozen=True)
class ModelConfig:
    """Which network, and how large."""

    embedding: Literal["pixels", "patch"] = "pixels"
    """`pixels`: ours, every spectrum through a whitened linear map first. `patch`: all
    pixels and bands of a patch through one linear map, as in a vanilla autoencoder."""
    decoder: Literal["mixing", "bands", "paper"] = "mixing"
    """`mixing`: ours, non-negative contributions of endmembers per pixel. `bands`: a
    linear map to all pixels and bands, the vanilla decoder. `paper`: that, and beside
    it softmax abundances per patch over learned free endmembers."""
    patch: int = 4
    """Pixels along the side of a patch."""
    width: int = 128
    """Width of the encoder's tokens."""
    decoder_width: int = 64
    """Width of the decoder's tokens."""
    heads: int = 4
    """Heads of the self-attention, in encoder and decoder."""
    encoder: int = 4
    """Blocks of the encoder."""
    decoder_blocks: int = 2
    """Blocks of the decoder."""
    features: int = 32
    """Learned features of a pixel's spectrum, for `embedding="pixels"`."""
    members: int = 10
    """Endmembers."""
    start: str = "extremes"
    """Endmembers to begin with, of 1024 training pixels: `extremes` (ATGP), `vca` or
    `archetypes`; or the most different ones of a spectral library, by its path; or
    `random`."""


@dataclass(frozen=True)
class DataConfig:
    """Which images, and what is hidden of them."""

    source: str = "scenes"
    """`scenes`: simulated ones, from a key. Else a folder of cubes (GeoTIFF, ENVI)."""
    only: tuple[str, ...] = ()
    """Names of the cubes of the folder to use; none means all."""
    size: int = 16
    """Pixels along the side of an image."""
    library: int = 24
    """Made-up spectra that simulated scenes are mixed of."""
    scene_members: int = 5
    """How many of them a scene has."""
    snr_db: float = 30.0
    """Signal to noise of simulated scenes."""
    masked: float = 0.75
    """Fraction of patches that the encoder does not see."""
    bands_masked: float = 0.25
    """Fraction of images of which bands are hidden as well: a window of the spectrum
    of random width, up to half of it."""


@dataclass(frozen=True)
class LossConfig:
    """Weights of the terms, each a mean over masked pixels but for `mixing`."""

    squared: float = 0.0
    """Squared error of reflectance, in units of 0.1 squared."""
    huber: float = 1.0
    """Huber's error of reflectance, in the same unit."""
    delta: float = 0.1
    """Reflectance where Huber's parabola becomes a line."""
    angle: float = 0.05
    """Spectral angle in radian."""
    mixing: float = 1.0
    """What linear mixing leaves of the spectra: of the visible ones for our decoder,
    of all masked ones for the paper's; squared, in units of 0.1 squared."""
    volume: float = 1e-3
    """Mean squared distance of the endmembers from their mean, in the same unit."""


@dataclass(frozen=True)
class Config:
    """All settings of a KARMA run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=4000,
            batch_size=32,
            learning_rate=1e-3,
            warmup_steps=50,
            weight_decay=0.05,
            log_every=50,
            checkpoint_every=400,
        )
    )

    @staticmethod
    def small() -> "Config":
        """Seconds on a laptop: a narrow network, 200 steps."""
        return PRESETS["small"]


_DEFAULT = Config()
_VANILLA = LossConfig(squared=1.0, huber=0.0, angle=0.0, mixing=0.0, volume=0.0)

PRESETS: dict[str, Config] = {
    "default": _DEFAULT,
    "paper": dataclasses.replace(
        _DEFAULT,
        model=ModelConfig(
            embedding="patch",
            decoder="paper",
            patch=16,
            width=512,
            decoder_width=512,
            heads=8,
            encoder=12,
            decoder_blocks=8,
            start="random",
        ),
        data=DataConfig(size=224, bands_masked=0.0),
        loss=LossConfig(volume=0.0),
    ),
    "vanilla": dataclasses.replace(
        _DEFAULT,
        model=ModelConfig(embedding="patch", decoder="bands"),
        data=DataConfig(bands_masked=0.0),
        loss=_VANILLA,
    ),
    "small": dataclasses.replace(
        _DEFAULT,
        model=ModelConfig(
            width=32,
            decoder_width=32,
            heads=2,
            encoder=2,
            decoder_blocks=1,
            features=16,
            members=6,
            start="random",
        ),
        data=DataConfig(size=8, library=6, scene_members=3),
        train=TrainConfig(
            steps=300,
            batch_size=16,
            learning_rate=3e-3,
            warmup_steps=20,
            log_every=25,
            checkpoint_every=100,
        ),
    ),
}
"""`default`: our model. `paper`: patch 16, 75 % masked, width 512, 8 heads, softmax
abundances per token; depths, endmembers and weights of the losses are not published,
these are ours. `vanilla`: the masked autoencoder without physics, of the size of
`default`. `small`: for trying things out."""

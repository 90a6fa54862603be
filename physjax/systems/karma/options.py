"""What the command line asks for beyond system, weights and output. Imports no jax."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

EVALUATE = ""
"""What an evaluation cannot do without, for the hints of other commands."""


@dataclass(frozen=True)
class Demo:
    """From a hyperspectral cube to abundances, with what was hidden of it filled in.

    Your own cube, or a simulated scene, with the weights of the package; a small model
    is trained on the way; everything ends in a report with pictures.
    """

    input: Annotated[str | None, arg(metavar="CUBE")] = None
    """Your own cube (ENVI, GeoTIFF, .mat, HDF5) in place of the simulated one."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Steps of the small training; the preset's by default."""


@dataclass(frozen=True)
class Evaluate:
    """Reconstruction of hidden pixels beside kriging and the mean of what is seen."""

    data: Annotated[str | None, arg(metavar="FOLDER")] = None
    """Folder of cubes of one size and sensor; simulated scenes by default."""
    images: Annotated[int, arg(metavar="N")] = 64
    """Number of simulated images."""


@dataclass(frozen=True)
class Predict:
    """Reconstruction, abundances and embeddings of a cube of any sensor.

    INPUT is ENVI, GeoTIFF, .mat, HDF5 or NetCDF with wavelengths. OUTPUT is .npz:
    reconstruction with hidden, embedding per patch, and, of models that mix, abundances
    and brightness per pixel, endmembers, mixed.
    """

    masked: Annotated[float, arg(metavar="FRACTION")] = 0.75
    """Fraction of patches that are hidden from the reconstruction."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Which patches are hidden."""
    plot: Annotated[str | None, arg(metavar="FILE")] = None
    """Picture of reconstruction and abundances, .png, .pdf or .svg."""


def default_figures(options: Mapping[str, Any], run: Path | None) -> Path | None:
    """Where the figures of an evaluation go if nobody says: into the run."""
    return None if run is None else run / "reconstruction.json"


def describe(summary: Mapping[str, Any], out: str, options: Mapping[str, Any]) -> str:
    """One line on what a prediction did."""
    plot = f", {options['plot']}" if options["plot"] else ""
    return (
        f"{summary['rows']} x {summary['columns']} pixels, {summary['bands']} bands in "
        f"{summary['seconds']:.1f} s, rmse of what was hidden "
        f"{summary['rmse_hidden']:.4f} -> {out}{plot}"
    )

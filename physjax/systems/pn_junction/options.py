"""What the command line asks for beyond system, weights and output. Imports no jax."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, arg

EVALUATE = ""
"""What an evaluation cannot do without, for the hints of other commands."""


@dataclass(frozen=True)
class Demo:
    """From a device's file to its current, by drift-diffusion and by particles.

    A small network is trained on the way; everything ends in a report with pictures.
    """

    input: Annotated[str | None, arg(metavar="DEVICE.toml")] = None
    """Your own device in place of 0.4 um of silicon."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Steps of the small training; the preset's by default."""


@dataclass(frozen=True)
class Evaluate:
    """Current-voltage sweep by particles, from the same random numbers for each solver.

    The silicon device, or with weights of the paper's network the published device of
    gallium arsenide. 12 biases; those of silicon take about five minutes.
    """

    solver: Annotated[
        tuple[Literal["exact", "learned", "refined"], ...], arg(metavar="NAMES")
    ] = ("exact", "learned", "refined")
    """Poisson solvers, the exact one always among them."""
    full: Annotated[bool, FlagCreatePairsOff] = False
    """All 57 biases."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Steps per run."""
    replicas: Annotated[int | None, arg(metavar="N")] = None
    """Runs per bias."""
    seed: int = 0
    """Of the random numbers."""
    reference: Annotated[str | None, arg(metavar="FILE")] = None
    """A curve to draw beside: .csv whose first columns are V and A/cm^2."""
    plot: Annotated[str | None, arg(metavar="FILE")] = "pn_junction-iv.png"
    """The picture, .png, .pdf or .svg."""


@dataclass(frozen=True)
class Predict:
    """Current of a device at every bias: INPUT is DEVICE.toml, OUTPUT a .csv.

    The README shows the file. Columns of the output: V, J_A_per_cm2 (positive forward,
    from the side of the acceptors to that of the donors), standard_error.
    """

    solver: Literal["auto", "drift_diffusion", "exact", "learned", "refined"] = "auto"
    """`drift_diffusion`, or the Poisson solver of a particle simulation. `auto` takes
    drift-diffusion where the device has layers only, else particles with `exact`."""
    plot: Annotated[str | None, arg(metavar="FILE")] = None
    """Picture of the curve, .png, .pdf or .svg."""
    per_cell: Annotated[float, arg(metavar="N")] = 32.0
    """Particles per cell at the highest doping."""
    steps: Annotated[int, arg(metavar="N")] = 6000
    """Steps per run of particles; the first third is discarded."""
    replicas: Annotated[int, arg(metavar="N")] = 1
    """Runs of particles per bias."""
    seed: int = 0
    """Of the particles."""


def default_figures(options: Mapping[str, Any], run: Path | None) -> Path | None:
    """Where the figures of an evaluation go if nobody says."""
    return Path("pn_junction-iv.json") if run is None else run / "iv.json"


def describe(summary: Mapping[str, Any], out: str, options: Mapping[str, Any]) -> str:
    """One line on what a prediction did."""
    plot = f", {options['plot']}" if options["plot"] else ""
    count = summary["biases"]
    what = "1 bias" if count == 1 else f"{count} biases"
    return f"{what} by {summary['method']} in {summary['seconds']:.1f} s -> {out}{plot}"

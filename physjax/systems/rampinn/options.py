"""What the command line asks for beyond system, weights and output. Imports no jax."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

EVALUATE = " --data FILE.npz"
"""What an evaluation cannot do without, for the hints of other commands."""


@dataclass(frozen=True)
class Demo:
    """Run the model on a spectrometer's file, train a small one, write a report.

    Without --input the file is a simulated one, and says so.
    """

    input: Annotated[str | None, arg(metavar="FILE")] = None
    """Your own measurement (.csv) in place of the simulated one."""
    dark: Annotated[str | None, arg(metavar="VALUE|FILE")] = None
    """Detector offset: a number, or a file with one spectrum on the same axis."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Steps of the small training; about half a minute by default."""


@dataclass(frozen=True)
class Evaluate:
    """Compare a model's answers with the truth in a file, set by set."""

    data: Annotated[str, arg(metavar="FILE")]
    """File of pairs: .npz with {set}_cars and {set}_raman, or cars and raman, and the
    axis as wavenumber or axis."""


@dataclass(frozen=True)
class Predict:
    """Run the model over a file of measurements.

    INPUT is .csv (wavenumber, intensity), .npz, .h5 or .mat (cars (..., n), wavenumber
    (n,)), or .npy with --wavenumber. OUTPUT is .npz, or .csv for a single spectrum.
    """

    wavenumber: Annotated[str | None, arg(metavar="FILE")] = None
    """File of the axis, where INPUT holds none."""
    dark: Annotated[str | None, arg(metavar="VALUE|FILE")] = None
    """Detector offset: a number, or a file with one spectrum on the same axis."""
    plot: Annotated[str | None, arg(metavar="FILE")] = None
    """Picture of the first spectrum, .png, .pdf or .svg."""
    batch_size: Annotated[int | None, arg(metavar="N")] = None
    """Spectra per call of the model; a suitable number by default."""


def default_figures(options: Mapping[str, Any], run: Path | None) -> Path | None:
    """Where the figures of an evaluation go if nobody says: into the run."""
    return None if run is None else run / f"{Path(options['data']).stem}.json"


def describe(summary: Mapping[str, Any], out: str, options: Mapping[str, Any]) -> str:
    """One line on what a prediction did."""
    count = summary["spectra"]
    what = "1 spectrum" if count == 1 else f"{count} spectra"
    how = ", resampled to a uniform axis and back" if summary["resampled"] else ""
    plot = f", {options['plot']}" if options["plot"] else ""
    return (
        f"{what} of {summary['points']} points in {summary['seconds']:.1f} s{how}"
        f" -> {out}{plot}"
    )

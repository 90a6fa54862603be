"""The tour: a measurement in, its Raman spectrum out, and a model of one's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import io
from ...simulators import spectrometer
from ...training.small import train_small
from .config import Config
from .evaluate import evaluate
from .lines import find_lines, match_lines
from .predict import predict_file

_KNOWN = spectrometer.TOLUENE[:, 0]


def demo(
    config: Config,
    model: Callable[..., Any],
    folder: str | Path,
    *,
    input: str | Path | None = None,
    dark: float | str | None = None,
    steps: int | None = None,
) -> Path:
    """Write a tour of RamPINN to `folder`, and return the path of its report.

    A spectrometer's CSV (simulated toluene, unless `input` is given) goes through the
    model; then the preset `small` is trained for half a minute and measured beside it.

    Args:
        config: Settings of the model.
        model: The shipped model, or another one.
        folder: Where to write; made if it is not there.
        input: A measured `.csv` in place of the simulated one.
        dark: Detector offset: a number or a file.
        steps: Steps of the small training; the preset's by default.
    """
    folder = Path(folder)
    if input is not None:
        io.read_spectra(input)  # refuses bad files before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    if input is None:
        measured, dark = (
            folder / "toluene_simulated.csv",
            500.0 if dark is None else dark,
        )
        print(f"1/3 a simulated spectrometer records toluene: {measured}", flush=True)
        write_simulated_csv(measured)
    else:
        measured = Path(input)
        print(f"1/3 your spectrum: {measured}", flush=True)

    print("2/3 its Raman spectrum, with the weights of the package", flush=True)
    raman_csv, picture = folder / "raman.csv", folder / "raman.png"
    predict_file(
        config, model, measured, raman_csv, dark=dark, plot=picture, progress=False
    )
    wavenumber, raman, _ = np.loadtxt(raman_csv, delimiter=",", skiprows=1).T
    found = find_lines(wavenumber, raman)
    table = _line_table(found) if input is None else _found_table(found)
    print("\n".join(table), flush=True)

    from .system import SYSTEM

    small = train_small(
        SYSTEM, folder, steps, say="3/3 a small model of your own, {} steps"
    )
    figures = {
        "shipped": evaluate(config, model),
        "small": evaluate(config, small.model),
    }
    report = folder / "report.md"
    source = None if input is None else measured
    report.write_text(_report(source, dark, table, figures, small))
    print(f"\n-> {report}\n-> {picture}\n\nnext:")
    for command in _next(small.folder):
        print(f"  {command}")
    return report


def write_simulated_csv(path: Path, *, seed: int = 0) -> None:
    """A toluene spectrum as a spectrometer's CSV: shift in cm^-1, counts."""
    axis = spectrometer.pixel_axis()
    nu = jnp.asarray(axis, jnp.float32)
    counts = jax.jit(spectrometer.record)(jax.random.key(seed), nu).intensity
    rows = [f"{x:.4f},{y:.0f}" for x, y in zip(axis, np.asarray(counts), strict=True)]
    header = [
        "# simulated by physjax: toluene, Stokes envelope, dark offset of 500 counts",
        "raman_shift_cm-1,counts",
    ]
    with io.atomic_output(path) as part:
        part.write_text("\n".join([*header, *rows]) + "\n")


def _line_table(found: np.ndarray) -> list[str]:
    rows = ["| line (cm^-1) | found at | off by |", "|---|---|---|"]
    for line, off in zip(_KNOWN, match_lines(found, _KNOWN), strict=True):
        near = np.isfinite(off) and abs(off) <= 8
        place = f"{line + off:.1f} | {off:+.1f}" if near else "- | -"
        rows.append(f"| {line:.1f} | {place} |")
    return rows


def _found_table(found: np.ndarray) -> list[str]:
    rows = ["| lines found (cm^-1) |", "|---|"]
    return rows + [f"| {line:.1f} |" for line in found]


def _next(run: Path) -> tuple[str, str]:
    return (
        "physjax predict rampinn YOUR.csv --out raman.csv --plot raman.png",
        f"physjax predict rampinn YOUR.csv --out raman.csv --weights {run}",
    )


def _report(source, dark, table, figures, run) -> str:
    what = (
        "A simulated broadband CARS spectrum of toluene (literature lines, Stokes "
        "envelope, dark offset, pixels uniform in wavelength)"
        if source is None
        else f"`{source}`"
    )
    offset = "" if dark is None else f", dark offset {dark} taken off"
    rows = [
        f"| {name} | {shipped['model']['mae']:.4f} | {small['model']['mae']:.4f} "
        f"| {shipped['kramers_kronig']['mae']:.4f} | {shipped['zero']['mae']:.4f} |"
        for (name, shipped), small in zip(
            figures["shipped"].items(), figures["small"].values(), strict=True
        )
    ]
    return "\n".join(
        [
            "# RamPINN: a tour",
            "",
            f"{what}{offset}, recovered with the weights of the package:",
            "",
            "![recovered Raman spectrum](raman.png)",
            "",
            *table,
            "",
            "## A small model of your own",
            "",
            *run.report(),
            "Mean absolute error of the Raman spectrum on 64 fresh simulated spectra "
            "of each VECTOR set:",
            "",
            "Kramers-Kronig retrieval stands on a baseline of the data; where the "
            "background vanishes within the window, as in most of these spectra, it is "
            "worse than no answer.",
            "",
            "| set | shipped | small | Kramers-Kronig | zero |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "## Next",
            "",
            "```",
            *_next(run.folder),
            "```",
            "",
        ]
    )

"""The tour: a cube in, what was hidden and what it is mixed of out, a small model."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ... import io
from ...training.small import train_small
from .config import Config
from .data import sample_images, wavelengths
from .evaluate import evaluate
from .picture import plot_prediction
from .predict import predict_cube, predict_file


def demo(
    config: Config,
    model: Any,
    folder: str | Path,
    *,
    input: str | Path | None = None,
    steps: int | None = None,
) -> Path:
    """Write a tour of KARMA to `folder`, and return the path of its report.

    A simulated scene of EnMAP, or the cube `input`, goes through the model; then the
    preset `small` is trained and measured beside it.

    Args:
        config: Settings of the model.
        model: The shipped model, or another one.
        folder: Where to write; made if it is not there.
        input: A cube in place of the simulated one.
        steps: Steps of the small training; the preset's by default.
    """
    folder = Path(folder)
    if input is not None:
        io.read_cube(input)  # refuses bad files before anything is written
    folder.mkdir(parents=True, exist_ok=True)
    answer, picture = folder / "prediction.npz", folder / "prediction.png"
    if input is None:
        print("1/3 a simulated scene of the satellite EnMAP", flush=True)
        reflectance, wavelength = _scene(config)
        found = predict_cube(config, model, reflectance, wavelength)
        arrays = {k: v for k, v in found._asdict().items() if v is not None}
        with io.atomic_output(answer) as part, open(part, "wb") as file:
            np.savez(file, wavelength=wavelength, **arrays)
        plot_prediction(picture, reflectance, wavelength, found)
    else:
        print(f"1/3 your cube: {input}", flush=True)
        predict_file(config, model, input, answer, plot=picture, progress=False)
    print(f"2/3 reconstruction and abundances: {picture}", flush=True)

    from .system import SYSTEM

    small = train_small(
        SYSTEM, folder, steps, say="3/3 a small model of your own, {} steps"
    )
    figures = {
        "this model": evaluate(config, model),
        "small": evaluate(small.config, small.model),
    }
    report = folder / "report.md"
    report.write_text(_report(input, figures, small))
    print(f"\n-> {report}\n-> {picture}\n\nnext:")
    for command in _next(small.folder):
        print(f"  {command}")
    return report


def _scene(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """A simulated scene of 32 by 32 pixels; its bands are those of EnMAP."""
    data = dataclasses.replace(config.data, source="scenes", size=32)
    wider = dataclasses.replace(config, data=data)
    image = sample_images(wider, jax.random.key(2**31 - 2), 1)[0]
    return np.asarray(image), wavelengths(wider)


def _next(run: Path) -> tuple[str, str]:
    return (
        "physjax predict karma CUBE.hdr --out answer.npz --plot answer.png",
        f"physjax evaluate karma --weights {run}",
    )


def _report(input, figures, run) -> str:
    what = "A simulated scene of EnMAP" if input is None else f"`{input}`"
    rows = [
        f"| {model} | {name} | {row['psnr']:.2f} | {row['ssim']:.3f} "
        f"| {row['angle']:.4f} |"
        for model, sets in figures.items()
        for methods in sets.values()
        for name, row in methods.items()
    ]
    return "\n".join(
        [
            "# KARMA: a tour",
            "",
            f"{what}: three patches of four are hidden and predicted; every pixel that "
            "is seen is unmixed into the endmembers that the model has learned.",
            "",
            "![reconstruction and abundances](prediction.png)",
            "",
            "## A small model of your own",
            "",
            *run.report(),
            "On simulated scenes that no training saw (the two models hide images of "
            "their own size):",
            "",
            "| model | method | PSNR (dB) | SSIM | angle (rad) |",
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

"""From a hyperspectral image in a file to maps of its materials, piece by piece."""

import concurrent.futures
import contextlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import io
from .._errors import ConfigError, DataError, NumericsError
from ..io.progress import progress as show_progress
from ._unmix_members import Members, find_members, library_members
from ._unmix_pictures import draw_maps, draw_spectra
from ._unmix_sample import draw_sample
from ._unmix_solve import Solve, compile_solve

_BLOCK = 2**15
_PLACE = ("map info", "coordinate system string", "projection info", "geo points")
_PLACE += ("pixel size", "x start", "y start", "rpc info", "epsg")


def unmix_file(
    cube: str | Path,
    endmembers: int | str | Path,
    out: str | Path,
    *,
    method: str = "blind",
    abundances: str = "normalized",
    pick: str | None = None,
    scale: float | None = None,
    library_scale: float | None = None,
    name: str | None = None,
    sample: int = 20_000,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Unmix an image and write maps, spectra, residuals and pictures to a folder.

    The image is read in blocks, so it may be larger than memory. Pixels without data (a
    missing or not finite number in a band in use, or zeros in all) are NaN in the maps.

    Args:
        cube: The image; see `physjax.io.read_cube`.
        endmembers: Their number, `auto`, or a library, see `physjax.io.read_library`.
        out: Folder to make; it appears complete or not at all. It gets
            `abundances.img` and `residual.img` (root mean square, and angle in radian)
            with headers, `endmembers.csv`, pictures of all three, `summary.json`.
        method: Search of `physjax.solvers.endmembers`; `blind` means
            `blind_endmembers`. Or `learned`: `systems.karma.learned.learn_endmembers`
            from those of `blind_endmembers`.
        abundances: Solver of `physjax.solvers.unmixing`; `normalized` means
            `normalized_nonnegative`, with a brightness fitted to every pixel.
        pick: Names of spectra of the library, separated by commas.
        scale: What the image's numbers are divided by to give reflectance.
        library_scale: The same for the library.
        name: Name of the array, in files with names.
        sample: Most pixels that endmembers are searched in.
        seed: Of the choice of these pixels and of the search.
        progress: Show how far it is.

    Returns:
        Summary: `pixels`, `without_data`, `bands`, `members`, `shares` (mean abundance
        by name), `residual`, `angle`, `notes`, `seconds` and the settings.

    Raises:
        ConfigError: A setting is out of range.
        DataError: Anything is wrong with the files.
        NumericsError: The endmembers found are not finite.
    """
    start = time.monotonic()
    for label, value in (("scale", scale), ("library_scale", library_scale)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ConfigError(f"{label} is {value}, but must be a positive number.")
    if sample < 16:
        raise ConfigError(f"sample is {sample}, but must be at least 16 pixels.")
    out = _check_folder(Path(out))
    image = io.read_cube(cube, name=name)
    if scale is not None:
        image = _rescale(image, 1.0 / scale)
    pixels, use = draw_sample(image, sample, seed)
    number = str(endmembers)
    by_number = number == "auto" or number.lstrip("+-").isdigit()
    with concurrent.futures.ThreadPoolExecutor(1) as background:
        ahead = None
        if by_number:
            wanted = None if number == "auto" else int(number)
            if wanted is not None and 2 <= wanted <= use.sum():
                # The search leaves a processor free to compile what comes after it.
                ahead = background.submit(
                    compile_solve, abundances, _block(image), int(use.sum()), wanted
                )
            if progress:
                print(f"searching endmembers in {len(pixels):,} pixels", flush=True)
            members = find_members(image, pixels, use, wanted, method, seed)
        else:
            members = library_members(
                *(image, pixels, use, Path(number), pick, library_scale),
                may_guess=scale is None,
            )
            method = "library"
            if members.rescale != 1.0:
                image = _rescale(image, members.rescale)
        if ahead is None:
            count, bands = members.spectra.shape
            ahead = background.submit(
                compile_solve, abundances, _block(image), bands, count
            )
        solve = ahead.result()
    with _folder(out) as part:
        figures = _write_maps(part, image, members, solve, progress)
        _write_spectra(part, image, members)
        summary = {
            "cube": str(cube),
            "endmembers": str(endmembers),
            "method": method,
            "abundances": abundances,
            "seed": seed,
            "bands": int(members.use.sum()),
            "members": len(members.names),
            "names": list(members.names),
            **figures,
            "notes": members.notes,
            "seconds": time.monotonic() - start,
        }
        text = json.dumps(summary, indent=2) + "\n"
        (part / "summary.json").write_text(text, encoding="utf-8")
    return summary


def _rescale(image: io.Cube, factor: float) -> io.Cube:
    """The image with numbers in another unit."""
    import dataclasses

    return dataclasses.replace(
        image, scale=image.scale * factor, offset=image.offset * factor
    )


def _write_maps(
    folder: Path, image: io.Cube, members: Members, solve: Solve, progress: bool
) -> dict[str, Any]:
    """Abundances and residuals as ENVI and PNG; what they come to."""
    rows, columns, _ = image.shape
    names = members.names
    place = {key: text for key, text in image.metadata.items() if key in _PLACE}
    sums = np.zeros(len(names) + 2)
    count = 0
    with (
        io.create_envi(
            folder / "abundances.img",
            (rows, columns, len(names)),
            np.float32,
            band_names=names,
            no_data=float("nan"),
            metadata={"description": "{abundances}", **place},
        ) as shares,
        io.create_envi(
            folder / "residual.img",
            (rows, columns, 2),
            np.float32,
            band_names=("root mean square", "spectral angle (rad)"),
            no_data=float("nan"),
            metadata={"description": "{residual}", **place},
        ) as residual,
        show_progress(rows * columns, "pixels", show=progress) as advance,
    ):
        for part, answer in _answers(image, members, solve):
            shares[part] = answer[..., :-2]
            residual[part] = answer[..., -2:]
            flat = answer.reshape(-1, len(names) + 2)
            there = ~np.isnan(flat[:, 0])
            squares = flat[there].astype(np.float64)
            squares[:, -2] **= 2
            sums += squares.sum(axis=0)
            count += int(there.sum())
            advance(len(flat))
        if not count:
            raise DataError(f"{image.source} has no pixel with data in all good bands.")
        draw_maps(folder / "abundances.png", shares, names, (0.0, 1.0), "viridis")
        draw_maps(
            *(folder / "residual.png", residual),
            ("root mean square of the residual", "spectral angle (rad)"),
            *(None, "magma"),
        )
    mean = sums / count
    return {
        "pixels": rows * columns,
        "without_data": rows * columns - count,
        "shares": dict(zip(names, map(float, mean[:-2]), strict=True)),
        "residual": float(np.sqrt(mean[-2])),
        "angle": float(mean[-1]),
    }


def _answers(
    image: io.Cube, members: Members, solve: Solve
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Place and answer (rows, columns, members + 2) of block after block.

    The host reads a block while the device works on the one before.
    """
    rows, columns, _ = image.shape
    wide = min(columns, _BLOCK)
    high = _block(image) // wide
    spectra = np.asarray(members.spectra, np.float32)
    places = [
        (slice(top, min(top + high, rows)), slice(left, min(left + wide, columns)))
        for top in range(0, rows, high)
        for left in range(0, columns, wide)
    ]
    bands = None if members.use.all() else np.flatnonzero(members.use)

    def read(place: tuple[slice, slice]) -> np.ndarray:
        block = np.asarray(image.reflectance(*place, bands), np.float32)
        flat = block.reshape(-1, block.shape[-1])
        short = high * wide - len(flat)  # one shape, one compilation
        return np.pad(flat, ((0, short), (0, 0))) if short else flat

    def collect(place: tuple[slice, slice], answer: jax.Array) -> Any:
        shape = tuple(one.stop - one.start for one in place)
        flat = np.asarray(answer)[: shape[0] * shape[1]]
        return place, flat.reshape(*shape, -1)

    with concurrent.futures.ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(read, places[0])
        pending = None
        for number, place in enumerate(places):
            block = ahead.result()
            if number + 1 < len(places):
                ahead = reader.submit(read, places[number + 1])
            answer = solve(block, spectra)
            if pending is not None:
                yield collect(*pending)
            pending = place, answer
        if pending is not None:
            yield collect(*pending)


def _block(image: io.Cube) -> int:
    """Pixels of a block: whole rows, or a part of one."""
    rows, columns, _ = image.shape
    wide = min(columns, _BLOCK)
    return wide * min(rows, max(1, _BLOCK // wide))


def _write_spectra(folder: Path, image: io.Cube, members: Members) -> None:
    axis = None if image.wavelength is None else image.wavelength[members.use]
    spectra = np.asarray(members.spectra, np.float64)
    if not np.isfinite(spectra).all():
        raise NumericsError(
            "the endmembers found are not finite; try another --method."
        )
    library = io.SpectralLibrary(tuple(members.names), spectra, axis)
    io.write_csv_library(folder / "endmembers.csv", library)
    draw_spectra(folder / "endmembers.png", library)


def _check_folder(out: Path) -> Path:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already; name a new folder or remove it.")
    parent = out.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise DataError(
            f"cannot make {out}: there is no folder {parent} to write to; make it."
        )
    return out


@contextlib.contextmanager
def _folder(out: Path) -> Iterator[Path]:
    """A folder to fill, renamed to `out` at the end, removed if anything fails."""
    part = out.absolute().with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir()
    try:
        yield part
        if out.exists():
            out.rmdir()
        os.replace(part, out)
    except BaseException:  # KeyboardInterrupt too
        shutil.rmtree(part, ignore_errors=True)
        raise

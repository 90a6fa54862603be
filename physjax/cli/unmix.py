"""`physjax unmix CUBE --endmembers K|auto|LIBRARY --out FOLDER`: what is in each pixel.

`unmix_file` does the same from Python.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ._arguments import parse


@dataclass(frozen=True)
class Unmix:
    """Split a hyperspectral image into its materials: spectra, and maps of shares.

    FOLDER gets abundance maps and residuals as ENVI images and pictures, the spectra of
    the endmembers as a table and a picture, and a summary. The place on Earth is kept.
    """

    cube: Annotated[Positional[str], arg(metavar="CUBE")]
    """ENVI (.hdr or data file), .mat, .tif, .h5 or .nc."""
    endmembers: Annotated[str, arg(metavar="K|auto|LIBRARY")]
    """Their number, to find them in the image; `auto` to find the number too; or a
    spectral library (.sli or .hdr of ENVI, .csv), which is resampled to the sensor."""
    out: Annotated[str, arg(metavar="FOLDER")]
    """A new folder for the answer."""
    method: Literal[
        "blind",
        "vca",
        "nfindr",
        "atgp",
        "ppi",
        "sisal",
        "archetypes",
        "simplex_likelihood",
        "learned",
    ] = "blind"
    """How endmembers are found: `blind` chooses between `simplex_likelihood` and
    `archetypes` by the data; `vca` takes a second and needs a pure pixel of each;
    `learned` refines those of `blind` by gradients."""
    abundances: Literal[
        "normalized", "fcls", "nonnegative", "sum_to_one", "unconstrained", "sunsal"
    ] = "normalized"
    """How shares are found: `normalized` is blind to shade and slope; with `fcls` they
    sum to one at the brightness of the endmembers."""
    pick: Annotated[str | None, arg(metavar="NAME,NAME,...")] = None
    """Spectra of the library to use, by name or its beginning; all otherwise."""
    scale: float | None = None
    """What the image's numbers are divided by to give reflectance, where its file does
    not say so."""
    library_scale: float | None = None
    """The same for the library."""
    name: str | None = None
    """Name of the array, in files with names."""
    sample: int = 20_000
    """Most pixels that endmembers are searched in."""
    seed: int = 0
    """Of the choice of these pixels and of the search."""
    quiet: Annotated[bool, FlagCreatePairsOff] = False
    """No progress and no summary."""


def run(argv: list[str]) -> int:
    """The verb `unmix`."""
    args = parse(Unmix, argv, "unmix")
    from .. import training
    from ._unmix_file import unmix_file
    from .predict import terminable

    training.enable_compilation_cache()
    options = {**vars(args)}
    quiet = options.pop("quiet")
    with terminable():
        summary = unmix_file(**options, progress=not quiet)
    if not quiet:
        print(describe(summary, args.out))
    return 0


def describe(summary: dict[str, Any], folder: str) -> str:
    """What was done, in a few lines."""
    lines = [
        f"{summary['pixels']:,} pixels of {summary['bands']} bands in "
        f"{summary['seconds']:.1f} s: {summary['members']} endmembers "
        f"({summary['method']}), abundances ({summary['abundances']})",
        *(f"  {name}: {share:.1%}" for name, share in summary["shares"].items()),
        f"residual {summary['residual']:.3g} (root mean square), "
        f"{summary['angle']:.3g} rad (mean angle)",
        *(f"note: {note}" for note in summary["notes"]),
        f"-> {folder}",
    ]
    return "\n".join(lines)

"""Endmembers of an image: searched for in it, or taken from a library."""

import inspect
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .. import io
from .._errors import ConfigError, DataError
from .._solution import Solution
from ..operators.mixing import gaussian_response, resample
from ..solvers import endmembers

_MOST = 64
_SEARCHES = {"blind": "blind_endmembers"}


class Members(NamedTuple):
    """Endmembers in the bands of the image that are in use."""

    names: tuple[str, ...]
    spectra: Float[np.ndarray, "members bands"]
    use: Bool[np.ndarray, " all"]
    notes: list[str]
    """What the user should know."""
    rescale: float = 1.0
    """What the image's numbers are to be multiplied by."""


def find_members(
    image: io.Cube,
    pixels: Float[np.ndarray, "pixels bands"],
    use: Bool[np.ndarray, " all"],
    number: int | None,
    method: str,
    seed: int,
) -> Members:
    """Endmembers from pixels of the image; `number` None finds their number by
    the edge of the noise among the eigenvalues.

    Raises:
        ConfigError: Fewer than 2, or more than pixels or bands allow.
    """
    notes = []
    spectra = jnp.asarray(pixels)
    if number is None:
        if len(pixels) <= pixels.shape[1]:
            raise ConfigError(
                f"endmembers is auto, but {len(pixels)} pixels of {pixels.shape[1]} "
                f"bands are too few to find their number; give it."
            )
        number = int(np.asarray(eqx.filter_jit(endmembers.noise_edge)(spectra).value))
        notes.append(
            f"{number} eigenvalues stand out of the noise; materials may be fewer, as "
            f"spectra that vary raise that number"
        )
        number = max(number, 2)
    most = min(_MOST, len(pixels), pixels.shape[1])
    if not 2 <= number <= most:
        raise ConfigError(
            f"endmembers is {number}, but must be 2 to {most} for {len(pixels)} pixels "
            f"of {pixels.shape[1]} bands, or the name of a library."
        )
    search = _learned if method == "learned" else None
    search = search or getattr(endmembers, _SEARCHES.get(method, method))
    key = (
        (jax.random.key(seed),) if "key" in inspect.signature(search).parameters else ()
    )
    if method not in ("blind", "learned"):  # which compile their parts as needed
        search = eqx.filter_jit(search)
    found = search(spectra, number, *key)
    if found.result.max():
        notes.append(f"the search for endmembers says: {found.message}")
    names = tuple(f"endmember {i + 1}" for i in range(number))
    return Members(names, np.asarray(found.value.spectra), use, notes)


def _learned(
    spectra: Float[Array, "pixels bands"], number: int, key: PRNGKeyArray
) -> Solution[endmembers.Endmembers]:
    """Endmembers of the blind search, refined on what they leave of the pixels."""
    from ..systems.karma.learned import learn_endmembers

    first = endmembers.blind_endmembers(spectra, number, key)
    refine = jax.jit(learn_endmembers)
    refined = refine(spectra, first.value.spectra, jax.random.fold_in(key, 1))
    return eqx.tree_at(lambda found: found.value.spectra, first, refined)


def library_members(
    image: io.Cube,
    pixels: Float[np.ndarray, "pixels bands"],
    use: Bool[np.ndarray, " all"],
    path: Path,
    pick: str | None,
    scale: float | None,
    *,
    may_guess: bool,
) -> Members:
    """Spectra of a library as the sensor of the image would see them.

    Bands that the library does not cover are left out. Where neither file tells its
    scale and the numbers cannot be reflectance, percent or 1/10000 is assumed.

    Raises:
        DataError: The library is damaged, has another axis, or covers too little.
    """
    library = _picked(io.read_library(path), pick)
    notes = []
    spectra, covered = _to_sensor(library, image, use, notes)
    if covered.sum() < max(2, min(len(library.names), 8)):
        raise DataError(
            f"{path} covers {covered.sum()} of {use.sum()} bands of {image.source}; "
            f"use a library of the same range of wavelengths."
        )
    if scale is not None:
        spectra = spectra / scale
    elif (guess := _guess_scale(spectra)) != 1.0:
        spectra = spectra / guess
        notes.append(f"{path.name} is taken as reflectance times {guess:g}")
    rescale = 1.0
    if may_guess and (guess := _guess_scale(pixels[:, covered[use]])) != 1.0:
        rescale = 1.0 / guess
        notes.append(f"the image is taken as reflectance times {guess:g}")
    missing = int(use.sum() - covered.sum())
    if missing:
        notes.append(f"{missing} bands are left out: the library does not cover them")
    return Members(library.names, spectra.astype(np.float32), covered, notes, rescale)


def _picked(library: io.SpectralLibrary, pick: str | None) -> io.SpectralLibrary:
    names = library.names
    places = list(range(len(names)))
    if pick is not None:
        places = []
        for word in filter(None, map(str.strip, pick.split(","))):
            same = [i for i, name in enumerate(names) if name.lower() == word.lower()]
            alike = [
                i for i, n in enumerate(names) if n.lower().startswith(word.lower())
            ]
            if not alike and not same:
                raise DataError(
                    f"{library.source} has no spectrum {word!r}; it has "
                    f"{', '.join(names[:6])}{', ...' if len(names) > 6 else ''}."
                )
            places.append((same or alike)[0])
    places = list(dict.fromkeys(places))
    if not 2 <= len(places) <= _MOST:
        raise DataError(
            f"{library.source} gives {len(places)} endmembers, but 2 to {_MOST} are "
            f"possible; choose with --pick NAME,NAME."
        )
    names = [names[i] for i in places]
    unique = tuple(
        name if names.count(name) == 1 else f"{name} ({i + 1})"
        for i, name in enumerate(names)
    )
    return io.SpectralLibrary(
        unique,
        library.spectra[places],
        library.wavelength,
        library.fwhm,
        library.metadata,
        library.source,
    )


def _to_sensor(
    library: io.SpectralLibrary, image: io.Cube, use: np.ndarray, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Spectra in the bands that are in use and covered, and which these are."""
    known = np.isfinite(library.spectra).all(axis=0)
    if image.wavelength is None or library.wavelength is None:
        if library.spectra.shape[1] != use.size:
            which = image.source if image.wavelength is None else library.source
            raise DataError(
                f"{which} tells no wavelengths, and the library has "
                f"{library.spectra.shape[1]} bands where the image has {use.size}; add "
                f"'wavelength' to its header."
            )
        notes.append("no wavelengths: the library is taken to have the image's bands")
        covered = use & known
        return library.spectra[:, covered], covered
    order = np.argsort(library.wavelength[known], kind="stable")
    axis = library.wavelength[known][order]
    spectra = library.spectra[:, known][:, order]
    if axis.size < 2:
        raise DataError(
            f"{library.source} has {axis.size} channels that all its spectra share; "
            f"choose others with --pick."
        )
    centre = image.wavelength
    fwhm = image.fwhm if image.fwhm is not None else _spacing(centre)
    # What the library's instrument has blurred already need not be blurred again.
    own = 0.0 * centre
    if library.fwhm is not None:
        own = np.interp(centre, axis, library.fwhm[known][order])
    width = np.sqrt(np.maximum(fwhm**2 - own**2, (0.2 * fwhm) ** 2))
    gap = np.diff(axis)
    left = np.clip(np.searchsorted(axis, centre) - 1, 0, gap.size - 1)
    inside = (centre >= axis[0] - width / 4) & (centre <= axis[-1] + width / 4)
    covered = use & inside & (gap[left] <= 4 * np.maximum(fwhm, np.median(gap)))
    if not covered.any():
        return np.zeros((len(spectra), 0)), covered
    axis, first = np.unique(axis, return_index=True)
    where = (axis, centre[covered], width[covered])
    response = gaussian_response(*(jnp.asarray(x, jnp.float32) for x in where))
    seen = resample(jnp.asarray(spectra[:, first], jnp.float32), response)
    return np.asarray(seen, np.float64), covered


def _spacing(centre: np.ndarray) -> np.ndarray:
    """Distances of neighbouring bands, for widths that are not known."""
    order = np.argsort(centre)
    spacing = np.empty_like(centre)
    spacing[order] = np.gradient(centre[order]) if centre.size > 1 else centre * 0.01
    return np.maximum(np.abs(spacing), 1e-3 * centre)


def _guess_scale(spectra: np.ndarray) -> float:
    """1, 100 or 10000: what makes numbers of reflectance of these."""
    top = float(np.percentile(np.abs(spectra), 90)) if spectra.size else 0.0
    return 1.0 if top <= 2 else 100.0 if top <= 150 else 10_000.0

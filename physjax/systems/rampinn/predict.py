"""From measured CARS spectra to Raman spectra, on any axis, in bounded memory."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Num

from ... import io
from ..._errors import ConfigError, DataError, NumericsError
from ...io.checks import check_dtype, check_shape
from ...io.progress import progress as show_progress
from ...io.writers import OUTPUTS, check_rows

_UNIFORM = 1e-2
"""Largest distance from the uniform grid, in steps, of an axis that counts as uniform:
above the rounding of printed axes, far below what a line of a few steps notices."""
_PICTURES = (".pdf", ".png", ".svg")


class Grid(NamedTuple):
    """How spectra go from their axis to the uniform ascending one and back."""

    order: slice
    ascending: np.ndarray
    uniform: np.ndarray | None
    """None where the axis is uniform already."""

    def to_uniform(self, rows: np.ndarray) -> np.ndarray:
        rows = rows[..., self.order]
        if self.uniform is not None:
            rows = _spline(self.ascending, rows, self.uniform)
        with np.errstate(over="ignore"):  # an infinite answer is refused by number
            return rows.astype(np.float32)

    def restore(self, rows: np.ndarray) -> np.ndarray:
        if self.uniform is not None:
            rows = _spline(self.uniform, rows, self.ascending).astype(np.float32)
        return rows[..., self.order]


def make_grid(wavenumber: Float[np.ndarray, " n"]) -> Grid:
    """The way to the uniform grid of an axis that `io.check_axis` has passed."""
    order = slice(None) if wavenumber[-1] > wavenumber[0] else slice(None, None, -1)
    ascending = wavenumber[order]
    uniform = np.linspace(ascending[0], ascending[-1], ascending.size)
    off = np.abs(ascending - uniform).max() / (uniform[1] - uniform[0])
    return Grid(order, ascending, uniform if off > _UNIFORM else None)


def _spline(x: np.ndarray, rows: np.ndarray, new: np.ndarray) -> np.ndarray:
    # Cubic: linear interpolation cuts 4 % off a line of half width 2.5 steps, each way,
    # and PCHIP flattens every maximum; a cubic spline cuts less than 0.5 %.
    from scipy.interpolate import CubicSpline

    return CubicSpline(x, rows.astype(np.float64), axis=-1)(new)


@eqx.filter_jit
def _retrieve(model: Any, intensity: jax.Array) -> tuple[jax.Array, jax.Array]:
    answer = jax.vmap(model)(intensity)
    return answer.raman, answer.background


def _batch_size(wanted: int | None, points: int, count: int) -> int:
    """Spectra per call of the model: caches on a CPU, occupancy on an accelerator."""
    if wanted is not None and wanted < 1:
        raise ConfigError(f"batch_size is {wanted}, but must be at least 1.")
    values = 2**15 if jax.default_backend() == "cpu" else 2**20
    return min(wanted or min(max(values // points, 1), 4096), count)


def _answers(
    model: Any, chunks: Iterable[np.ndarray], batch: int, grid: Grid
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Answers to chunks of at most `batch` spectra, padded to `batch`: one compile.

    The device works on a chunk while the host reads the next one.
    """
    pending: tuple[tuple[jax.Array, jax.Array], int] | None = None
    done = 0

    def collect(answer: tuple[jax.Array, jax.Array], count: int):
        raman, background = (np.asarray(x)[:count] for x in answer)
        for name, rows in (("Raman", raman), ("background", background)):
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=-1))
            if bad.size:
                raise NumericsError(
                    f"the {name} answer to spectrum {done + int(bad[0])} is not "
                    f"finite; check its intensities and the weights."
                )
        return grid.restore(raman), grid.restore(background)

    for chunk in chunks:
        rows = grid.to_uniform(chunk)
        padded = np.pad(rows, ((0, batch - len(rows)), (0, 0)), mode="edge")
        answer = _retrieve(model, jax.numpy.asarray(padded))
        if pending is not None:
            yield collect(*pending)
            done += pending[1]
        pending = answer, len(rows)
    if pending is not None:
        yield collect(*pending)


def predict_spectra(
    model: Callable[..., Any],
    intensity: Num[np.ndarray, "*batch n"],
    wavenumber: Num[np.ndarray, " n"],
    *,
    batch_size: int | None = None,
) -> tuple[Float[np.ndarray, "*batch n"], Float[np.ndarray, "*batch n"]]:
    r"""Raman spectrum and non-resonant background of CARS intensities in memory.

    With $I = |\chi_R + \chi_{NRB}|^2 / 2$ these are $\mathrm{Im}\,\chi_R$ and
    $\chi_{NRB}$: four times the intensity gives twice the answer. The model sees an
    ascending uniform axis of n points; a descending axis is turned, a non-uniform one
    resampled by cubic splines, and the answers come back on the axis given.

    Args:
        model: `model(intensity (n,)) -> (raman, background)` by name, each (n,).
        intensity: (..., n), any unit, dark signal removed; small negative values do no
            harm.
        wavenumber: (n,) axis in cm^-1, strictly monotonic.
        batch_size: Spectra per call of the model; a suitable number by default.

    Returns:
        `(raman, background)`, float32, of the shape of `intensity`, in units of
        sqrt(2 I).

    Raises:
        ConfigError: `batch_size` below one.
        DataError: NaN, a wrong shape or dtype, or an axis that is not monotonic.
        NumericsError: The model's answer is not finite.

    >>> from physjax.systems.rampinn.config import PRESETS
    >>> from physjax.systems.rampinn.model import make_model
    >>> model = make_model(PRESETS["small"], jax.random.key(0))
    >>> wavenumber = np.linspace(1800.0, 600.0, 64)
    >>> raman, background = predict_spectra(model, np.ones((3, 64)), wavenumber)
    >>> raman.shape, background.dtype
    ((3, 64), dtype('float32'))
    """
    check_dtype(wavenumber.dtype, "wavenumber")
    axis = io.check_axis(wavenumber)
    check_dtype(intensity.dtype, "intensity")
    check_shape(intensity.shape, axis.size, "intensity", "wavenumber")
    io.check_finite(intensity, "intensity")
    rows = intensity.reshape(-1, axis.size)
    batch = _batch_size(batch_size, axis.size, len(rows))
    chunks = (rows[i : i + batch] for i in range(0, len(rows), batch))
    answers = list(_answers(model, chunks, batch, make_grid(axis)))
    raman, background = (
        np.concatenate(x).reshape(intensity.shape) for x in zip(*answers, strict=True)
    )
    return raman, background


def predict_file(
    config: Any,
    model: Callable[..., Any],
    input: str | Path,
    output: str | Path,
    *,
    wavenumber: str | Path | None = None,
    dark: int | float | str | Path | None = None,
    plot: str | Path | None = None,
    batch_size: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """`predict_spectra` from file to file, a batch at a time.

    Args:
        config: Settings of the model; not needed here.
        model: As in `predict_spectra`.
        input: `.csv`, `.npz`, `.npy`, `.h5` or `.mat`, see `physjax.io.read_spectra`.
        output: `.npz` with `wavenumber`, `raman` and `background`, axes as in the
            input, or `.csv` for a single spectrum. It appears complete or not at all.
        wavenumber: File of the axis, where `input` has none or another one is wanted.
        dark: Detector offset: a number, or a file with one spectrum on the same axis.
        plot: Picture (`.png`, `.pdf`, `.svg`) of the first spectrum.
        batch_size: As in `predict_spectra`.
        progress: Show how far it is.

    Returns:
        Summary: `spectra`, `points`, `resampled`, `seconds`.

    Raises:
        DataError: Anything is wrong with the files.
        NumericsError: The model's answer is not finite.
    """
    start = time.monotonic()
    spectra = io.read_spectra(input, wavenumber=wavenumber)
    sources = [input, *(s for s in (wavenumber, dark) if isinstance(s, str | Path))]
    output = io.check_output(output, OUTPUTS, sources)
    check_rows(output, len(spectra))
    if plot is not None:
        plot = io.check_output(plot, _PICTURES, sources)
    offset = _read_dark(dark, spectra.wavenumber)
    grid = make_grid(spectra.wavenumber)
    batch = _batch_size(batch_size, grid.ascending.size, len(spectra))
    first: list[np.ndarray] = []

    def measured() -> Iterator[np.ndarray]:
        for chunk in spectra.chunks(batch):
            chunk = chunk - offset
            if dark is not None and (chunk <= 0).all():
                raise DataError(
                    f"nothing of {input} is left above the dark offset {dark}; give "
                    f"the detector's offset in the unit of the intensities."
                )
            if not first:
                first.append(chunk[0].copy())
            yield chunk

    with (
        io.write_spectra(
            output, spectra.wavenumber, spectra.shape, ("raman", "background")
        ) as write,
        show_progress(len(spectra), "spectra", show=progress) as advance,
    ):
        for raman, background in _answers(model, measured(), batch, grid):
            write(raman, background)
            advance(len(raman))
            if len(first) == 1:
                first += [raman[0].copy(), background[0].copy()]
        if plot is not None:
            from .picture import plot_retrieval

            name = Path(input).name
            title = name if len(spectra) == 1 else f"{name}, first of {len(spectra)}"
            plot_retrieval(plot, spectra.wavenumber, *first, title=title)
    return {
        "spectra": len(spectra),
        "points": grid.ascending.size,
        "resampled": grid.uniform is not None,
        "seconds": time.monotonic() - start,
    }


def _read_dark(
    dark: int | float | str | Path | None, wavenumber: np.ndarray
) -> float | np.ndarray:
    """The offset to subtract: a number, or (n,)."""
    if dark is None:
        return 0.0
    if isinstance(dark, int | float):
        value = float(dark)
    else:
        try:
            value = float(str(dark))
        except ValueError:
            return _read_dark_file(Path(dark), wavenumber)
    if not np.isfinite(value):
        raise DataError(f"the dark value is {value}; give a number or a file.")
    return value


def _read_dark_file(path: Path, wavenumber: np.ndarray) -> np.ndarray:
    given = wavenumber if path.suffix.lower() == ".npy" else None
    dark = io.read_spectra(path, wavenumber=given)
    if len(dark) != 1:
        raise DataError(
            f"dark file {path} holds {len(dark)} spectra; save one, such as their mean."
        )
    axis = dark.wavenumber
    step = np.abs(np.diff(wavenumber)).min()
    if axis.shape != wavenumber.shape or np.abs(axis - wavenumber).max() > 0.1 * step:
        raise DataError(
            f"dark file {path} has another axis ({axis.size} points, {axis[0]:g} to "
            f"{axis[-1]:g}) than the input ({wavenumber.size} points, "
            f"{wavenumber[0]:g} to {wavenumber[-1]:g}); record it on the same axis."
        )
    return dark.load().ravel()

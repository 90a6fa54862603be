"""`physjax predict SYSTEM INPUT --out OUTPUT`: a model over a file of measurements."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ._arguments import parse


@dataclass(frozen=True)
class Predict:
    """Run a model over a file of measurements.

    INPUT is .csv (wavenumber, intensity), .npz, .h5 or .mat (cars (..., n), wavenumber
    (n,)), or .npy with --wavenumber.
    """

    system: Annotated[Positional[str], arg(metavar="SYSTEM")]
    """Name of the system, such as rampinn."""
    input: Annotated[Positional[str], arg(metavar="INPUT")]
    """File of measurements."""
    out: Annotated[str, arg(metavar="OUTPUT")]
    """Output: .npz, or .csv for a single spectrum."""
    weights: Annotated[str | None, arg(metavar="RUN|FILE")] = None
    """Run folder or .safetensors file; the weights of the package by default."""
    wavenumber: Annotated[str | None, arg(metavar="FILE")] = None
    """File of the axis, where INPUT holds none."""
    dark: Annotated[str | None, arg(metavar="VALUE|FILE")] = None
    """Detector offset: a number, or a file with one spectrum on the same axis."""
    plot: Annotated[str | None, arg(metavar="FILE")] = None
    """Picture of the first spectrum, .png, .pdf or .svg."""
    batch_size: Annotated[int | None, arg(metavar="N")] = None
    """Spectra per call of the model; a suitable number by default."""
    quiet: Annotated[bool, FlagCreatePairsOff] = False
    """No progress and no summary."""


def run(argv: list[str]) -> int:
    """The verb `predict`."""
    args = parse(Predict, argv, "predict")
    from .. import systems, training

    systems.config_module(args.system)  # an unknown name fails before jax loads
    training.enable_compilation_cache()
    system = systems.load(args.system)
    config, model = training.load_model(system, args.weights)
    with _terminable():
        summary = system.predict(
            config,
            model,
            args.input,
            args.out,
            wavenumber=args.wavenumber,
            dark=args.dark,
            plot=args.plot,
            batch_size=args.batch_size,
            progress=not args.quiet,
        )
    if not args.quiet:
        count = summary["spectra"]
        what = "1 spectrum" if count == 1 else f"{count} spectra"
        how = ", resampled to a uniform axis and back" if summary["resampled"] else ""
        print(
            f"{what} of {summary['points']} points in {summary['seconds']:.1f} s{how}"
            f" -> {args.out}" + (f", {args.plot}" if args.plot else "")
        )
    return 0


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM raises like Ctrl-C, so that half-written files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, _: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

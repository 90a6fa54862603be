"""`physjax predict SYSTEM INPUT --out OUTPUT`: a model over a file of measurements."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

import tyro

from ._arguments import parse


@dataclass(frozen=True)
class Predict:
    """Run a model over a file of measurements.

    INPUT is .csv (wavenumber, intensity), .npz, .h5 or .mat (cars (..., n), wavenumber
    (n,)), or .npy with --wavenumber.
    """

    system: tyro.conf.Positional[str]
    """Name of the system, such as rampinn."""
    input: tyro.conf.Positional[str]
    """File of measurements."""
    out: str
    """Output: .npz, or .csv for a single spectrum."""
    weights: str | None = None
    """Run folder or .safetensors file; the weights of the package by default."""
    wavenumber: str | None = None
    """File of the axis, where INPUT holds none."""
    dark: str | None = None
    """Detector offset: a number, or a file with one spectrum on the same axis."""
    plot: str | None = None
    """Picture of the first spectrum, .png, .pdf or .svg."""
    batch_size: int | None = None
    """Spectra per call of the model; a suitable number by default."""
    quiet: bool = False
    """No progress and no summary."""


def run(argv: list[str]) -> int:
    """The verb `predict`."""
    args = parse(Predict, argv, "predict")
    from .. import systems, training
    from ._model import load_model

    systems.config_module(args.system)  # an unknown name fails before jax loads
    training.enable_compilation_cache()
    system = systems.load(args.system)
    config, model = load_model(system, args.weights)
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

"""`physjax predict SYSTEM INPUT --out OUTPUT`: a system over a file."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Annotated

from tyro.conf import FlagCreatePairsOff, Positional, arg

from ._arguments import parse_for_system


@dataclass(frozen=True)
class Predict:
    """Run a system over a file of one's own."""

    input: Annotated[Positional[str], arg(metavar="INPUT")]
    """The file."""
    out: Annotated[str, arg(metavar="OUTPUT")]
    """Where the answer goes."""
    weights: Annotated[str | None, arg(metavar="RUN|FILE|PRESET")] = None
    """Run folder, .safetensors file, or a preset that the package has weights of; those
    of `default` if not given."""
    quiet: Annotated[bool, FlagCreatePairsOff] = False
    """No progress and no summary."""


def run(argv: list[str]) -> int:
    """The verb `predict`."""
    name, args, options = parse_for_system(Predict, argv, "predict")
    from .. import systems, training

    training.enable_compilation_cache()
    system = systems.load(name)
    config, model = training.load_model(system, args.weights)
    with terminable():
        summary = system.predict(
            config, model, args.input, args.out, progress=not args.quiet, **options
        )
    if not args.quiet:
        describe = systems.options_module(name).describe
        print(describe(summary, args.out, options))
    return 0


@contextlib.contextmanager
def terminable() -> Iterator[None]:
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

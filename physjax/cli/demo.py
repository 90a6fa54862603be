"""`physjax demo SYSTEM`: the two-minute tour of a system."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, arg

from ._arguments import parse


@dataclass(frozen=True)
class Demo:
    """Run a system on a spectrometer's file, train a small model, write a report.

    Without --input the file is a simulated one, and says so.
    """

    system: Annotated[Positional[str], arg(metavar="SYSTEM")]
    """Name of the system, such as rampinn."""
    out: Annotated[str, arg(metavar="DIR")] = "physjax-demo"
    """Folder for the report, the pictures and the run."""
    input: Annotated[str | None, arg(metavar="FILE")] = None
    """Your own measurement (.csv) in place of the simulated one."""
    dark: Annotated[str | None, arg(metavar="VALUE|FILE")] = None
    """Detector offset: a number, or a file with one spectrum on the same axis."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Steps of the small training; about half a minute by default."""


def run(argv: list[str]) -> int:
    """The verb `demo`."""
    args = parse(Demo, argv, "demo")
    from .. import systems, training

    systems.config_module(args.system)
    training.enable_compilation_cache()
    system = systems.load(args.system)
    config, model = training.load_model(system)
    system.demo(
        config, model, args.out, input=args.input, dark=args.dark, steps=args.steps
    )
    return 0

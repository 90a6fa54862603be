"""`physjax demo SYSTEM`: the two-minute tour of a system."""

from dataclasses import dataclass
from typing import Annotated

from tyro.conf import arg

from ._arguments import parse_for_system


@dataclass(frozen=True)
class Demo:
    """The tour of a system: an example, a small training, a report with pictures."""

    out: Annotated[str, arg(metavar="DIR")] = "physjax-demo"
    """Folder for the report, the pictures and the run."""


def run(argv: list[str]) -> int:
    """The verb `demo`."""
    name, args, options = parse_for_system(Demo, argv, "demo")
    from .. import systems, training

    training.enable_compilation_cache()
    system = systems.load(name)
    config, model = training.load_model(system)
    system.demo(config, model, args.out, **options)
    return 0

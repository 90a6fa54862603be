"""`physjax resume RUN`: go on where a training stopped."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal


def run(argv: list[str]) -> int:
    """The verb `resume`."""
    import tyro

    @dataclass(frozen=True)
    class Resume:
        """Go on from the newest sound checkpoint, on whatever devices are there."""

        run: Annotated[Path, tyro.conf.Positional]
        """Run folder that `physjax train` made."""
        devices: int | None = None
        """Another number of devices than before; 0 takes all that divide the batch."""
        loop: Literal["auto", "host", "scan"] | None = None
        """Another kind of loop than before."""

    options = tyro.cli(Resume, prog="physjax resume", args=argv)

    from .. import systems
    from ..training.run_folder import read_config, system_of
    from .train import train_here

    name = system_of(options.run)
    config = read_config(options.run, systems.config_module(name).PRESETS["default"])
    changes = {
        k: v
        for k, v in (("devices", options.devices), ("loop", options.loop))
        if v is not None
    }
    settings = dataclasses.replace(config.train, **changes)
    config = dataclasses.replace(config, train=settings)
    return train_here(name, config, options.run, resume=True)

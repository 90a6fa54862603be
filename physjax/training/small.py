"""A model of one's own in a minute: the last part of every tour."""

import time
from pathlib import Path
from typing import Any, NamedTuple

from .._system import System
from .config import with_steps
from .loop import train
from .run_folder import free_name


class SmallRun(NamedTuple):
    """What `train_small` returns.

    Attributes:
        model: The trained model.
        config: Its settings.
        folder: Its run folder, `small` or the next free name within the tour's.
        seconds: Time it took, compilation included.
    """

    model: Any
    config: Any
    folder: Path
    seconds: float

    def report(self) -> list[str]:
        """Lines of Markdown for a report beside the run folder."""
        name = self.folder.name
        return [
            f"{self.config.train.steps} steps in {self.seconds:.0f} s, compilation "
            f"included; run folder [{name}]({name}/report.md).",
            "",
            f"![loss]({name}/plots/loss.png)",
            "",
        ]


def train_small(
    system: System, folder: Path, steps: int | None = None, *, say: str
) -> SmallRun:
    """Train the preset `small` of a system in a new folder within `folder`.

    Args:
        system: The system.
        folder: Folder of the tour.
        steps: Steps; those of the preset by default.
        say: What to print before; `{}` becomes the number of steps.
    """
    config = with_steps(system.presets["small"], steps)
    print(say.format(config.train.steps), flush=True)
    run = free_name(folder / "small")
    start = time.monotonic()
    result = train(system, config, run)
    return SmallRun(result.model, config, run, time.monotonic() - start)

"""What a run says while it runs: a live line on a terminal, plain lines elsewhere."""

import sys
import warnings
from collections.abc import Callable
from typing import Any


class Progress:
    """What `train` calls, on the host. This one is silent; override what you like."""

    def say(self, text: str) -> None:
        """A sentence worth a line."""

    def warn(self, text: str) -> None:
        """A sentence that must not be missed."""
        warnings.warn(text, RuntimeWarning, stacklevel=3)

    def advance(self, step: int) -> None:
        """Called after every step; must cost nothing."""

    def log(self, row: dict[str, Any], steps: int) -> None:
        """Called with every row of `metrics.jsonl`."""

    def close(self) -> None:
        """The run is over, one way or another."""


def clock(seconds: float) -> str:
    """`1:02:03`, or `2:03` below the hour."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{s:02d}" if hours else f"{minutes}:{s:02d}"


def _remaining(row: dict[str, Any], steps: int) -> str:
    rate = row["steps_per_s"]
    return clock((steps - row["step"]) / rate) if rate else "-"


class Plain(Progress):
    """One plain line per logging interval."""

    def __init__(self, write: Callable[[str], Any] | None = None):
        self._write = write or (lambda text: print(text, flush=True))

    def say(self, text: str) -> None:
        self._write(text)

    def warn(self, text: str) -> None:
        self._write(f"warning: {text}")

    def log(self, row: dict[str, Any], steps: int) -> None:
        self._write(
            f"step {row['step']}/{steps}  loss {row['loss']:.4g}  "
            f"{row['steps_per_s']:.3g} steps/s  ETA {_remaining(row, steps)}"
        )


class Live(Progress):
    """Rich's live bar."""

    def __init__(self, steps: int):
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("training"),
            progress.BarColumn(),
            progress.TextColumn("{task.completed}/{task.total}"),
            progress.TextColumn("{task.fields[figures]}"),
        )
        self._task = self._bar.add_task("training", total=steps, figures="")
        self._bar.start()

    def say(self, text: str) -> None:
        self._bar.console.print(text, highlight=False, markup=False)

    def warn(self, text: str) -> None:
        self.say(f"warning: {text}")

    def advance(self, step: int) -> None:
        self._bar.update(self._task, completed=step)

    def log(self, row: dict[str, Any], steps: int) -> None:
        figures = (
            f"loss {row['loss']:.4g}  {row['steps_per_s']:.3g} steps/s  "
            f"ETA {_remaining(row, steps)}"
        )
        self._bar.update(self._task, completed=row["step"], figures=figures)

    def close(self) -> None:
        self._bar.stop()


def make_progress(kind: bool | str | Progress, steps: int) -> Progress:
    """`"auto"` (or True): live on a terminal, else plain; `"plain"`; False: silent."""
    if kind is False:
        return Progress()
    if kind is True or kind == "auto":
        return Live(steps) if sys.stdout.isatty() else Plain()
    if isinstance(kind, str):
        return Plain()
    return kind

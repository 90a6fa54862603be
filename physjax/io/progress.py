"""How far a stream has come: a live bar on a terminal, rare plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(
    total: int, unit: str, *, show: bool = True, every: float = 10.0
) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of items done since the last call.

    Args:
        total: Number of items.
        unit: What they are, in the plural.
        show: False stays silent.
        every: Seconds between two plain lines, where standard output is no terminal.
    """
    if not show:
        yield lambda count: None
    elif sys.stdout.isatty():
        from rich import progress as rich

        columns = (
            rich.TextColumn("{task.completed:,}/{task.total:,} {task.description}"),
            rich.BarColumn(),
            rich.TextColumn("{task.fields[rate]}"),
            rich.TimeRemainingColumn(),
        )
        start = time.monotonic()
        with rich.Progress(*columns, transient=True) as bar:
            task = bar.add_task(unit, total=total, rate="")

            def advance(count: int) -> None:
                done = bar.tasks[0].completed + count
                rate = done / max(time.monotonic() - start, 1e-9)
                bar.update(task, advance=count, rate=f"{rate:,.0f}/s")

            yield advance
    else:
        yield _plain(total, unit, every)


def _plain(total: int, unit: str, every: float) -> Callable[[int], None]:
    start = last = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if now - last >= every and done < total:
            last = now
            left = (total - done) * (now - start) / done
            rate = done / (now - start)
            print(f"{done}/{total} {unit}, {rate:.0f}/s, {left:.0f} s left", flush=True)

    return advance

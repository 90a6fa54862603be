"""SIGINT and SIGTERM as a polite request to stop; the second one is not polite."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A run was asked to stop; its state is saved.

    Attributes:
        signum: The signal that asked.
        exit_code: 128 + signum: 130 after SIGINT, 143 after SIGTERM.
    """

    def __init__(self, message: str, signum: int):
        super().__init__(message)
        self.signum = signum
        self.exit_code = 128 + signum


class StopFlag:
    """Holds the first signal that came, or None."""

    signum: int | None = None


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Within, the first SIGINT or SIGTERM sets the flag; the second has its old effect.

    Outside the main thread, where Python lets nobody handle signals, the flag stays
    unset.
    """
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def put_back() -> None:
        for signum, handler in before.items():
            signal.signal(signum, handler)

    def handle(signum: int, _: FrameType | None) -> None:
        if flag.signum is None:
            flag.signum = signum
        else:
            put_back()
            os.kill(os.getpid(), signum)

    for signum in before:
        signal.signal(signum, handle)
    try:
        yield flag
    finally:
        put_back()

"""The conditions of a measurement, set before anything heavy is imported.

Thread pools and the allocator read their settings once, when they load; so the harness
executes itself anew with the environment and the affinity that the mode asks for.
"""

import glob
import os
import sys
import time
from dataclasses import dataclass
from typing import Literal

Mode = Literal["steady", "wall"]

HEAP_TUNABLES = (
    "glibc.malloc.mmap_threshold=4294967296"
    ":glibc.malloc.trim_threshold=17179869184"
    ":glibc.malloc.hugetlb=1"
)
"""Keeps freed memory in the process, in huge pages: fresh pages cost more than the
arithmetic in many CPU programs. The allocator reads it when a process starts."""

_POOLS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_MARK = "PHYSJAX_BENCHMARK"


@dataclass(frozen=True)
class Context:
    """How this process measures."""

    mode: Mode = "steady"
    """`steady`: one pinned core, one thread per library, CPU clock. `wall`: all cores
    or the accelerator, wall clock."""
    heap: bool = False
    """Whether the allocator runs with `HEAP_TUNABLES`."""
    threads: int = 1
    """Threads of every library."""
    backend: str = "cpu"
    """JAX's default backend."""
    quick: bool = False
    """Few rounds and small sizes: shows that the benchmark runs, nothing more."""

    @property
    def clock(self):
        """Seconds, from an arbitrary start."""
        return time.process_time if self.mode == "steady" else time.perf_counter

    @property
    def label(self) -> str:
        return self.mode + ("-heap" if self.heap else "")


def cores() -> list[int]:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def default_mode() -> Mode:
    """`wall` where JAX will find an accelerator (its time is not CPU time)."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms:
        return "steady" if platforms.split(",")[0] == "cpu" else "wall"
    accelerator = glob.glob("/dev/nvidia[0-9]*") + glob.glob("/dev/accel*")
    return "wall" if accelerator else "steady"


def launched() -> bool:
    """Whether this process was started by `relaunch`."""
    return _MARK in os.environ


def environment(mode: Mode, heap: bool, threads: int) -> dict[str, str]:
    """Variables that put every library on the same footing."""
    env = dict.fromkeys(_POOLS, str(threads))
    if mode == "wall":
        # A pool that spins at its barriers steals the core its partner needs.
        env |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    if heap:
        env["GLIBC_TUNABLES"] = HEAP_TUNABLES
    return env


def relaunch(argv: list[str], mode: Mode, heap: bool, core: int | None) -> None:
    """Replaces this process by one under the conditions of `mode`. Does not return."""
    if mode == "steady" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {_idlest_core() if core is None else core})
    env = os.environ | environment(mode, heap, len(cores())) | {_MARK: mode}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "benchmarks", *argv], env)


def _busy(core: int) -> float:
    with open("/proc/stat") as file:
        for line in file:
            name, *ticks = line.split()
            if name == f"cpu{core}":
                return sum(map(int, ticks[:3] + ticks[5:8]))
    return 0.0


def _idlest_core() -> int:
    candidates = cores()
    if not os.path.exists("/proc/stat"):
        return candidates[-1]
    before = {core: _busy(core) for core in candidates}
    time.sleep(0.3)
    return min(candidates, key=lambda core: _busy(core) - before[core])


def foreign_seconds() -> float | None:
    """CPU seconds that all other processes of the machine have used, or None."""
    if not os.path.exists("/proc/stat"):
        return None
    with open("/proc/stat") as file:
        ticks = [int(tick) for tick in file.readline().split()[1:]]
    busy = sum(ticks[:3] + ticks[5:8]) / os.sysconf("SC_CLK_TCK")
    own = os.times()
    return busy - own.user - own.system - own.children_user - own.children_system

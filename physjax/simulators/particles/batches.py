"""Many runs at once: batches of like capacity, side by side on the cores."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np


def by_capacity(
    slots: Any, ratio: float | int = 1.25, *, most: int | None = None
) -> list[np.ndarray]:
    """Groups of runs whose largest needs at most `ratio` times its smallest's slots.

    A batch by `jax.vmap` costs what its largest member costs, times their number; the
    currents of a sweep of biases need capacities that differ by a factor of ten.

    Args:
        slots: Capacity that each run needs.
        ratio: At least one.
        most: Largest number of runs in a group.

    Returns:
        Numbers of the runs of each group, ascending; groups by ascending capacity.

    Raises:
        ValueError: If `ratio` is below one or `slots` is not a vector of positive
            numbers.

    Example:
        >>> [group.tolist() for group in by_capacity([900, 1000, 4000, 1100, 3600])]
        [[0, 1, 3], [2, 4]]
    """
    need = np.asarray(slots)
    if need.ndim != 1 or not (need > 0).all():
        raise ValueError(f"`slots` is {slots}; expected a vector of positive numbers.")
    if ratio < 1:
        raise ValueError(f"`ratio` is {ratio}; expected at least 1.")
    groups: list[list[int]] = []
    for k in np.argsort(need, kind="stable"):
        fits = groups and need[k] <= ratio * need[groups[-1][0]]
        if fits and len(groups[-1]) < (most or need.size):
            groups[-1].append(int(k))
        else:
            groups.append([int(k)])
    return [np.sort(group) for group in groups]


def side_by_side(
    jobs: Sequence[Callable[[], Any]], workers: int | None = None
) -> list[Any]:
    """Results of compiled computations that run at the same time, in their order.

    XLA's CPU compiler keeps loops over small arrays on one core; several computations
    at once occupy the others. The numbers are those of one after the other. On an
    accelerator the computations queue up on the device as they would anyway.

    Args:
        jobs: Functions without arguments that return arrays: calls of jitted functions.
            The longest first makes the whole shortest.
        workers: Most that run at once; as many as there are cores if not given.

    Returns:
        What each function returned, ready.

    Example:
        >>> square = jax.jit(lambda x: x * x)
        >>> done = side_by_side([lambda n=n: square(n) for n in (2, 3)])
        >>> [int(value) for value in done]
        [4, 9]
    """
    run = lambda job: jax.block_until_ready(job())
    most = workers or len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(max(1, min(most, len(jobs)))) as pool:
        return list(pool.map(run, jobs))

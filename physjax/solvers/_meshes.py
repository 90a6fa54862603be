"""Positions of nodes, finer where it matters."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64


def graded_mesh(
    positions: Sequence[float | int], spacings: Sequence[float | int]
) -> Float64[np.ndarray, " m"]:
    r"""Nodes whose spacing changes geometrically from one given position to the next.

    Between neighbouring positions at distance L the spacings are $s_0 r^i$ with
    $r = (L - s_0) / (L - s_1)$, so that they would end at $s_1$; the last one is what
    is left. All `positions` are nodes.

    Args:
        positions: Increasing.
        spacings: Distance of the nodes at each position, $s_0$ and $s_1$ of an
            interval, in the same unit.

    Returns:
        Nodes in float64.

    Raises:
        ValueError: If there are fewer than two positions, they do not increase, or a
            spacing is missing or not positive.

    Example:
        >>> graded_mesh([0.0, 1.0, 2.0], [0.4, 0.1, 0.5]).round(3).tolist()
        [0.0, 0.4, 0.667, 0.844, 0.963, 1.0, 1.1, 1.28, 1.604, 2.0]
    """
    if len(positions) < 2 or not np.all(np.diff(positions) > 0):
        raise ValueError(
            f"`positions` must increase and be two or more; got {list(positions)}."
        )
    if len(spacings) != len(positions) or not np.all(np.asarray(spacings) > 0):
        raise ValueError(
            "`spacings` must hold a positive number for each of the "
            f"{len(positions)} positions; got {list(spacings)}."
        )
    nodes: list[np.ndarray] = [np.array(positions[:1], np.float64)]
    pairs = itertools.pairwise(zip(positions, spacings, strict=True))
    for (low, first), (high, last) in pairs:
        length = high - low
        if first + last >= length:
            nodes.append(np.array([high], np.float64))
            continue
        ratio = (length - first) / (length - last)
        if ratio == 1:
            between = low + first * np.arange(1, math.ceil(length / first))
        else:
            powers = np.arange(1, math.log(last / first) / math.log(ratio) + 2)
            between = low + first * (ratio**powers - 1) / (ratio - 1)
        # What is left at the end may be short, but not a sliver.
        nodes.append(between[between < high - 0.1 * min(first, last)])
        nodes.append(np.array([high], np.float64))
    return np.concatenate(nodes)

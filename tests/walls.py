"""Pairs of walls of all kinds, and unknowns between them."""

import jax.numpy as jnp
from conftest import DTYPES

from physjax import Dirichlet, Neumann, Periodic, Robin

WIDE = DTYPES[-1]


def same(wall):
    return (wall, wall)


PAIRS = {
    "periodic": same(Periodic()),
    "half dirichlet": same(Dirichlet()),
    "half neumann": same(Neumann()),
    "half robin": same(Robin(2.0, 0.5)),
    "half mixed": (Dirichlet(), Neumann()),
    "node dirichlet": same(Dirichlet(wall="node")),
    "node neumann": same(Neumann(wall="node")),
    "node robin": same(Robin(2.0, 0.5, wall="node")),
    "node mixed": (Robin(2.0, 0.5, wall="node"), Dirichlet(wall="node")),
    "node mixed back": (Dirichlet(wall="node"), Neumann(wall="node")),
}
REFLECTING = {
    name: pair
    for name, pair in PAIRS.items()
    if not any(isinstance(side, Robin) for side in pair)
}


_names = list(PAIRS)
WALLS = {
    f"{a}, {b}": [PAIRS[a], PAIRS[b]]
    for a, b in zip(_names[::2], _names[3::2] + _names[1:2], strict=True)
}
"""Two axes each, and every pair once."""


def with_values(side):
    """The same condition with a value that is not zero."""
    if isinstance(side, Dirichlet):
        return Dirichlet(1.5, side.wall)
    if isinstance(side, Neumann):
        return Neumann(-0.5, side.wall)
    if isinstance(side, Robin):
        return Robin(side.alpha, side.beta, 3.0, side.wall)
    return side


def fitted(side, value, outward):
    """The same condition for a function with this value and outward slope."""
    if isinstance(side, Dirichlet):
        return Dirichlet(value, side.wall)
    if isinstance(side, Neumann):
        return Neumann(outward, side.wall)
    if isinstance(side, Robin):
        gamma = side.alpha * value + side.beta * outward
        return Robin(side.alpha, side.beta, gamma, side.wall)
    return side


def nodes(pair, intervals):
    """Unknowns between walls at 0 and 1, and their spacing."""
    h = 1.0 / intervals
    if isinstance(pair[0], Periodic):
        return jnp.arange(intervals, dtype=WIDE) * h, h
    if pair[0].wall == "half":
        return (jnp.arange(intervals, dtype=WIDE) + 0.5) * h, h
    known = [isinstance(side, Dirichlet) for side in pair]
    n = intervals + 1 - sum(known)
    return (jnp.arange(n, dtype=WIDE) + float(known[0])) * h, h

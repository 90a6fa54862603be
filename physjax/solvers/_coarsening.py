r"""Every other node of an axis goes, and leaves links to those that stay.

Along the axis this is the elimination of a resistor network: a node with links $c_-$
and $c_+$ and leak l leaves the link $c_- c_+ / (c_- + c_+ + l)$ between its neighbours,
the harmonic mean of what led there, and to each of them the share
$p_\pm = c_\pm / (c_- + c_+ + l)$ of all else it had: its leaks, its source, its links
along the other axes. The same shares interpolate. In one dimension it is exact; walls
and electrodes at any distance need no case of their own.

Only beyond the last node that stays is interpolation constant, an error that spoils
the cycle where nothing holds the potential. So the nodes at both ends of an insulated
axis stay, and both ends of a period are a step apart; where their number is even, or
odd on a periodic axis, a node without weight is put between two of them first, and
goes.
"""

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..operators._stencils import first, last, padded
from ._stencil import Stencil


class Transfer(eqx.Module):
    """Between a grid and the one with every other node of an axis."""

    low: Float[Array, "..."]
    """Share of the neighbour below in every node that goes."""
    high: Float[Array, "..."]
    axis: int = eqx.field(static=True)
    """Counted from the end."""
    size: int = eqx.field(static=True)
    """Nodes before, the one without weight included."""
    start: int = eqx.field(static=True)
    """The first node that stays, 0 or 1."""
    periodic: bool = eqx.field(static=True)
    extra: int | None = eqx.field(static=True, default=None)
    """Place of the node without weight, if there is one."""

    @property
    def stay(self) -> int:
        """Nodes that stay."""
        return -(-(self.size - self.start) // 2)

    @property
    def go(self) -> int:
        """Nodes that go."""
        return self.size - self.stay

    def prolong(self, coarse: Float[Array, "..."]) -> Float[Array, "..."]:
        """Interpolates."""
        a, stay, go = self.axis, self.stay, self.go
        if self.start == 0:
            below = first(coarse, a, go)
            above = padded(last(coarse, a, stay - 1), a, 0, go - stay + 1)
            if self.periodic and go == stay:
                above = above + padded(first(coarse, a), a, go - 1, 0)
        else:
            below = padded(first(coarse, a, go - 1), a, 1, 0)
            above = padded(coarse, a, 0, go - stay)
        between = self.low * below + self.high * above
        n, s = self.size, self.start
        fine = spread(coarse, a, s, n) + spread(between, a, 1 - s, n)
        return fine if self.extra is None else without(fine, a, self.extra)

    def restrict(self, fine: Float[Array, "..."]) -> Float[Array, "..."]:
        """The transpose of `prolong`: gives the source of those that go away."""
        a, s = self.axis, self.start
        if self.extra is not None:
            fine = with_zero(fine, a, self.extra)
        gone = every_other(fine, a, 1 - s)
        stayed = every_other(fine, a, s)
        return stayed + self.give(self.low * gone, self.high * gone)

    def give(self, down: Array, up: Array) -> Array:
        """What those that stay receive: `down` from above them, `up` from below."""
        a, stay, go = self.axis, self.stay, self.go
        if self.start == 0:
            total = padded(down, a, 0, stay - go)
            total = total + padded(first(up, a, stay - 1), a, 1, 0)
            if self.periodic and go == stay:
                total = total + padded(last(up, a), a, 0, stay - 1)
            return total
        total = padded(last(down, a, go - 1), a, 0, stay - go + 1)
        return total + first(up, a, stay)


def every_other(x: Array, axis: int, start: int) -> Array:
    """Rows start, start + 2 ..."""
    axis = axis % x.ndim
    return lax.slice_in_dim(x, start, x.shape[axis], 2, axis)


def spread(x: Array, axis: int, start: int, size: int) -> Array:
    """Rows back to start, start + 2 ... of `size`, zero between them."""
    config = [(0, 0, 0)] * x.ndim
    rest = size - start - (2 * x.shape[axis] - 1)
    config[axis] = (start, rest, 1)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def with_zero(x: Array, axis: int, place: int) -> Array:
    """One more row, of zeros."""
    after = last(x, axis, x.shape[axis] - place)
    return jnp.concatenate(
        [first(x, axis, place), padded(after, axis, 1, 0)], axis % x.ndim
    )


def without(x: Array, axis: int, place: int) -> Array:
    """One row fewer."""
    rest = x.shape[axis] - place - 1
    return jnp.concatenate([first(x, axis, place), last(x, axis, rest)], axis % x.ndim)


def split(stencil: Stencil, axis: int, place: int) -> Stencil:
    """The same net with a node halfway along one of the links of an axis."""
    index = axis + len(stencil.links)
    more = lambda x: with_zero(x, axis, place)
    links = [x if b == index else more(x) for b, x in enumerate(stencil.links)]
    wraps = [
        x if b == index or x is None else more(x) for b, x in enumerate(stencil.wraps)
    ]
    link, wrap = stencil.links[index], stencil.wraps[index]
    n = stencil.leaks[index].shape[axis]
    if place == n:
        assert wrap is not None
        halves, before, after = 2 * wrap, link, first(link, axis, 0)
        wraps[index] = halves
    else:
        halves = 2 * lax.slice_in_dim(link, place - 1, place, 1, axis % link.ndim)
        before, after = first(link, axis, place - 1), last(link, axis, n - 1 - place)
        after = jnp.concatenate([halves, after], axis)
    links[index] = jnp.concatenate([before, halves, after], axis)
    return Stencil(tuple(links), tuple(wraps), tuple(map(more, stencil.leaks)))


def coarsen(
    stencil: Stencil, axis: int, start: int, extra: int | None = None
) -> tuple[Stencil, Transfer]:
    """The stencil of every other node along an axis, and the transfer to it.

    Args:
        stencil: With arrays of full size along the axes of space.
        axis: Counted from the end.
        start: The first node that stays: 0 on a periodic axis or if it lies on a wall.
        extra: Where a node without weight is put in before; one of those that go.
    """
    if extra is not None:
        stencil = split(stencil, axis, extra)
    index = axis + len(stencil.links)
    link, wrap, leak = stencil.links[index], stencil.wraps[index], stencil.leaks[index]
    n = leak.shape[axis]
    end = jnp.zeros_like(first(leak, axis)) if wrap is None else wrap
    below = every_other(jnp.concatenate([end, link], axis), axis, 1 - start)
    above = every_other(jnp.concatenate([link, end], axis), axis, 1 - start)
    lost = every_other(leak, axis, 1 - start)
    total = below + above + lost
    inverse = jnp.where(total > 0, 1 / jnp.where(total > 0, total, 1), 0)
    low, high = below * inverse, above * inverse
    transfer = Transfer(low, high, axis, n, start, wrap is not None, extra)

    bridge = low * above
    stay = transfer.stay
    inner = lax.slice_in_dim(bridge, start, start + stay - 1, 1, axis % bridge.ndim)
    if wrap is not None and transfer.go == stay:
        wrap = last(bridge, axis)

    def give(x: Array, share_low: Array, share_high: Array) -> Array:
        gone = every_other(x, axis, 1 - start)
        stayed = every_other(x, axis, start)
        return stayed + transfer.give(share_low * gone, share_high * gone)

    links, wraps, leaks = list(stencil.links), list(stencil.wraps), list(stencil.leaks)
    for b, other in enumerate(stencil.axes):
        leaks[b] = give(leaks[b], low, high)
        if b == index:
            continue
        # A link along another axis has its two ends in rows of their own shares.
        m = low.shape[other] - 1
        mean = lambda x, o=other, m=m: (first(x, o, m) + last(x, o, m)) / 2
        links[b] = give(links[b], mean(low), mean(high))
        closing = wraps[b]
        if closing is not None:
            mean = lambda x, o=other: (first(x, o) + last(x, o)) / 2
            wraps[b] = give(closing, mean(low), mean(high))
    links[index], wraps[index] = inner, wrap
    return Stencil(tuple(links), tuple(wraps), tuple(leaks)), transfer

"""Systems of three diagonals along one axis, one for every mode of the other axes.

Nothing here subtracts positive numbers, so what comes out is as accurate in float32 as
what goes in: elimination of a diagonally dominant matrix is done on its excess, the row
sums, which are known exactly.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ..operators import _transforms as transforms
from ..operators._stencils import first
from ..operators._transforms import Modes

UNROLL = 4
SMALL = 40  # so many rows are left to a matrix product
HUGE = 1e15  # above it the neighbours no longer count


def by_modes(
    f: Float[Array, "..."], shift: Any, axis: int, m: Modes, matrix: bool
) -> Float[Array, "..."]:
    """Solves (T + shift) y = f along an axis, T the three-point operator of the modes.

    Args:
        f: Right-hand side.
        shift: Non-negative, of the rank of `f` and size 1 along `axis`.
        axis: Axis counted from the end.
        m: Modes of T.
        matrix: Whether to transform by matrix products, not by FFT.

    Returns:
        The solution; of a mode with eigenvalue zero nothing.
    """
    x, shift = jnp.moveaxis(f, axis, -1), jnp.moveaxis(jnp.asarray(shift), axis, -1)
    ahead = transforms.matrix_forward if matrix else transforms.forward
    back = transforms.matrix_inverse if matrix else transforms.inverse
    values = transforms.matrix_eigenvalues(m) if matrix else m.eigenvalues
    scale = np.ones(m.n) if matrix else 1 / m.norms
    row = lambda v: v.astype(f.dtype).reshape((1,) * (f.ndim - 1) + v.shape)
    total = row(values) + shift.astype(f.dtype)
    if np.any(values == 0):
        inverse = jnp.where(total == 0, 0, row(scale) / jnp.where(total == 0, 1, total))
    else:
        inverse = row(scale) / total
    return jnp.moveaxis(back(ahead(x, m) * inverse, m), -1, axis)


def by_reduction(
    f: Float[Array, "..."],
    shift: Any,
    axis: int,
    walls: tuple[str, str],
    matrix: bool,
) -> Float[Array, "..."]:
    """As `by_modes` for node walls: cyclic reduction, every other row at a time.

    Goes down while the rows that stay repeat the pattern of the walls, and leaves the
    rest to the transform: for 2^k - 1 rows between Dirichlet walls hardly any.
    """
    g = f / (2 + shift) if not isinstance(shift, np.ndarray) else f * _cast(shift, f)
    return _reduce(g, shift, axis, walls, matrix)


def _cast(shift: np.ndarray, f: Array) -> np.ndarray:
    return (1 / (2 + shift)).astype(f.dtype)


def reduces(n: int, walls: tuple[str, str]) -> bool:
    """Whether every other row of n is a system like the first."""
    start = 1 if walls[0] == "dirichlet" else 0
    on_wall = (n - 1 - start) % 2 == 0
    return n > SMALL and on_wall == (walls[1] == "neumann")


def _reduce(g, shift, axis, walls, matrix):
    """Of y - a (y_below + y_above) = g with a = 1 / (2 + shift)."""
    n = g.shape[axis]
    xp = np if isinstance(shift, np.ndarray) else jnp
    if not reduces(n, walls):
        m = transforms.modes(n, walls[0], walls[1], "node")
        if isinstance(shift, np.ndarray):
            shift = shift.astype(g.dtype)
        return by_modes(g * (2 + shift), shift, axis, m, matrix or n <= 2 * SMALL)
    low, high = (wall == "dirichlet" for wall in walls)
    a = (1 / (2 + shift)).astype(g.dtype)
    start = 1 if low else 0
    stay, go = _every_other(g, axis, start), _every_other(g, axis, 1 - start)
    # The mirror image of a row stands behind a wall through a node.
    mirrored = _beside(go, axis, not low, not high)
    below, above = _ends(mirrored, axis)
    nearer = (stay + a * (below + above)) / (1 - 2 * a * a)
    wider = xp.minimum(shift * (4 + shift), HUGE)
    y = _reduce(nearer, wider, axis, walls, matrix)
    below, above = _ends(_zero_padded(y, axis, int(low), int(high)), axis)
    return _woven(y, go + a * (below + above), axis, start)


def _every_other(x: Array, axis: int, start: int) -> Array:
    return lax.slice_in_dim(x, start, x.shape[axis], 2, axis)


def _ends(x: Array, axis: int) -> tuple[Array, Array]:
    n = x.shape[axis]
    return lax.slice_in_dim(x, 0, n - 1, 1, axis), lax.slice_in_dim(x, 1, n, 1, axis)


def _beside(x: Array, axis: int, low: bool, high: bool) -> Array:
    """The outermost rows repeated."""
    n = x.shape[axis]
    parts = [lax.slice_in_dim(x, 0, 1, 1, axis)] if low else []
    parts.append(x)
    if high:
        parts.append(lax.slice_in_dim(x, n - 1, n, 1, axis))
    return jnp.concatenate(parts, axis) if len(parts) > 1 else x


def _zero_padded(x: Array, axis: int, low: int, high: int) -> Array:
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (low, high, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _woven(stay: Array, went: Array, axis: int, start: int) -> Array:
    """Rows start, start + 2 ... from `stay`, the others from `went`."""
    a = axis % stay.ndim
    even, odd = (stay, went) if start == 0 else (went, stay)
    odd = _zero_padded(odd, axis, 0, even.shape[a] - odd.shape[a])
    pairs = jnp.concatenate([lax.expand_dims(x, (a + 1,)) for x in (even, odd)], a + 1)
    rows = pairs.reshape(*even.shape[:a], 2 * even.shape[a], *even.shape[a + 1 :])
    return first(rows, a, stay.shape[a] + went.shape[a])


def by_elimination(
    f: Float[Array, "..."],
    links: Float[Array, "..."],
    wrap: Float[Array, "..."] | None,
    leaks: Float[Array, "..."],
    weights: Float[Array, "..."],
    shift: Float[Array, "..."],
    axis: int,
    *,
    singular: bool,
) -> Float[Array, "..."]:
    """Solves a line of links, the excess of row i being leaks_i + weights_i * shift.

    Args:
        f: Right-hand side, n rows along `axis`.
        links: Between neighbours, n - 1 rows, of the rank of `f`.
        wrap: One row, the link of the last unknown to the first; None without.
        leaks: n rows.
        weights: n rows.
        shift: One row.
        axis: Axis counted from the end.
        singular: Whether a line may have no excess at all. Its last unknown is zero,
            and what its right-hand side adds up to is ignored.

    References:
        Grassmann, Taksar and Heyman, Oper. Res. 33, 1107 (1985), for the elimination;
        Alfa, Xue and Ye, Math. Comp. 71, 217 (2002), for its accuracy.
    """
    rows = lambda x: jnp.moveaxis(x, axis, 0)
    f, links, leaks, weights = rows(f), rows(links), rows(leaks), rows(weights)
    line = _Line(links, leaks, weights, rows(shift)[0], f, singular)
    if len(f) == 1:
        y = _last_of(line.excess(0), f[0], singular)[None]
    elif wrap is None:
        y = _open(line)
    else:
        y = _closed(line, rows(wrap)[0])
    return jnp.moveaxis(y, 0, axis)


class _Line(NamedTuple):
    links: Array
    leaks: Array
    weights: Array
    shift: Array
    f: Array
    singular: bool

    def excess(self, i: int) -> Array:
        return self.full(self.leaks[i] + self.weights[i] * self.shift)

    def full(self, x: Array) -> Array:
        return jnp.broadcast_to(x, self.f.shape[1:])


def _open(line: _Line) -> Array:
    """A node that goes leaves its excess and its source to the next one."""

    def forward(state, row):
        e, source = state
        link, leak, weight, new = row
        pivot = e + link
        to_next = link / pivot
        e = line.full(leak + weight * line.shift + to_next * e)
        return (e, new + to_next * source), (source / pivot, line.full(to_next))

    def back(y, row):
        part, to_next = row
        y = part + to_next * y
        return y, y

    sequence = (line.links, line.leaks[1:], line.weights[1:], line.f[1:])
    start = (line.excess(0), line.f[0])
    (e, source), kept = lax.scan(forward, start, sequence, unroll=UNROLL)
    end = _last_of(e, source, line.singular)
    _, y = lax.scan(back, end, kept, reverse=True, unroll=UNROLL)
    return jnp.concatenate([y, end[None]])


def _closed(line: _Line, wrap: Array) -> Array:
    """It also leaves a part to the last node, which goes last, and a link to it."""

    def leave(state, link):
        e, source, across, e_last, source_last = state
        pivot = e + link + across
        to_next, to_last = link / pivot, across / pivot
        e_last, source_last = e_last + to_last * e, source_last + to_last * source
        inherited = (to_next * e, to_next * source, to_last * link)
        return inherited, (e_last, source_last), (source / pivot, to_next, to_last)

    def forward(state, row):
        link, leak, weight, new = row
        (e, source, across), lasts, kept = leave(state, link)
        e = line.full(e + leak + weight * line.shift)
        state = (e, new + source, line.full(across), *lasts)
        return state, tuple(map(line.full, kept))

    def back(y, row):
        part, to_next, to_last = row
        y = part + to_next * y + to_last * end
        return y, y

    n, f = len(line.f), line.f
    state = (line.excess(0), f[0], line.full(wrap), line.excess(n - 1), f[n - 1])
    sequence = (line.links[:-1], line.leaks[1:-1], line.weights[1:-1], f[1:-1])
    state, kept = lax.scan(forward, state, sequence, unroll=UNROLL)
    # The last but one has both its links to the last.
    (e, source, _), lasts, (part, to_next, to_last) = leave(state, line.links[-1])
    e_last, source_last = lasts
    e_last, source_last = e_last + e, source_last + source
    end = _last_of(e_last, source_last, line.singular)
    before = part + (to_next + to_last) * end
    _, y = lax.scan(back, before, kept, reverse=True, unroll=UNROLL)
    return jnp.concatenate([y, before[None], end[None]])


def _last_of(e: Array, rhs: Array, singular: bool) -> Array:
    if not singular:
        return rhs / e
    return jnp.where(e == 0, 0, rhs / jnp.where(e == 0, 1, e))

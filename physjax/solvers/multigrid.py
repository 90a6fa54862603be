"""Multigrid for Poisson's equation on a grid, and the iterations it drives."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from .._boundaries import Dirichlet
from ..operators._stencils import Axis
from ._coarsening import Transfer, coarsen
from ._stencil import Stencil, norm

# Of the error at eigenvalue t of inverse diagonal times stencil, between 0 and 2,
# smoothing leaves 1 - FIRST t + SECOND t^2. Found by search: the least factor per cycle
# for cells of sides 1:1 and 1:1.4 together.
FIRST, SECOND = 2.25, 0.97
BALANCE = 1.0764  # the cycle's own energy lies between 0.858 and 1: this centres it
DENSE = 48  # unknowns of the coarsest grid, which is solved by its inverse
ANISOTROPY = 1.5  # ratio of spacings above which the wider axis waits


class Level(eqx.Module):
    """One grid."""

    stencil: Stencil
    inverse: Float[Array, "..."]
    """Of the diagonal; zero at nodes without links."""
    transfers: tuple[Transfer, ...]
    """To the next grid, one axis after the other."""


class Multigrid(eqx.Module):
    """One symmetric V-cycle: a positive definite approximate inverse of a stencil.

    A polynomial of degree two in the inverse diagonal times the stencil smooths before
    the coarse grid and after it, four applications of the stencil a cycle; being
    symmetric, it is a preconditioner for conjugate gradients. The energy norm of the
    error of the five-point Laplacian falls by a factor of 0.08 per cycle, whatever the
    walls and the number of unknowns; of about 0.12 at the worst spacings and periods.

    Example:
        >>> from physjax import Dirichlet
        >>> from physjax.solvers._stencil import assemble
        >>> from physjax.operators._stencils import make_axes
        >>> wall = Dirichlet(wall="node")
        >>> axes = make_axes((31, 31), (1.0, 1.0), [(wall, wall)] * 2, float, "rho")
        >>> stencil, b = assemble(jnp.ones((31, 31)), axes, jnp.ones((1, 1)))
        >>> cycle = make_multigrid(stencil, axes, (31, 31))
        >>> x = cycle(b)
        >>> r = b - stencil(x)
        >>> bool(jnp.linalg.norm(r) < 0.2 * jnp.linalg.norm(b))
        True
    """

    levels: tuple[Level, ...]
    coarsest: Float[Array, "..."]
    """Dense inverse."""

    def __call__(self, f: Float[Array, "..."]) -> Float[Array, "..."]:
        """An approximate solution of stencil(phi) = f."""
        return BALANCE * self._cycle(f, 0)

    def _cycle(self, f: Array, depth: int) -> Array:
        if depth == len(self.levels):
            flat = f.reshape(*f.shape[: self.coarsest.ndim - 2], -1, 1)
            y = jnp.matmul(self.coarsest, flat, precision="highest")
            return y.reshape(f.shape)
        level = self.levels[depth]
        stencil = level.stencil
        phi = _smooth(level, f)
        r = f - stencil(phi)
        for transfer in level.transfers:
            r = transfer.restrict(r)
        e = self._cycle(r, depth + 1)
        for transfer in reversed(level.transfers):
            e = transfer.prolong(e)
        phi = phi + e
        return phi + _smooth(level, f - stencil(phi))


def _smooth(level: Level, r: Array) -> Array:
    """Correction for a residual; inverse times stencil has no eigenvalue above 2."""
    step = level.inverse * r
    return FIRST * step - SECOND * level.inverse * level.stencil(step)


def make_multigrid(
    stencil: Stencil,
    axes: tuple[Axis, ...],
    shape: tuple[int, ...],
    *,
    singular: bool = False,
) -> Multigrid:
    """The grids below a stencil, each with every other node of the one above.

    Args:
        stencil: Of the finest grid.
        axes: Its axes of space. Where their spacings are numbers and differ by more
            than a factor of 1.5, the axes of the finer ones are coarsened first.
        shape: Of the field, batch axes included.
        singular: Whether no node leaks: a constant may be added to the solution.
    """
    d = len(axes)
    space = list(shape[len(shape) - d :])
    stencil = stencil.full(shape)
    ends = [
        (True, True)
        if axis.periodic
        else (not isinstance(axis.low, Dirichlet), not isinstance(axis.high, Dirichlet))
        for axis in axes
    ]
    at_high = [True] * d  # where the next node without weight comes
    static = all(isinstance(axis.spacing, (int, float)) for axis in axes)
    spacing = [float(axis.spacing) if static else 1.0 for axis in axes]
    levels = []
    while np.prod(space) > DENSE:
        able = [a for a in range(d) if space[a] >= 3]
        if not able:
            break
        finest = min(spacing[a] for a in able)
        chosen = [a for a in able if spacing[a] <= ANISOTROPY * finest]
        full = (*stencil.leaks[0].shape[: len(shape) - d], *space)
        transfers, below = [], stencil
        for a in chosen:
            start, extra = _choice(space[a], axes[a].periodic, ends[a], at_high[a])
            at_high[a] = at_high[a] if extra is None else not at_high[a]
            below, transfer = coarsen(below, a - d, start, extra)
            transfers.append(transfer)
            space[a] = transfer.stay
            spacing[a] *= 2
        inverse = _inverse(stencil.diagonal(full))
        levels.append(Level(stencil.merged(), inverse, tuple(transfers)))
        stencil = below
    return Multigrid(tuple(levels), _dense_inverse(stencil, tuple(space), singular))


def _choice(
    n: int, periodic: bool, stay: tuple[bool, bool], at_high: bool
) -> tuple[int, int | None]:
    """The first node that stays, and the place of a node without weight if one is due.

    Args:
        n: Nodes of the axis.
        periodic: Whether it is closed.
        stay: Whether its first node must stay, and its last.
        at_high: Which of the ends gets the node. The two around it keep their distance
            while all others double theirs: next time it is the turn of the other end.
    """
    low, high = stay
    if low and (periodic or high):
        due = n % 2 == 1 if periodic else n % 2 == 0
        return 0, (n - (not periodic) if at_high else 1) if due else None
    return (0 if low else (n - 1) % 2 if high else 1), None


def _inverse(x: Array) -> Array:
    return jnp.where(x > 0, 1 / jnp.where(x > 0, x, 1), 0)


def dense(stencil: Stencil, space: tuple[int, ...]) -> Float[Array, "... n n"]:
    """The stencil as a symmetric matrix; batch axes are those of its arrays."""
    n, d = int(np.prod(space)), len(space)
    batch = stencil.leaks[0].shape[:-d]
    basis = jnp.eye(n, dtype=stencil.leaks[0].dtype)
    basis = basis.reshape(n, *(1,) * len(batch), *space)
    columns = jax.tree.map(lambda x: x[None], stencil)(basis)
    columns = jnp.broadcast_to(columns, (n, *batch, *space)).reshape(n, *batch, n)
    return jnp.moveaxis(columns, 0, -1)


def _dense_inverse(stencil: Stencil, space: tuple[int, ...], singular: bool) -> Array:
    matrix = dense(stencil, space)
    n = matrix.shape[-1]
    diagonal = jnp.diagonal(matrix, axis1=-2, axis2=-1)
    empty = jnp.where(diagonal == 0, 1, 0).astype(matrix.dtype)
    eye = jnp.eye(n, dtype=matrix.dtype).reshape((1,) * (matrix.ndim - 2) + (n, n))
    matrix = matrix + empty[..., None] * eye
    if singular:
        mean = jnp.mean(diagonal, axis=-1)[..., None, None]
        matrix = matrix + mean / n
    return _positive_inverse(matrix)


def _positive_inverse(matrix: Float[Array, "... n n"]) -> Float[Array, "... n n"]:
    """By Gauss and Jordan, without pivots, which a dominant diagonal does not need.

    Not `jnp.linalg.inv`: two batched LAPACK calls of one program may wait for each
    other for ever in XLA's thread pool on a CPU (jaxlib 0.10.2).
    """
    n = matrix.shape[-1]
    index = jnp.arange(n)

    def eliminate(k, m):
        here = (index == k).astype(m.dtype)
        row = lax.dynamic_slice_in_dim(m, k, 1, m.ndim - 2)
        column = lax.dynamic_slice_in_dim(m, k, 1, m.ndim - 1)
        pivot = lax.dynamic_slice_in_dim(row, k, 1, m.ndim - 1)
        across = here.reshape((1,) * (m.ndim - 1) + (n,))
        down = across.swapaxes(-1, -2)
        row = (row + across - pivot * across) / pivot
        column = column - pivot * down
        kept = m * (1 - across) * (1 - down)
        return kept - column * row + down * row

    return lax.fori_loop(0, n, eliminate, matrix)


class Iterate(eqx.Module):
    """Where an iteration has come to."""

    phi: Float[Array, "..."]
    residual: Float[Array, "..."]
    """Norm of the residual over that of the source, of size 1 along space."""
    converged: Any
    num_iterations: Any


def conjugate_gradients(
    stencil: Stencil,
    source: Float[Array, "..."],
    guess: Float[Array, "..."] | None,
    precondition: Callable[[Array], Array],
    *,
    rtol: float | Float[Array, ""],
    max_iterations: int,
) -> Iterate:
    """Preconditioned conjugate gradients, each problem of the batch to its own end.

    It ends when the true residual, not the recurrence's, is below `rtol` times the
    source, or below what the rounding of the solution makes of it: the precision times
    the diagonal times phi. Where the recurrence ended too early, it starts anew. Steps
    are made flexible (Polak and Ribiere), so that a preconditioner may be nonlinear or
    not quite symmetric.
    """
    axes = stencil.axes
    dot = lambda x, y: jnp.sum(x * y, axis=axes, keepdims=True)
    diagonal = stencil.diagonal(
        (1,) * (source.ndim - len(axes)) + source.shape[-len(axes) :]
    )
    epsilon = float(jnp.finfo(source.dtype).eps)
    size = norm(source, axes)
    bound = jnp.asarray(rtol, source.dtype) * size

    def reached(phi, r):
        return norm(r, axes) <= jnp.maximum(bound, epsilon * norm(diagonal * phi, axes))

    phi = jnp.zeros_like(source) if guess is None else guess
    r = source if guess is None else source - stencil(phi)

    def unfinished(state):
        return jnp.any(state[-2]) & (state[-1] < max_iterations)

    def step(state):
        phi, r, before, p, rz, active, count = state
        z = precondition(r)
        new = dot(r, z)
        turn = dot(z, r - before)
        beta = jnp.where(rz > 0, turn / jnp.where(rz > 0, rz, 1), 0)
        p = z + beta * p
        image = stencil(p)
        curvature = dot(p, image)
        valid = active & (curvature > 0)
        alpha = jnp.where(valid, dot(p, r) / jnp.where(valid, curvature, 1), 0)
        phi = phi + alpha * p
        before, r = r, r - alpha * image
        small = norm(r, axes) <= bound
        true = lax.cond(
            jnp.any(small & active), lambda: source - stencil(phi), lambda: r
        )
        r = jnp.where(small, true, r)
        # After a correction the directions before are forgotten.
        rz = jnp.where(small, 0, new)
        active = active & ~(small & reached(phi, r)) & (curvature > 0)
        return phi, r, before, p, rz, active, count + 1

    zeros = jnp.zeros_like(source)
    start = (phi, r, zeros, zeros, jnp.zeros_like(size), ~reached(phi, r), jnp.int32(0))
    phi, r, _, _, _, _, count = lax.while_loop(unfinished, step, start)
    r = source - stencil(phi)
    return Iterate(phi, relative(r, size, axes), reached(phi, r), count)


def relative(r: Array, size: Array, axes: tuple[int, ...]) -> Array:
    """Norm of the residual over that of the source; zero over zero is zero."""
    length = norm(r, axes)
    return jnp.where(size > 0, length / jnp.where(size > 0, size, 1), length)

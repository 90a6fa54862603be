"""The classical relaxations: named baselines, to be beaten."""

from typing import Literal

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..operators._stencils import first, last, padded
from ._stencil import Stencil, norm
from .multigrid import Iterate, relative

Relaxation = Literal["jacobi", "gauss_seidel", "sor"]


def relax(
    stencil: Stencil,
    source: Float[Array, "..."],
    guess: Float[Array, "..."] | None,
    method: Relaxation,
    *,
    rtol: float | Float[Array, ""],
    max_change: float | Float[Array, ""] | None,
    max_iterations: int,
    factor: float | Float[Array, ""] = 1.0,
) -> Iterate:
    """Sweeps until the residual is below `rtol` times the source.

    Args:
        stencil: The equation.
        source: Its right-hand side.
        guess: Where to begin; zero if not given.
        method: `"jacobi"`, all nodes at once; `"gauss_seidel"` and `"sor"`, in the
            order of the array, a periodic axis closed by the value of the last sweep.
        rtol: Residual to reach, relative to the source.
        max_change: If given, the end is instead where no node changes by this much in
            a sweep. A sweep that takes away the part 1 - r of the error then ends with
            an error of up to max_change r / (1 - r).
        max_iterations: Sweeps at most.
        factor: Over-relaxation of `"sor"`, between 0 and 2.
    """
    axes = stencil.axes
    full = stencil.full(source.shape)
    space = source.shape[len(source.shape) - len(axes) :]
    diagonal = full.diagonal((1,) * (source.ndim - len(axes)) + space)
    diagonal = jnp.where(diagonal > 0, diagonal, 1)
    size = norm(source, axes)
    bound = jnp.asarray(rtol, source.dtype) * size
    omega = jnp.asarray(factor if method == "sor" else 1.0, source.dtype)

    def sweep(phi):
        if method == "jacobi":
            return phi + (source - full(phi)) / diagonal
        return _lexicographic(full, diagonal, source, phi, omega)

    def unfinished(state):
        _, _, active, count = state
        return jnp.any(active) & (count < max_iterations)

    def step(state):
        phi, _, active, count = state
        new = jnp.where(active, sweep(phi), phi)
        if max_change is None:
            measure, limit = norm(source - full(new), axes), bound
        else:
            measure = jnp.max(jnp.abs(new - phi), axis=axes, keepdims=True)
            limit = jnp.asarray(max_change, source.dtype)
        return new, measure, active & (measure > limit), count + 1

    phi = jnp.zeros_like(source) if guess is None else guess
    r = norm(source - full(phi), axes)
    active = jnp.ones_like(r, bool) if max_change is not None else r > bound
    state = (phi, r, active, jnp.int32(0))
    phi, _, active, count = lax.while_loop(unfinished, step, state)
    r = source - full(phi)
    return Iterate(phi, relative(r, size, axes), ~active, count)


def _lexicographic(
    stencil: Stencil, diagonal: Array, source: Array, phi: Array, omega: Array
) -> Array:
    """One sweep: new values below, old ones above."""
    above, below = source, []
    for a, link, wrap in zip(stencil.axes, stencil.links, stencil.wraps, strict=True):
        n = phi.shape[a]
        above = above + padded(link * last(phi, a, n - 1), a, 0, 1)
        below.append(padded(link, a, 1, 0))
        if wrap is not None:
            above = above + padded(wrap * last(phi, a), a, 0, n - 1)
            above = above + padded(wrap * first(phi, a), a, n - 1, 0)

    def solve(above, phi, diagonal, below):
        axis = -len(below)
        if not below:
            return phi + omega * (above / diagonal - phi)
        rows = lambda x: jnp.moveaxis(x, axis, 0)

        def row(previous, one):
            above, phi, diagonal, link, *rest = one
            new = solve(above + link * previous, phi, diagonal, rest)
            return new, new

        sequence = [rows(x) for x in (above, phi, diagonal, *below)]
        _, new = lax.scan(row, jnp.zeros_like(sequence[1][0]), tuple(sequence))
        return jnp.moveaxis(new, 0, axis)

    return solve(above, phi, diagonal, below)

r"""Poisson's equation on a grid as a net of links, every wall and electrode a leak.

Divided by the full cell volume and multiplied by the share that each unknown owns,
-div(permittivity grad phi) = rho reads

$$\sum_{j \sim i} c_{ij} (\phi_i - \phi_j) + \sum_a l_{a,i} \phi_i = s_i,$$

with the links $c_{ij} = c_{ji} \ge 0$ of neighbours, the leaks $l_{a,i} \ge 0$ along
axis a to what is known there, and the source s. It is symmetric and diagonally
dominant, whatever the walls.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from .._boundaries import Neumann, as_value
from ..operators._stencils import Axis, along, at_high, at_low, first, last, padded


class Stencil(eqx.Module):
    """Links and leaks; space are the last axes, sizes may be 1 where things repeat."""

    links: tuple[Float[Array, "..."], ...]
    """Along each axis, one fewer than unknowns."""
    wraps: tuple[Float[Array, "..."] | None, ...]
    """The link that closes a periodic axis, or None."""
    leaks: tuple[Float[Array, "..."], ...]
    """Along each axis."""

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of space, counted from the end."""
        return tuple(range(-len(self.links), 0))

    def __call__(self, phi: Float[Array, "..."]) -> Float[Array, "..."]:
        """The left-hand side, from differences: it rounds as small as they are."""
        total = self.leak * phi
        for a, link, wrap in zip(self.axes, self.links, self.wraps, strict=True):
            n = phi.shape[a]
            flux = link * (first(phi, a, n - 1) - last(phi, a, n - 1))
            total = total + padded(flux, a, 0, 1) - padded(flux, a, 1, 0)
            if wrap is not None:
                flux = wrap * (last(phi, a) - first(phi, a))
                total = total + padded(flux, a, n - 1, 0) - padded(flux, a, 0, n - 1)
        return total

    def neighbours(self, phi: Float[Array, "..."]) -> Float[Array, "..."]:
        """Sum of the neighbours times their links."""
        total = jnp.zeros_like(phi)
        for a, link, wrap in zip(self.axes, self.links, self.wraps, strict=True):
            n = phi.shape[a]
            total = total + padded(link * first(phi, a, n - 1), a, 1, 0)
            total = total + padded(link * last(phi, a, n - 1), a, 0, 1)
            if wrap is not None:
                total = total + padded(wrap * last(phi, a), a, 0, n - 1)
                total = total + padded(wrap * first(phi, a), a, n - 1, 0)
        return total

    @property
    def leak(self) -> Float[Array, "..."]:
        """Leaks along all axes."""
        return sum(self.leaks[1:], self.leaks[0])

    def diagonal(self, shape: tuple[int, ...]) -> Float[Array, "..."]:
        """Sum of the links and leaks of every unknown."""
        ones = jnp.ones(shape, self.links[0].dtype)
        return self.leak + self.neighbours(ones)

    def merged(self) -> "Stencil":
        """The same with all leaks in one array, faster to apply."""
        nothing = jnp.zeros((1,) * self.leaks[0].ndim, self.leaks[0].dtype)
        leaks = (self.leak, *(nothing for _ in self.leaks[1:]))
        return Stencil(self.links, self.wraps, leaks)

    def full(self, shape: tuple[int, ...]) -> "Stencil":
        """The same with every array at its full size along the axes of space."""
        rank, d = len(shape), len(self.links)

        def broadcast(x, a, n):
            sizes = [*x.shape[: rank - d], *shape[rank - d :]]
            sizes[a] = n
            return jnp.broadcast_to(x, sizes)

        return Stencil(
            tuple(
                broadcast(c, a, shape[a] - 1)
                for a, c in zip(self.axes, self.links, strict=True)
            ),
            tuple(
                w if w is None else broadcast(w, a, 1)
                for a, w in zip(self.axes, self.wraps, strict=True)
            ),
            tuple(
                broadcast(x, a, shape[a])
                for a, x in zip(self.axes, self.leaks, strict=True)
            ),
        )


def shares(axes: tuple[Axis, ...], rank: int, dtype) -> Float[Array, "..."]:
    """Part of a cell that every unknown owns, of size 1 along axes of whole cells."""
    total = jnp.ones((1,) * rank, dtype)
    for axis in axes:
        if axis.half_cells:
            total = total * along(axis.shares(dtype), axis.index, rank)
    return total


def assemble(
    rho: Float[Array, "..."],
    axes: tuple[Axis, ...],
    permittivity: Float[Array, "..."],
) -> tuple[Stencil, Float[Array, "..."]]:
    """Stencil and source of the equation.

    Args:
        rho: Density.
        axes: Its axes of space.
        permittivity: Positive, of the rank of `rho`; size 1 along an axis is constant.
            On a face the harmonic mean is taken, on a wall that of the cell there.
    """
    rank, dtype = rho.ndim, rho.dtype
    source = rho * shares(axes, rank, dtype)
    links, wraps, leaks = [], [], []
    for axis in axes:
        a = axis.index
        others = tuple(other for other in axes if other is not axis)
        scale = shares(others, rank, dtype) / (axis.spacing * axis.spacing)
        low, high = first(permittivity, a), last(permittivity, a)
        if permittivity.shape[a] == 1:
            links.append(scale * permittivity)
        else:
            inner = axis.size - 1
            below, above = first(permittivity, a, inner), last(permittivity, a, inner)
            links.append(scale * harmonic(below, above))
        leak = jnp.zeros((1,) * rank, dtype)
        if axis.periodic:
            wraps.append(scale * harmonic(low, high))
        else:
            wraps.append(None)
            for side, value, place in (
                (axis.low, low, at_low),
                (axis.high, high, at_high),
            ):
                keep, given = (
                    _on_face(x, rho, axis) for x in side.closure(axis.spacing, dtype)
                )
                rows = scale * value
                if not isinstance(side, Neumann):
                    leak = leak + place(rows * keep, axis)
                if not (isinstance(given, float) and given == 0):
                    source = source + place(rows * given, axis)
        leaks.append(leak)
    return Stencil(tuple(links), tuple(wraps), tuple(leaks)), source


def hold(stencil: Stencil, free: Float[Array, "..."]) -> Stencil:
    """The equations of the free nodes, the others held at zero.

    Links to held nodes become leaks; the rows of held nodes are empty.

    Args:
        stencil: Of all nodes.
        free: 1 at free nodes, 0 at held ones, of the stencil's rank.
    """
    d = len(stencil.links)
    batch = stencil.leaks[0].shape[:-d]
    stencil = stencil.full((*batch, *free.shape[-d:]))
    links, wraps, leaks = [], [], []
    for a, link, wrap, leak in zip(
        stencil.axes, stencil.links, stencil.wraps, stencil.leaks, strict=True
    ):
        n = free.shape[a]
        low, high = first(free, a, n - 1), last(free, a, n - 1)
        leak = leak * free
        leak = leak + padded(link * low * (1 - high), a, 0, 1)
        leak = leak + padded(link * high * (1 - low), a, 1, 0)
        links.append(link * low * high)
        if wrap is not None:
            low, high = last(free, a), first(free, a)
            leak = leak + padded(wrap * low * (1 - high), a, n - 1, 0)
            leak = leak + padded(wrap * high * (1 - low), a, 0, n - 1)
            wrap = wrap * low * high
        wraps.append(wrap)
        leaks.append(leak)
    return Stencil(tuple(links), tuple(wraps), tuple(leaks))


def norm(x: Float[Array, "..."], axes: tuple[int, ...]) -> Float[Array, "..."]:
    """Euclidean norm over the axes of space, kept at size 1."""
    return jnp.sqrt(jnp.sum(x * x, axis=axes, keepdims=True))


def harmonic(x: Array, y: Array) -> Array:
    total = x + y
    return 2 * x * y / jnp.where(total == 0, jnp.ones_like(total), total)


def _on_face(value, rho: Array, axis: Axis):
    """A value of a wall in the rank of the field."""
    face = lax.squeeze(first(rho, axis.index), (axis.index,))
    value = as_value(value, face)
    if not isinstance(value, Array):
        return value
    return lax.expand_dims(value, (axis.index,))


def as_permittivity(permittivity: Any, rho: Float[Array, "..."]) -> Float[Array, "..."]:
    """Permittivity in the rank and type of `rho`.

    Raises:
        ValueError: If it does not broadcast to `rho`, or is a number and not positive.
    """
    if permittivity is None:
        return jnp.ones((1,) * rho.ndim, rho.dtype)
    if isinstance(permittivity, (int, float)) and not 0 < permittivity < np.inf:
        raise ValueError(f"`permittivity` must be positive; got {permittivity}.")
    value = jnp.asarray(permittivity).astype(rho.dtype)
    if value.ndim > rho.ndim:
        raise ValueError(
            f"`permittivity` must not have more axes than `rho`; got shapes "
            f"{value.shape} and {rho.shape}."
        )
    if value.ndim:
        value = value.reshape((1,) * (rho.ndim - value.ndim) + value.shape)
        pairs = zip(value.shape, rho.shape, strict=True)
        if any(n not in (1, size) for n, size in pairs):
            raise ValueError(
                f"`permittivity` must broadcast to `rho`; got shapes "
                f"{jnp.shape(permittivity)} and {rho.shape}."
            )
        return value
    return value.reshape((1,) * rho.ndim)

"""Diffusion in conservative form: fluxes on faces, their divergence, their energy."""

from typing import Any, Literal, get_args

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, Inexact, Num

from .._boundaries import AbstractBoundary, Dirichlet, Faces, Neumann, as_value, is_zero
from .._numerics import as_inexact, complex_dtype, real_dtype
from ._stencils import (
    Axis,
    Spacing,
    along,
    at_high,
    at_low,
    first,
    last,
    padded,
    prepare,
    wall_slopes,
)

Mean = Literal["harmonic", "arithmetic"]


def div_sigma_grad(
    u: Num[ArrayLike, "..."],
    sigma: Num[ArrayLike, "..."],
    spacing: Spacing,
    bc: Faces,
    *,
    faces: Mean = "harmonic",
) -> Inexact[Array, "..."]:
    r"""Diffusion operator $\nabla\cdot(\sigma\nabla u)$ in conservative form.

    $$\sum_a \frac{q_{i+e_a/2} - q_{i-e_a/2}}{h_a}, \qquad
      q_{i+e_a/2} = \bar\sigma\,\frac{u_{i+e_a} - u_i}{h_a},$$

    of order 2 where sigma is smooth. What leaves a cell enters its neighbour: the sum
    over the cell volumes is the flux through the walls, to rounding. The linear part is
    symmetric in the inner product of the cell volumes, and negative for positive sigma.
    The flux through a wall takes sigma of the cell at the wall.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        sigma: Coefficient at the points of `u`, or a number, positive (zero insulates);
            its leading axes may be fewer than those of `u`.
        spacing: Distance of neighbours along each axis, numbers or traced scalars.
        bc: A (low, high) pair of conditions per axis of space.
        faces: Mean of sigma on a face. `"harmonic"`, where sigma jumps between two
            cells: exact for layers; `"arithmetic"`, where it is smooth.

    Returns:
        In units of sigma u / length^2, with the shape and dtype of `u`; complex if
        sigma is.

    Raises:
        TypeError: If `u` or `sigma` does not hold numbers or `bc` no conditions.
        ValueError: As `laplacian`, or if `sigma` does not fit `u`.

    Example:
        >>> from physjax import Dirichlet
        >>> u, sigma = jnp.array([0.25, 0.875]), jnp.array([3.0, 1.0])
        >>> walls = [(Dirichlet(0.0), Dirichlet(1.0))]
        >>> div_sigma_grad(u, sigma, (1.0,), walls).tolist()  # the flux is constant
        [-0.5625, -0.6875]
    """
    field, coefficient, axes, dtype = _prepare(u, sigma, spacing, bc, faces)
    total = jnp.zeros_like(field)
    for axis in axes:
        a = axis.index
        inverse = 1 / (axis.spacing * axis.spacing)
        low, high = (end(coefficient, a) for end in (first, last))
        flux = inverse * _inner_flux(field, coefficient, a, faces)
        out = padded(flux, a, 0, 1) - padded(flux, a, 1, 0)
        if axis.periodic:
            mean = _mean(low, high, faces)
            wrapped = inverse * mean * (first(field, a) - last(field, a))
            out = out + at_high(wrapped, axis) - at_low(wrapped, axis)
        elif not (_insulates(axis.low) and _insulates(axis.high)):
            below, above = wall_slopes(field, axis)
            out = out + at_low(low * below / axis.spacing, axis)
            out = out + at_high(high * above / axis.spacing, axis)
        if axis.half_cells:
            shares = axis.shares(real_dtype(field.dtype)).astype(field.dtype)
            out = out / along(shares, a, out.ndim)
        total = total + out
    return total.astype(dtype)


def dirichlet_energy(
    u: Num[ArrayLike, "..."],
    sigma: Num[ArrayLike, "..."],
    spacing: Spacing,
    bc: Faces,
    *,
    faces: Mean = "harmonic",
) -> Float[Array, "..."]:
    r"""Energy $\tfrac12\int\sigma|\nabla u|^2$, with what the walls add.

    For real fields its gradient is minus `div_sigma_grad` times the cell volumes,
    exactly and for all conditions. Neumann walls add the work $-\int\sigma s u$ of
    their slope s; Robin ones $\int\sigma(\tfrac12\alpha u^2 - \gamma u)/\beta$,
    closed as in `laplacian`. Without sources from the walls it is not negative.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        sigma: Real coefficient, as in `div_sigma_grad`.
        spacing: Distance of neighbours along each axis.
        bc: A (low, high) pair of conditions per axis of space.
        faces: Mean of sigma on a face.

    Returns:
        One real number per entry of the batch, in units of sigma u^2 length^(d-2).

    Raises:
        TypeError: As `div_sigma_grad`, or if `sigma` is complex.
        ValueError: As `div_sigma_grad`.

    Example:
        >>> from physjax import Dirichlet
        >>> walls = [(Dirichlet(0.0), Dirichlet(1.0))]
        >>> float(dirichlet_energy(jnp.array([0.25, 0.75]), 1.0, (0.5,), walls))
        0.5
    """
    if jnp.iscomplexobj(sigma):
        raise TypeError("`sigma` must be real; got a complex one, which has no energy.")
    field, coefficient, axes, dtype = _prepare(u, sigma, spacing, bc, faces)
    real = real_dtype(field.dtype)
    coefficient = coefficient.real
    space = tuple(axis.index for axis in axes)
    total = jnp.zeros(field.shape[: space[0]], real)
    for axis in axes:
        a = axis.index
        low, high = (end(coefficient, a) for end in (first, last))
        steps = last(field, a, axis.size - 1) - first(field, a, axis.size - 1)
        density = _face_means(coefficient, a, faces) * _square(steps)
        terms = [jnp.sum(_owned(density, axis, axes), axis=space) / 2]
        if axis.periodic:
            step = first(field, a) - last(field, a)
            terms.append(
                jnp.sum(
                    _owned(_mean(low, high, faces) * _square(step), axis, axes) / 2,
                    axis=space,
                )
            )
        else:
            for side, rows, weight in (
                (axis.low, first(field, a), low),
                (axis.high, last(field, a), high),
            ):
                work = weight * _wall_energy(side, rows, axis)
                terms.append(jnp.sum(_owned(work, axis, axes), axis=space))
        scale = 1 / _real(axis.spacing)
        for other in axes:
            if other is not axis:
                scale = scale * _real(other.spacing)
        total = total + scale * sum(terms[1:], terms[0])
    return total.astype(real_dtype(dtype))


def _prepare(u, sigma, spacing, bc, faces):
    """Field and coefficient of one type and rank, axes, and the type to return."""
    if faces not in get_args(Mean):
        raise ValueError(f"`faces` must be one of {get_args(Mean)}; got {faces!r}.")
    given = as_inexact(u, "u")
    sigma = as_inexact(sigma, "sigma")
    dtype = given.dtype
    if jnp.iscomplexobj(sigma) and not jnp.iscomplexobj(given):
        dtype = complex_dtype(dtype)
    field, axes = prepare(given.astype(dtype), spacing, bc)
    if sigma.ndim > field.ndim:
        raise ValueError(
            f"`sigma` must not have more axes than `u`; got shapes {sigma.shape} and "
            f"{field.shape}."
        )
    shown = sigma.shape
    sigma = sigma.reshape((1,) * (field.ndim - sigma.ndim) + shown)
    batch = axes[0].index
    space = field.shape[batch:]
    try:
        shape = jnp.broadcast_shapes(sigma.shape, (1,) * batch + space)
        fits = jnp.broadcast_shapes(shape, field.shape) == field.shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"`sigma` must broadcast to `u`; got shapes {shown} and {field.shape}."
        )
    sigma = jnp.broadcast_to(sigma, (*sigma.shape[:batch], *space))
    return field, sigma.astype(field.dtype), axes, dtype


def _insulates(side: AbstractBoundary) -> bool:
    return isinstance(side, Neumann) and is_zero(side.slope)


def _mean(a: Array, b: Array, faces: str) -> Array:
    if faces == "arithmetic":
        return (a + b) / 2
    total = a + b
    return 2 * a * b / jnp.where(total == 0, jnp.ones_like(total), total)


def _face_means(sigma: Array, a: int, faces: str) -> Array:
    n = sigma.shape[a] - 1
    return _mean(first(sigma, a, n), last(sigma, a, n), faces)


def _inner_flux(u: Array, sigma: Array, a: int, faces: str) -> Array:
    n = u.shape[a] - 1
    return _face_means(sigma, a, faces) * (last(u, a, n) - first(u, a, n))


def _square(x: Array) -> Array:
    return x.real**2 + x.imag**2 if jnp.iscomplexobj(x) else x * x


def _real(h: Any) -> Any:
    return h.real if isinstance(h, Array) else h


def _owned(density: Array, axis: Axis, axes: tuple[Axis, ...]) -> Array:
    """A density on the faces of one axis, times the part of a face that is owned."""
    for other in axes:
        if other is not axis and other.half_cells:
            shares = along(other.shares(density.dtype), other.index, density.ndim)
            density = density * shares
    return density


def _wall_energy(side: AbstractBoundary, rows: Array, axis: Axis) -> Array:
    """Its derivative is minus the spacing times the outward slope."""
    keep, source = side.closure(axis.spacing, rows.dtype)
    inner = lax.squeeze(rows, (axis.index,))
    keep, source = as_value(keep, inner), as_value(source, inner)
    jump = source - keep * inner
    if isinstance(side, Dirichlet):
        energy = _square(jump) / (2 * keep)
    else:
        energy = -(jnp.conj(inner) * (jump + source)).real / 2
    return lax.expand_dims(energy, (axis.index,))

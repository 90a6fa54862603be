"""Potentials of one particle, at the points of a grid, in atomic units."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._grids import Grid

Number = Float[ArrayLike, ""] | float | int


def harmonic_potential(
    grid: Grid,
    frequency: Float[ArrayLike, "..."] | float | int = 1.0,
    *,
    mass: Number = 1.0,
    dtype: Any = float,
) -> Float[Array, "..."]:
    r"""$V = \frac{m}{2} \sum_a \omega_a^2 x_a^2$, with the levels
    $\sum_a \omega_a (n_a + 1/2)$.

    Args:
        grid: Where.
        frequency: omega, one number or one per axis.
        mass: m.
        dtype: Of the answer; the default float if not given.

    Raises:
        ValueError: If there is not one frequency per axis.

    Example:
        >>> harmonic_potential(Grid((3,), (1.0,), (-1.0,)), 2.0).tolist()
        [2.0, 0.0, 2.0]
    """
    mesh = grid.mesh(dtype)
    omega = jnp.asarray(frequency).astype(mesh[0].dtype)
    if omega.shape not in ((), (len(mesh),)):
        raise ValueError(
            f"`frequency` must be one number or {len(mesh)}; got shape {omega.shape}."
        )
    omega = jnp.broadcast_to(omega, (len(mesh),))
    square = sum((omega[a] * x) ** 2 for a, x in enumerate(mesh))
    return _like(mass, mesh[0]) / 2 * square


def double_well_potential(
    grid: Grid, half_distance: Number = 1.0, *, height: Number = 1.0, dtype: Any = float
) -> Float[Array, " n"]:
    r"""$V = \lambda\,(x^2 - a^2)^2$: two wells at $\pm a$, a barrier of
    $\lambda a^4$ between.

    Args:
        grid: Of one axis.
        half_distance: a.
        height: lambda.
        dtype: Of the answer; the default float if not given.

    Raises:
        ValueError: If the grid has more than one axis.

    Example:
        >>> double_well_potential(Grid((3,), (1.0,), (-1.0,))).tolist()
        [0.0, 1.0, 0.0]
    """
    x = _only_axis(grid, dtype)
    return _like(height, x) * (x**2 - _like(half_distance, x) ** 2) ** 2


def radial_coulomb_potential(
    grid: Grid,
    charge: Number = 1.0,
    *,
    angular_momentum: int = 0,
    mass: Number = 1.0,
    dtype: Any = float,
) -> Float[Array, " n"]:
    r"""$V = \frac{l(l+1)}{2 m r^2} - \frac{Z}{r}$ for $u(r) = r R(r)$, which is 0 at
    both ends: the levels are $-m Z^2 / 2 n^2$, $n > l$.

    Args:
        grid: Of one axis, the radius, with the first point one spacing from 0.
        charge: Z.
        angular_momentum: l.
        mass: m.
        dtype: Of the answer; the default float if not given.

    Raises:
        ValueError: If the grid has more than one axis, or its first point is not
            above 0.

    Example:
        >>> radial_coulomb_potential(Grid((2,), (1.0,), (1.0,))).tolist()
        [-1.0, -0.5]
    """
    r = _only_axis(grid, dtype)
    if grid.origin[0] <= 0:
        raise ValueError(
            f"`grid` must begin above the radius 0; got the origin {grid.origin[0]}."
        )
    l = angular_momentum
    return l * (l + 1) / (2 * _like(mass, r) * r**2) - _like(charge, r) / r


def soft_coulomb_potential(
    grid: Grid, charge: Number = 1.0, *, softening: Number = 1.0, dtype: Any = float
) -> Float[Array, "..."]:
    r"""$V = -Z / \sqrt{|x|^2 + s^2}$, the Coulomb potential without its cusp.

    In one dimension, with s = 1 and Z = 1, the lowest level is -0.6698.

    Args:
        grid: Where.
        charge: Z.
        softening: s.
        dtype: Of the answer; the default float if not given.

    Example:
        >>> soft_coulomb_potential(Grid((2,), (1.0,)), softening=2.0)[0].tolist()
        -0.5

    References:
        Javanainen, Eberly and Su, Phys. Rev. A 38, 3430 (1988).
    """
    mesh = grid.mesh(dtype)
    square = sum(x**2 for x in mesh) + _like(softening, mesh[0]) ** 2
    return -_like(charge, mesh[0]) / jnp.sqrt(square)


def _only_axis(grid: Grid, dtype: Any) -> Float[Array, " n"]:
    if len(grid.shape) != 1:
        raise ValueError(f"`grid` must have one axis; got shape {grid.shape}.")
    return grid.points(0, dtype)


def _like(value: Any, array: Array) -> Array:
    return jnp.asarray(value).astype(array.dtype)

"""The operators of `differences` for callables: functions of one point.

A field is a function u(x) of a point `x` of shape (d,), returning a number or an array
of any shape; the operators return such functions. `jax.vmap` the result over points. A
network and a sampled field can so stand in each other's place: `laplacian(net)` at the
points of a grid is what `differences.laplacian` makes of `vmap(net)` there.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Inexact, Num

from .._numerics import as_real

Field: TypeAlias = Callable[[Float[Array, " d"]], Any]
Mode = Literal["reverse", "taylor"]


def gradient(u: Field) -> Field:
    r"""Gradient $\nabla u$ of a function of a point.

    Args:
        u: Function of a point (d,), returning an array of any shape.

    Returns:
        Function of a point, returning the gradient along a new last axis of length d.

    Raises:
        TypeError: If `u` is not callable; when called, if the point is not real.
        ValueError: When called, if the point is not a vector.

    Example:
        >>> gradient(lambda x: x[0] ** 2 * x[1])(jnp.array([1.0, 3.0])).tolist()
        [6.0, 1.0]
    """
    _check_callable(u, "u")

    def at(x: Float[Array, " d"]) -> Inexact[Array, "..."]:
        return _jacobian(u, _point(x))(x)

    return at


def divergence(flux: Field) -> Field:
    r"""Divergence $\nabla\cdot q$ of a vector function, by forward mode.

    Args:
        flux: Function of a point (d,), returning vectors along the last axis, of
            length d.

    Returns:
        Function of a point, returning the shape before that axis.

    Raises:
        TypeError: As `gradient`.
        ValueError: As `gradient`, or if the last axis is not of length d.

    Example:
        >>> float(divergence(lambda x: x**2)(jnp.array([1.0, 3.0])))
        8.0
    """
    _check_callable(flux, "flux")

    def at(x: Float[Array, " d"]) -> Inexact[Array, "..."]:
        x = _point(x)
        shape = jax.eval_shape(flux, x).shape
        if shape[-1:] != x.shape:
            raise ValueError(
                f"`flux` must return vectors of length {x.size} along its last axis; "
                f"got shape {shape}."
            )
        along = lambda e: jax.jvp(flux, (x,), (e,))[1]
        slopes = jax.vmap(along)(jnp.eye(x.size, dtype=x.dtype))
        return jnp.trace(slopes, axis1=0, axis2=-1)

    return at


def laplacian(u: Field, *, mode: Mode = "reverse") -> Field:
    r"""Laplacian $\Delta u$ of a function of a point.

    Args:
        u: Function of a point (d,), returning an array of any shape.
        mode: `"reverse"`, d forward derivatives of the gradient by reverse mode;
            `"taylor"`, d Taylor series to second order (`jax.experimental.jet`, which
            does not know every primitive), cheaper for deep networks.

    Returns:
        Function of a point, returning the shape of `u`.

    Raises:
        TypeError: As `gradient`.
        ValueError: As `gradient`, or for another mode.

    Example:
        >>> float(laplacian(lambda x: jnp.sum(x**3))(jnp.array([1.0, 2.0])))
        18.0
        >>> taylor = laplacian(lambda x: jnp.sum(x**3), mode="taylor")
        >>> round(float(taylor(jnp.array([1.0, 2.0]))), 4)
        18.0
    """
    _check_callable(u, "u")
    if mode not in get_args(Mode):
        raise ValueError(f"`mode` must be one of {get_args(Mode)}; got {mode!r}.")
    if mode == "reverse":
        return divergence(gradient(u))

    def at(x: Float[Array, " d"]) -> Inexact[Array, "..."]:
        from jax.experimental.jet import jet

        x = _point(x)
        second = lambda e: jet(u, (x,), ((e, jnp.zeros_like(e)),))[1][1]
        return jnp.sum(jax.vmap(second)(jnp.eye(x.size, dtype=x.dtype)), axis=0)

    return at


def biharmonic(u: Field, *, mode: Mode = "reverse") -> Field:
    r"""Biharmonic operator $\Delta^2 u$: the Laplacian twice.

    Args:
        u: Function of a point (d,), returning an array of any shape.
        mode: Of the inner Laplacian; the outer one goes by reverse mode.

    Returns:
        Function of a point, returning the shape of `u`.

    Raises:
        TypeError: As `laplacian`.
        ValueError: As `laplacian`.

    Example:
        >>> u = lambda x: x[0] ** 4 + x[0] ** 2 * x[1] ** 2
        >>> float(biharmonic(u)(jnp.array([1.0, 2.0])))
        32.0
    """
    return laplacian(laplacian(u, mode=mode))


def div_sigma_grad(u: Field, sigma: Field | Num[ArrayLike, ""]) -> Field:
    r"""Diffusion operator $\nabla\cdot(\sigma\nabla u)$ of functions of a point.

    Args:
        u: Function of a point (d,), returning an array of any shape.
        sigma: Function of a point returning a number, or a number.

    Returns:
        Function of a point, returning the shape of `u`.

    Raises:
        TypeError: As `gradient`.
        ValueError: As `gradient`.

    Example:
        >>> u = lambda x: x[0] ** 2
        >>> float(div_sigma_grad(u, lambda x: x[0])(jnp.array([1.5, 0.0])))
        6.0
    """
    slope = gradient(u)
    coefficient = sigma if callable(sigma) else lambda x: jnp.asarray(sigma, x.dtype)
    return divergence(lambda x: coefficient(x) * slope(x))


def integrate(
    u: Field,
    low: Num[ArrayLike, " d"] | Sequence[float],
    high: Num[ArrayLike, " d"] | Sequence[float],
    *,
    points: int = 16,
) -> Inexact[Array, "..."]:
    r"""Integral over a box, by Gauss-Legendre quadrature.

    Exact for polynomials of degree 2 `points` - 1 along each axis.

    Args:
        u: Function of a point (d,), returning an array of any shape.
        low: Lowest corner of the box.
        high: Highest corner.
        points: Number of points along each axis.

    Returns:
        The integral, with the shape of `u`.

    Raises:
        TypeError: If `u` is not callable, or a corner not real.
        ValueError: If the corners are not vectors of one length, or there is no point.

    Example:
        >>> value = integrate(lambda x: x[0] * x[1] ** 2, [0.0, 0.0], [2.0, 3.0])
        >>> round(float(value), 4)
        18.0
    """
    _check_callable(u, "u")
    if points < 1:
        raise ValueError(f"`points` must be positive; got {points}.")
    low, high = as_real(low, "low"), as_real(high, "high")
    if low.ndim != 1 or low.shape != high.shape:
        raise ValueError(
            "`low` and `high` must be vectors of one length; got shapes "
            f"{low.shape} and {high.shape}."
        )
    d, dtype = low.size, jnp.result_type(low, high)
    x, w = np.polynomial.legendre.leggauss(points)
    x, w = (1 + x) / 2, w / 2
    unit = np.stack(np.meshgrid(*[x] * d, indexing="ij"), -1).reshape(-1, d)
    weights = np.ones(1)
    for _ in range(d):
        weights = np.multiply.outer(weights, w).ravel()
    values = jax.vmap(lambda t: u(low + (high - low) * t))(jnp.asarray(unit, dtype))
    volume = jnp.prod(high - low)
    scaled = jnp.asarray(weights, dtype) * volume
    return jnp.tensordot(scaled.astype(values.dtype), values, 1, precision="highest")


def dirichlet_energy(
    u: Field,
    sigma: Field | Num[ArrayLike, ""],
    low: Num[ArrayLike, " d"] | Sequence[float],
    high: Num[ArrayLike, " d"] | Sequence[float],
    *,
    points: int = 16,
) -> Float[Array, "..."]:
    r"""Energy $\tfrac12\int\sigma|\nabla u|^2$ over a box.

    Args:
        u: Function of a point (d,), returning an array of any shape.
        sigma: Function of a point returning a real number, or a number.
        low: Lowest corner of the box.
        high: Highest corner.
        points: Number of points of the quadrature along each axis.

    Returns:
        The energy, with the shape of `u`.

    Raises:
        TypeError: As `integrate`.
        ValueError: As `integrate`.

    Example:
        >>> energy = dirichlet_energy(lambda x: x[0] ** 2, 3.0, [0.0], [1.0])
        >>> round(float(energy), 4)
        2.0
    """
    slope = gradient(u)
    coefficient = sigma if callable(sigma) else lambda x: jnp.asarray(sigma, x.dtype)

    def density(x):
        g = slope(x)
        return coefficient(x) * jnp.sum(g.real**2 + g.imag**2, axis=-1) / 2

    return integrate(density, low, high, points=points)


def _jacobian(u: Field, x: Array) -> Callable[[Array], Array]:
    """Reverse mode where there is one: for functions with real values."""
    kind = jax.eval_shape(u, x).dtype
    return jax.jacfwd(u) if jnp.issubdtype(kind, jnp.complexfloating) else jax.jacrev(u)


def _point(x: Any) -> Float[Array, " d"]:
    x = as_real(x, "x")
    if x.ndim != 1:
        raise ValueError(
            f"`x` must be one point, a vector; got shape {x.shape}: use `jax.vmap`."
        )
    return x


def _check_callable(u: Any, name: str) -> None:
    if not callable(u):
        raise TypeError(f"`{name}` must be a function of a point; got {u!r}.")

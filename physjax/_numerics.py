"""Number types, and functions whose derivative has a corner or a pole.

Every safe function equals the plain one wherever that is finite and differentiable. At
the singular point it returns a finite value, and the gradient there is zero.
"""

from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Inexact


def as_inexact(x: Any, name: str) -> Inexact[Array, "..."]:
    """`x` as a floating or complex array; integers become the default float.

    Args:
        x: Number, array or nested sequence of numbers.
        name: What the caller calls it, for the message.

    Raises:
        TypeError: If `x` does not hold numbers.

    Example:
        >>> bool(as_inexact([1, 2], "x").dtype == jnp.result_type(float))
        True
    """
    try:
        x = jnp.asarray(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`{name}` must be an array of numbers; got {x!r}.") from error
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return x
    if jnp.issubdtype(x.dtype, jnp.integer):
        return x.astype(jnp.result_type(float))
    raise TypeError(f"`{name}` must hold numbers; got entries of type {x.dtype}.")


def as_real(x: Any, name: str) -> Float[Array, "..."]:
    """`x` as a real floating array; complex input is refused.

    Raises:
        TypeError: If `x` is complex or does not hold numbers.

    Example:
        >>> as_real(1j, "x")
        Traceback (most recent call last):
        TypeError: `x` must be real; got complex...: pass its real or imaginary part.
    """
    x = as_inexact(x, name)
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        raise TypeError(
            f"`{name}` must be real; got {x.dtype}: pass its real or imaginary part."
        )
    return x


def check_axis(x: Array, axis: int, name: str) -> int:
    """`axis` counted from the end (-1 is the last).

    Raises:
        ValueError: If `x` has no such axis, or no point along it.
    """
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(
            f"`axis` {axis} is not an axis of `{name}`, which has shape {x.shape}."
        )
    axis = axis - x.ndim if axis >= 0 else axis
    if x.shape[axis] == 0:
        raise ValueError(
            f"`{name}` has shape {x.shape}: there is no point along axis {axis}."
        )
    return axis


def real_dtype(dtype: DTypeLike) -> jnp.dtype:
    """The real type of the same width: complex64 to float32.

    Example:
        >>> real_dtype(jnp.complex64).name
        'float32'
    """
    return jnp.finfo(dtype).dtype


def complex_dtype(dtype: DTypeLike) -> jnp.dtype:
    """The complex type of the same width: float32 to complex64.

    Half precision, which has no complex type, gives complex64.

    Example:
        >>> complex_dtype(jnp.float32).name
        'complex64'
    """
    return jnp.dtype(jnp.complex128 if jnp.finfo(dtype).bits == 64 else jnp.complex64)


def working_dtype(dtype: DTypeLike) -> jnp.dtype:
    """The type to compute in: half precision is widened to float32.

    Example:
        >>> working_dtype(jnp.bfloat16).name
        'float32'
    """
    return jnp.dtype(jnp.float32 if jnp.finfo(dtype).bits < 32 else dtype)


def safe_sqrt(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Square root; zero, with gradient zero, for `x <= 0`."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), 0)


def safe_log(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Logarithm; that of the smallest normal number, with gradient zero, for less."""
    tiny = float(jnp.finfo(x.dtype).tiny)
    return jnp.log(jnp.where(x > tiny, x, tiny))


def safe_norm(x: Inexact[Array, "..."], axis: int = -1) -> Float[Array, "..."]:
    """Euclidean norm along `axis`, free of overflow; gradient zero at zero."""
    magnitude = jnp.maximum(jnp.abs(x.real), jnp.abs(x.imag))
    # The norm is homogeneous: a scale held constant leaves value and gradient exact.
    scale = lax.stop_gradient(jnp.max(magnitude, axis=axis, keepdims=True))
    scale = jnp.where(scale > 0, scale, 1)
    y = x / scale.astype(x.dtype)
    norm = safe_sqrt(jnp.sum(y.real**2 + y.imag**2, axis=axis))
    return norm * jnp.squeeze(scale, axis)


def safe_divide(x: Float[Array, "..."], y: Float[Array, "..."]) -> Float[Array, "..."]:
    """`x / y`; zero, with gradient zero, where `y` is zero."""
    nonzero = y != 0
    return jnp.where(nonzero, x / jnp.where(nonzero, y, 1), 0)

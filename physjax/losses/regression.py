"""Data terms, element by element: the caller chooses weights, masks and reduction."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def absolute_error(
    prediction: Float[Array, "*shape"], target: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    r"""$|p - t|$.

    Args:
        prediction: Any shape and unit.
        target: The same shape and dtype.

    Returns:
        The error of every element, in the dtype of the input.

    Example:
        >>> absolute_error(jnp.array([1.0, 2.0]), jnp.array([1.5, 0.0])).tolist()
        [0.5, 2.0]
    """
    return jnp.abs(prediction - target)


def squared_error(
    prediction: Float[Array, "*shape"], target: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    r"""$(p - t)^2$.

    Args:
        prediction: Any shape and unit.
        target: The same shape and dtype.

    Returns:
        The error of every element, in the dtype of the input.

    Example:
        >>> squared_error(jnp.array([1.0, 2.0]), jnp.array([1.5, 0.0])).tolist()
        [0.25, 4.0]
    """
    return jnp.square(prediction - target)


def huber_error(
    prediction: Float[Array, "*shape"],
    target: Float[Array, "*shape"],
    *,
    delta: float | Float[Array, ""],
) -> Float[Array, "*shape"]:
    r"""$e^2/2$ for $|e| \le \delta$, $\delta (|e| - \delta/2)$ beyond, $e = p - t$.

    Args:
        prediction: Any shape and unit.
        target: The same shape and dtype.
        delta: Where the parabola becomes a line, positive, in the unit of the input.
            There is no default: at 1, reflectance would never leave the parabola, and
            0.02 to 0.1 is what makes a difference there.

    Returns:
        The error of every element, in the dtype of the input.

    Example:
        >>> huber_error(jnp.array([0.5, 3.0]), jnp.zeros(2), delta=1.0).tolist()
        [0.125, 2.5]

    References:
        Huber, Ann. Math. Stat. 35, 73 (1964).
    """
    error = prediction - target
    return _huber(error, jnp.asarray(delta).astype(error.dtype))


@jax.custom_jvp
def _huber(error: Array, delta: Array) -> Array:
    near = lax.clamp(-delta, error, delta)
    return near * (error - near / 2)


@_huber.defjvp
def _huber_slope(primals, tangents):
    # By the rules of abs and minimum the slope would be half at the corner, and a
    # training would keep three arrays of the size of the data for it.
    (error, delta), (change, delta_change) = primals, tangents
    beyond = jnp.maximum(jnp.abs(error) - delta, 0)
    slope = lax.clamp(-delta, error, delta) * change + beyond * delta_change
    return _huber(error, delta), slope

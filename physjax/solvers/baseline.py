"""Baselines under peaks."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, Num

from .._numerics import as_real, check_axis, working_dtype
from .._solution import MAX_ITERATIONS, NON_FINITE, SUCCESS, Solution
from .._solution import throw as _throw

UNROLL = 2  # steps per turn of the loop: more costs seconds of compilation on CPU


def whittaker_smoother(
    y: Float[Array, "n *batch"],
    weights: Float[Array, "n *batch"],
    smoothness: float | Float[Array, ""],
) -> Float[Array, "n *batch"]:
    r"""Minimiser of $\sum_i w_i (y_i - z_i)^2 + \lambda \sum_i (\Delta^2 z)_i^2$.

    The normal equations $(W + \lambda D^T D) z = W y$ have a condition number of 1e9
    for common smoothness, which float32 cannot solve. They are the posterior mean of an
    integrated random walk (level and slope) seen through noise of variance $1/w_i$,
    which a Kalman filter and its adjoint find in 2n steps. Written for the covariance
    and its determinant no step subtracts positive numbers, so the error stays near
    1e-6 of the range of `y` in float32 for any length.

    Args:
        y: Data, the axis of points first, the batch behind.
        weights: Positive weights of the data.
        smoothness: The weight $\lambda$ of the second differences, positive.

    Returns:
        The smooth curve z; `y` itself for fewer than three points.

    Example:
        >>> line = jnp.linspace(0.0, 1.0, 20)
        >>> z = whittaker_smoother(line, jnp.ones(20), 1e5)
        >>> bool(jnp.allclose(z, line, atol=1e-6))
        True

    References:
        Eilers, Anal. Chem. 75, 3631 (2003), for the problem; Durbin and Koopman, Time
        Series Analysis by State Space Methods (2012), section 4.4, for the recursions.
    """
    if y.shape[0] < 3:
        return y
    noise = 1 / weights  # variances of the data
    drive = 1 / jnp.asarray(smoothness).astype(y.dtype)  # variance of the slope's steps

    def predict(state):
        level, slope, p11, p12, p22, det = state
        p11 = p11 + 2 * p12 + p22
        return level + slope, slope, p11, p12 + p22, p22 + drive, det + drive * p11

    def forward(state, datum):
        value, variance = datum
        level, slope, p11, p12, p22, det = predict(state)
        total = p11 + variance
        rest, gain = variance / total, p12 / total
        surprise = (value - level) / total
        kept = (level, p11, p12, rest, gain, surprise)
        p22 = (det + p22 * variance) / total
        level, slope = level + p11 * surprise, slope + p12 * surprise
        return (level, slope, p11 * rest, p12 * rest, p22, det * rest), kept

    def backward(adjoint, kept):
        level, p11, p12, rest, gain, surprise = kept
        a1, a2 = adjoint[0], adjoint[0] + adjoint[1]
        a1 = surprise + rest * a1 - gain * a2
        return (a1, a2), level + p11 * a1 + p12 * a2

    # Two points determine the state at the second, without any prior.
    n0, n1 = noise[0], noise[1]
    start = (y[1], y[1] - y[0], n1, n1, n0 + n1 + drive, n1 * (n0 + drive))
    _, kept = lax.scan(forward, start, (y[2:], noise[2:]), unroll=UNROLL)
    end = (jnp.zeros_like(y[0]), jnp.zeros_like(y[0]))
    (a1, a2), z = lax.scan(backward, end, kept, reverse=True, unroll=UNROLL)
    first = jnp.stack([y[0] - n0 * (a1 + a2), y[1] + n1 * (2 * a1 + a2)])
    return jnp.concatenate([first, z])


def asymmetric_least_squares(
    y: Num[ArrayLike, "..."],
    *,
    smoothness: float | Float[Array, ""] = 1e5,
    asymmetry: float | Float[Array, ""] = 1e-3,
    num_iterations: int = 10,
    axis: int = -1,
    throw: bool = False,
) -> Solution[Float[Array, "..."]]:
    r"""Smooth curve under positive peaks.

    Minimises $\sum_i w_i (y_i - z_i)^2 + \lambda \sum_i (\Delta^2 z)_i^2$ with
    $w_i = p$ where $y_i > z_i$ and $1 - p$ elsewhere, by solving for z and choosing w
    in turn, from equal weights.

    Each solve costs 2n steps of a scan over the whole batch, in the dtype of `y`. The
    error in float32 is near 1e-6 of the range of `y` for given weights; a point that
    lies on the curve to that accuracy may get the other weight.

    Args:
        y: Spectra, any batch axes, any unit.
        smoothness: $\lambda$, positive; the curve bends over $\lambda^{1/4}$ points,
            under peaks over $(\lambda/p)^{1/4}$.
        asymmetry: p, between 0 and 1.
        num_iterations: Number of solves.
        axis: The axis of points.
        throw: Whether to raise on the host if the result is not a success.

    Returns:
        `Solution` with the curve, of the shape and dtype of `y`, as value. The result,
        one per spectrum, is success when the last weights had repeated. `stats` has
        `num_iterations` and `num_changed`, the weights that would change next.
        Differentiable in `y`, the weights held.

    Raises:
        TypeError: If `y` is complex or does not hold numbers.
        ValueError: If an option is outside its range, or there is no such axis.
        NumericsError: If `throw` is set and a spectrum did not converge.

    Example:
        >>> x = jnp.linspace(-10.0, 10.0, 200)
        >>> solution = asymmetric_least_squares(0.1 * x + jnp.exp(-(x**2)))
        >>> bool(jnp.max(jnp.abs(solution.value - 0.1 * x)) < 0.02)
        True

    References:
        Eilers and Boelens, Baseline correction with asymmetric least squares smoothing
        (2005).
    """
    y = as_real(y, "y")
    axis = check_axis(y, axis, "y")
    if isinstance(smoothness, (int, float)) and not smoothness > 0:
        raise ValueError(f"`smoothness` must be positive; got {smoothness}.")
    if isinstance(asymmetry, (int, float)) and not 0 < asymmetry < 1:
        raise ValueError(f"`asymmetry` must lie between 0 and 1; got {asymmetry}.")
    if num_iterations < 1:
        raise ValueError(f"`num_iterations` must be positive; got {num_iterations}.")

    data = jnp.moveaxis(y, axis, 0).astype(working_dtype(y.dtype))
    above = jnp.asarray(asymmetry).astype(data.dtype)

    def iterate(weights, _):
        z = whittaker_smoother(data, weights, smoothness)
        new = jnp.where(data > z, above, 1 - above)
        return new, (z, jnp.sum(new != weights, axis=0))

    _, (curves, changed) = lax.scan(iterate, jnp.ones_like(data), length=num_iterations)
    z, changed = curves[-1], changed[-1]
    result = jnp.where(changed == 0, SUCCESS, MAX_ITERATIONS)
    result = jnp.where(jnp.all(jnp.isfinite(z), axis=0), result, NON_FINITE)
    solution = Solution(
        jnp.moveaxis(z, 0, axis).astype(y.dtype),
        result.astype(jnp.int32),
        {"num_iterations": num_iterations, "num_changed": changed.astype(jnp.int32)},
    )
    return _throw(solution) if throw else solution

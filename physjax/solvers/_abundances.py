"""Abundances of given endmembers, pixel by pixel."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._numerics import as_real, safe_divide, safe_norm
from .._solution import RESIDUAL, SUCCESS, Solution
from .._solution import throw as _throw
from ._abundance_solve import by_pixel, constrained, linear


def unconstrained(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    throw: bool = False,
) -> Solution[Float[Array, "*pixels members"]]:
    r"""Least squares $\min |y - E^T a|$.

    Of endmembers that depend on the ones before, the abundance is zero.

    Args:
        spectra: Any batch axes, in the unit of the endmembers.
        endmembers: One spectrum per row.
        throw: Whether to raise on the host if a pixel has no answer.

    Returns:
        `Solution` with the abundances as value, in the dtype of the spectra, and a
        result per pixel. Differentiable in spectra and endmembers.

    Raises:
        TypeError: If the input is complex or does not hold numbers.
        ValueError: If the bands differ.
        NumericsError: If `throw` is set and a pixel has no answer.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4, 0.6], [1.0, 0.5, 0.0]])
        >>> answer = unconstrained(jnp.array([-0.6, 0.3, 1.2]), endmembers)
        >>> bool(jnp.allclose(answer.value, jnp.array([2.0, -1.0]), atol=1e-5))
        True
    """
    return by_pixel(linear, spectra, endmembers, throw, sum_to_one=False)


def sum_to_one(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    throw: bool = False,
) -> Solution[Float[Array, "*pixels members"]]:
    r"""Least squares $\min |y - E^T a|$ with $\sum a = 1$, of any sign.

    Arguments, result and errors are those of `unconstrained`.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4, 0.6], [1.0, 0.5, 0.0]])
        >>> answer = sum_to_one(jnp.array([-0.6, 0.3, 1.2]), endmembers)
        >>> bool(jnp.allclose(answer.value, jnp.array([2.0, -1.0]), atol=1e-5))
        True

    References:
        Settle and Drake, Int. J. Remote Sens. 14, 1159 (1993).
    """
    return by_pixel(linear, spectra, endmembers, throw, sum_to_one=True)


def nonnegative(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    max_steps: int = 1000,
    throw: bool = False,
) -> Solution[Float[Array, "*pixels members"]]:
    r"""Least squares $\min |y - E^T a|$ with $a \ge 0$.

    Arguments, result, errors and method are those of `fcls`.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4, 0.6], [1.0, 0.5, 0.0]])
        >>> answer = nonnegative(jnp.array([0.4, 0.8, 1.2]), endmembers)
        >>> bool(jnp.allclose(answer.value, jnp.array([2.0, 0.0]), atol=1e-5))
        True

    References:
        Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23.
    """
    return by_pixel(
        constrained, spectra, endmembers, throw, sum_to_one=False, max_steps=max_steps
    )


def fcls(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    max_steps: int = 1000,
    throw: bool = False,
) -> Solution[Float[Array, "*pixels members"]]:
    r"""Fully constrained least squares: $\min |y - E^T a|$, $a \ge 0$, $\sum a = 1$.

    Exact for up to 8 members: the answer on every support is an affine map of the
    data, and the KKT conditions say which support is right. Beyond, ADMM finds the
    support, and its equations are solved and checked; beyond 32 the answer is ADMM's.
    The endmembers enter through an orthonormal basis of their span, so that float32
    loses only the digits of their condition number, not of its square.

    Args:
        spectra: Any batch axes, in the unit of the endmembers. Use `in_chunks` for
            cubes larger than memory.
        endmembers: One spectrum per row.
        max_steps: Most steps of ADMM.
        throw: Whether to raise on the host if a pixel has no answer.

    Returns:
        `Solution` with the abundances as value, in the dtype of the spectra. Its result
        is one per pixel; `stats` has `violation`, the largest negative abundance or
        multiplier (in units of abundance) before it was set to zero. Differentiable in
        spectra and endmembers, by the support that was found; derivatives hold
        members x members numbers per pixel.

    Raises:
        TypeError: If the input is complex or does not hold numbers.
        ValueError: If the bands differ, or `max_steps` is not positive.
        NumericsError: If `throw` is set and a pixel has no answer.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4, 0.6], [1.0, 0.5, 0.0]])
        >>> answer = fcls(jnp.array([0.36, 0.42, 0.48]), endmembers)
        >>> bool(jnp.allclose(answer.value, jnp.array([0.8, 0.2]), atol=1e-5))
        True

    References:
        Heinz and Chang, IEEE Trans. Geosci. Remote Sens. 39, 529 (2001).
    """
    return by_pixel(
        constrained, spectra, endmembers, throw, sum_to_one=True, max_steps=max_steps
    )


def sunsal(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    penalty: float | Float[Array, ""] = 0.0,
    sum_to_one: bool = False,
    max_steps: int = 1000,
    throw: bool = False,
) -> Solution[Float[Array, "*pixels members"]]:
    r"""Sparse unmixing $\min \tfrac12 |y - E^T a|^2 + \lambda \sum a$, $a \ge 0$.

    For libraries of many spectra. Few members are solved exactly, as in `fcls`, which
    has also the method beyond.

    Args:
        spectra: Any batch axes, in the unit of the endmembers.
        endmembers: One spectrum per row; a library may have hundreds.
        penalty: $\lambda$, not negative, in the unit of squared spectra.
        sum_to_one: Whether to hold the sum at one; the penalty has no effect then.
        max_steps: Most steps of ADMM.
        throw: Whether to raise on the host if a pixel has no answer.

    Returns:
        As `fcls`. Differentiable in the penalty too.

    Raises:
        TypeError: As `fcls`.
        ValueError: As `fcls`, or if the penalty is negative.
        NumericsError: As `fcls`.

    Example:
        >>> endmembers = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> answer = sunsal(jnp.array([0.8, 0.1]), endmembers, penalty=0.2)
        >>> bool(jnp.allclose(answer.value, jnp.array([0.6, 0.0]), atol=1e-6))
        True

    References:
        Bioucas-Dias and Figueiredo, WHISPERS (2010).
    """
    if isinstance(penalty, (int, float)) and not penalty >= 0:
        raise ValueError(f"`penalty` must not be negative; got {penalty}.")
    options = {"sum_to_one": sum_to_one, "max_steps": max_steps, "penalty": penalty}
    return by_pixel(constrained, spectra, endmembers, throw, **options)


def normalized_nonnegative(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    max_steps: int = 1000,
    throw: bool = False,
) -> Solution[Float[Array, "*pixels members"]]:
    r"""Shares that do not know brightness: $a / \sum a$ of non-negative least squares.

    Pixels and endmembers are scaled to norm 1 first, so that neither the slope of a
    pixel nor the scale of an endmember matters. (The norm of the pixel drops out.)

    Arguments, errors and method are those of `fcls`.

    Returns:
        As `fcls`. A pixel that no endmember explains has abundances of zero, and the
        result "residual above the tolerance".

    Example:
        >>> endmembers = jnp.array([[3.0, 0.0], [0.0, 0.5]])
        >>> answer = normalized_nonnegative(jnp.array([0.2, 0.2]), endmembers)
        >>> bool(jnp.allclose(answer.value, jnp.array([0.5, 0.5]), atol=1e-6))
        True

    References:
        The normalisation of Zouaoui et al., IEEE Trans. Image Process. 32, 4649 (2023).
    """
    endmembers = as_real(endmembers, "endmembers")
    norm = safe_norm(endmembers)
    unit = endmembers / jnp.where(norm > 0, norm, 1)[..., None]
    solution = nonnegative(spectra, unit, max_steps=max_steps)
    total = jnp.sum(solution.value, -1)
    value = safe_divide(
        solution.value, jnp.broadcast_to(total[..., None], solution.value.shape)
    )
    unexplained = (solution.result == SUCCESS) & (total == 0)
    result = jnp.where(unexplained, RESIDUAL, solution.result).astype(jnp.int32)
    solution = Solution(value, result, solution.stats)
    return _throw(solution) if throw else solution

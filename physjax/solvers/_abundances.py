"""Abundances of given endmembers, pixel by pixel."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._numerics import as_real, working_dtype
from .._solution import NON_FINITE, SUCCESS, Solution
from .._solution import throw as _throw
from ._active_set import through_support
from ._supports import all_supports, best_face, face, reduce


def fcls(
    spectra: Float[Array, "*pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    throw: bool = False,
) -> Solution[Float[Array, "*pixels members"]]:
    r"""Fully constrained least squares: $\min |y - E^T a|$, $a \ge 0$, $\sum a = 1$.

    Exact for up to 8 members: the answer on every support is an affine map of the
    data, and the KKT conditions say which support is right.

    Args:
        spectra: Any batch axes, in the unit of the endmembers.
        endmembers: One spectrum per row.
        throw: Whether to raise on the host if a pixel has no answer.

    Returns:
        `Solution` with the abundances as value, in the dtype of the spectra. Its result
        is one per pixel. Differentiable in spectra and endmembers, by the support that
        was found.

    Raises:
        TypeError: If the input is complex or does not hold numbers.
        ValueError: If the bands differ.
        NumericsError: If `throw` is set and a pixel has no answer.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4, 0.6], [1.0, 0.5, 0.0]])
        >>> fcls(jnp.array([0.36, 0.42, 0.48]), endmembers).value.round(4)
        Array([0.8, 0.2], dtype=float32)

    References:
        Heinz and Chang, IEEE Trans. Geosci. Remote Sens. 39, 529 (2001).
    """
    return _constrained(spectra, endmembers, sum_to_one=True, throw=throw)


def _constrained(
    spectra: Any, endmembers: Any, *, sum_to_one: bool, throw: bool
) -> Solution[Array]:
    spectra, endmembers, shape, dtype = _prepared(spectra, endmembers)
    n = endmembers.shape[0]
    held = jax.lax.stop_gradient((spectra, endmembers))
    data, members = reduce(*held, sum_to_one=sum_to_one)
    supports = jnp.asarray(all_supports(n, empty=not sum_to_one))
    faces = jax.vmap(lambda s: face(members, s, sum_to_one=sum_to_one))(supports)
    abundances, support, margin = best_face(data, faces, supports)
    value = through_support(
        sum_to_one, jnp.maximum(abundances, 0).T, support.T, spectra, endmembers
    )
    result = jnp.where(jnp.isfinite(margin), SUCCESS, NON_FINITE).astype(jnp.int32)
    solution = Solution(
        value.reshape(*shape, n).astype(dtype),
        result.reshape(shape),
        {"margin": margin.reshape(shape)},
    )
    return _throw(solution) if throw else solution


def _prepared(spectra: Any, endmembers: Any) -> tuple[Array, Array, tuple, Any]:
    """Spectra as (pixels, bands), endmembers, the shape of pixels, the dtype."""
    spectra = as_real(spectra, "spectra")
    endmembers = as_real(endmembers, "endmembers")
    if endmembers.ndim != 2 or not endmembers.size:
        raise ValueError(
            f"`endmembers` must be (members, bands); got shape {endmembers.shape}."
        )
    if spectra.shape[-1:] != endmembers.shape[1:]:
        raise ValueError(
            f"`spectra` of shape {spectra.shape} and `endmembers` of shape "
            f"{endmembers.shape} must have the same number of bands, their last axis."
        )
    dtype = working_dtype(jnp.result_type(spectra, endmembers))
    pixels = spectra.reshape(-1, spectra.shape[-1]).astype(dtype)
    return pixels, endmembers.astype(dtype), spectra.shape[:-1], spectra.dtype

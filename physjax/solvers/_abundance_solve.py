"""How abundances are found: all supports of few members, ADMM for many."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._numerics import as_real, working_dtype
from .._solution import MAX_ITERATIONS, NON_FINITE, SUCCESS, Solution
from .._solution import throw as _throw
from ._active_set import MAX_ENUMERATED, through_support
from ._admm import Found, by_admm
from ._chunks import in_chunks
from ._supports import Reduced, all_supports, best_face, face, reduce

_BLOCK = 2048
"""Pixels whose supports are worked on at once where there are many members."""


def by_pixel(
    solve: Any, spectra: Any, endmembers: Any, throw: bool, **options: Any
) -> Solution[Array]:
    """`solve` on pixels of any batch axes, in its dtype; input is checked."""
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
    if options.get("max_steps", 1) < 1:
        raise ValueError(f"`max_steps` must be positive; got {options['max_steps']}.")
    dtype = working_dtype(jnp.result_type(spectra, endmembers))
    shape = spectra.shape[:-1]
    pixels = spectra.reshape(-1, spectra.shape[-1]).astype(dtype)
    solution = solve(pixels, endmembers.astype(dtype), **options)
    solution = Solution(
        solution.value.reshape(*shape, len(endmembers)).astype(spectra.dtype),
        solution.result.reshape(shape).astype(jnp.int32),
        {name: x.reshape(shape) for name, x in solution.stats.items()},
    )
    return _throw(solution) if throw else solution


@ft.partial(jax.jit, static_argnames="sum_to_one")
def linear(spectra: Array, endmembers: Array, *, sum_to_one: bool) -> Solution[Array]:
    """Least squares on the whole span, by the endmembers' orthonormal basis."""
    held = jax.lax.stop_gradient((spectra, endmembers))
    data, members = reduce(*held, sum_to_one=sum_to_one)
    everything = jnp.ones(len(members), bool)
    free = jnp.zeros((), spectra.dtype)
    slope, offset, _ = face(members, everything, free, sum_to_one=sum_to_one)
    value = jnp.matmul(data.T, slope.T, precision="highest") + offset[None]
    value = through_support(
        sum_to_one, value, everything[None], spectra, endmembers, free
    )
    finite = jnp.all(jnp.isfinite(value), -1)
    return Solution(value, jnp.where(finite, SUCCESS, NON_FINITE), {})


@ft.partial(jax.jit, static_argnames=("sum_to_one", "max_steps"))
def constrained(
    spectra: Array,
    endmembers: Array,
    *,
    sum_to_one: bool,
    max_steps: int,
    penalty: Any = 0.0,
) -> Solution[Array]:
    """No share negative; the support is found first and differentiated through."""
    penalty = jnp.asarray(penalty).astype(spectra.dtype)
    held = jax.lax.stop_gradient((spectra, endmembers))
    reduced = reduce(*held, sum_to_one=sum_to_one)
    shift = jax.lax.stop_gradient(penalty)
    if len(endmembers) <= MAX_ENUMERATED:
        found = _enumerated(reduced, shift, sum_to_one=sum_to_one)
    else:
        found = _searched(reduced, shift, sum_to_one=sum_to_one, max_steps=max_steps)
    value = through_support(
        sum_to_one,
        jnp.maximum(found.abundances, 0),
        found.support,
        spectra,
        endmembers,
        penalty,
    )
    enough = -(float(jnp.finfo(spectra.dtype).eps) ** 0.5)
    result = jnp.where(found.margin >= enough, SUCCESS, MAX_ITERATIONS)
    if len(endmembers) <= MAX_ENUMERATED:
        result = jnp.full_like(result, SUCCESS)
    finite = jnp.all(jnp.isfinite(value), -1)
    result = jnp.where(finite, result, NON_FINITE)
    return Solution(value, result, {"violation": jnp.maximum(-found.margin, 0)})


def _enumerated(reduced: Reduced, penalty: Array, *, sum_to_one: bool) -> Found:
    data, members = reduced
    supports = jnp.asarray(all_supports(len(members), empty=not sum_to_one))
    affine = jax.vmap(lambda s: face(members, s, penalty, sum_to_one=sum_to_one))
    abundances, support, margin = best_face(data, affine(supports), supports)
    return Found(abundances.T, support.T, margin, jnp.zeros((), jnp.int32))


def _searched(
    reduced: Reduced, penalty: Array, *, sum_to_one: bool, max_steps: int
) -> Found:
    data, members = reduced
    tolerance = 1e-5 if data.dtype == jnp.float32 else 1e-7

    def block(rows):
        found = by_admm(
            Reduced(rows.T, members),
            penalty,
            sum_to_one=sum_to_one,
            max_steps=max_steps,
            tolerance=tolerance,
        )
        return found._replace(num_steps=jnp.full(len(rows), found.num_steps))

    return in_chunks(block, data.T, chunk_size=_BLOCK)

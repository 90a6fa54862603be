"""Derivatives of constrained least squares: those of the support that was found."""

import functools as ft

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._supports import all_supports, face, reduce

MAX_ENUMERATED = 8
"""Most members for which all supports are tried."""


@ft.partial(jax.custom_jvp, nondiff_argnums=(0,))
def through_support(
    sum_to_one: bool,
    abundances: Float[Array, "pixels members"],
    support: Bool[Array, "#pixels members"],
    spectra: Float[Array, "pixels bands"],
    endmembers: Float[Array, "members bands"],
    penalty: Float[Array, ""],
) -> Float[Array, "pixels members"]:
    r"""The abundances, with the derivatives that their support implies.

    On it $E_S (y - E^T a) = \lambda 1$ holds identically, with $1^T a = 1$ or with the
    penalty $\lambda$ given, so that
    $da = K_S [dE\,(y - E^T a) + E (dy - dE^T a) - 1\,d\lambda]$. $K_S$ is the inverse
    of $E_S E_S^T$, on steps that keep the sum if that is held.
    """
    del sum_to_one, support, spectra, endmembers, penalty
    return abundances


@through_support.defjvp
def _(sum_to_one, primals, tangents):
    _, support, spectra, endmembers, _ = primals
    _, _, d_spectra, d_endmembers, d_penalty = tangents
    value = through_support(sum_to_one, *primals)
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")
    residual = spectra - dot(value, endmembers)
    force = dot(residual, d_endmembers.T) - d_penalty
    force = force + dot(d_spectra - dot(value, d_endmembers), endmembers.T)
    maps = support_maps(endmembers, support, sum_to_one=sum_to_one)
    step = jnp.sum(maps * force[:, :, None], 1)
    return value, jnp.sum(maps * step[:, None, :], 2)


def support_maps(
    endmembers: Float[Array, "members bands"],
    support: Bool[Array, "pixels members"],
    *,
    sum_to_one: bool,
) -> Float[Array, "pixels members rank"]:
    """B of every pixel, with $K_S = B B^T$."""
    n = endmembers.shape[0]
    members = reduce(endmembers[:0], endmembers, sum_to_one=sum_to_one).members
    free = jnp.zeros((), members.dtype)
    slopes = lambda s: jnp.where(
        s[:, None], face(members, s, free, sum_to_one=sum_to_one).slope, 0
    )
    if n > MAX_ENUMERATED or support.shape[0] == 1:
        return jax.vmap(slopes)(support)
    table = jax.vmap(slopes)(jnp.asarray(all_supports(n, empty=True)))
    bits = jnp.asarray([2**i for i in range(n)], jnp.int32)
    return table[jnp.sum(jnp.where(support, bits[None], 0), -1)]

"""Pauli strings as bit masks, and what they do to amplitudes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Inexact, Int

_TILE = 5
"""Lowest sites, applied as one matrix of 32 x 32."""
_GROUP = 4
"""Sites above them that share a pass over the amplitudes."""
_OUTER = 8
"""Strings across both halves of the bits up to which products of signs are added up."""


class PauliString(NamedTuple):
    r"""$P = \prod_i P_i$: X, Z or Y where `flip`, `phase` or both have bit i.

    $$(P\psi)(b) = (-i)^{|f \& z|}\,(-1)^{|b \& z|}\,\psi(b \oplus f)$$
    """

    flip: int
    phase: int

    @property
    def count_y(self) -> int:
        return (self.flip & self.phase).bit_count()


def parse_string(label: str, sites: Sequence[int], num_sites: int) -> PauliString:
    """The string of `label`, letters X, Y, Z, on `sites`.

    Raises:
        ValueError: If a letter is unknown, or sites do not fit the label or the system.
    """
    if len(label) != len(sites) or len(set(sites)) != len(sites):
        raise ValueError(f"`sites` {tuple(sites)} do not fit the string {label!r}.")
    flip = phase = 0
    for letter, site in zip(label, sites, strict=True):
        if letter not in "XYZ":
            raise ValueError(f"{label!r} is no Pauli string; letters are X, Y and Z.")
        if not 0 <= site < num_sites:
            raise ValueError(f"there is no site {site} among {num_sites}.")
        flip |= (letter in "XY") << site
        phase |= (letter in "YZ") << site
    return PauliString(flip, phase)


def signs(
    phases: Sequence[int], first: int, count: int, dtype: Any
) -> Float[Array, "strings states"]:
    r"""$(-1)^{|b \& z|}$ of every string, where b counts bits from `first` on."""
    masks = [(z >> first) & (2**count - 1) for z in phases]
    return signs_of(lax.iota(jnp.int32, 2**count), masks, dtype)


def signs_of(
    states: Int[Array, " states"], phases: Sequence[int], dtype: Any
) -> Float[Array, "strings states"]:
    r"""$(-1)^{|b \& z|}$ of every string on the given configurations."""
    masks = jnp.asarray(np.array(phases, np.int32))[:, None]
    odd = lax.population_count(states[None] & masks) & 1
    return (1 - 2 * odd).astype(dtype)


def diagonal(
    coefficients: Float[Array, " strings"], phases: Sequence[int], num_sites: int
) -> Float[Array, "high low"]:
    r"""$\sum_k c_k (-1)^{|b \& z_k|}$, by the two halves of the bits of b.

    Strings within one half are a row or a column; those across are products of the two:
    no string costs a pass over all amplitudes of its own.
    """
    low = num_sites // 2
    high = num_sites - low
    lower = 2**low - 1
    dtype = coefficients.dtype
    inside = [k for k, z in enumerate(phases) if z & ~lower == 0]
    above = [k for k, z in enumerate(phases) if z & lower == 0 and z]
    across = [k for k, z in enumerate(phases) if z & lower and z & ~lower]
    take = lambda ks: coefficients[np.array(ks, int)]
    of = lambda ks, first, count: signs([phases[k] for k in ks], first, count, dtype)
    total = jnp.zeros((2**high, 2**low), dtype)
    if inside:
        total = total + _dot(take(inside), of(inside, 0, low))[None]
    if above:
        total = total + _dot(take(above), of(above, low, high))[:, None]
    if across:
        left = take(across)[:, None] * of(across, low, high)
        right = of(across, 0, low)
        if len(across) <= _OUTER:
            for column, row in zip(left, right, strict=True):
                total = total + column[:, None] * row[None]
        else:
            total = total + _dot(left.T, right)
    return total


def transverse(
    fields: dict[int, Float[Array, ""]],
    psi: Inexact[Array, "*batch states"],
    num_sites: int,
) -> Inexact[Array, "*batch states"]:
    r"""$\sum_i h_i\,\psi(b \oplus 2^i)$: few passes, and no index arithmetic."""
    batch, dtype = psi.shape[:-1], psi.dtype
    weight = lambda site: fields[site].astype(dtype)
    total = jnp.zeros_like(psi)
    tile = min(_TILE, num_sites)
    if any(site < tile for site in fields):
        state = np.arange(2**tile)
        matrix = jnp.zeros((2**tile, 2**tile), dtype)
        for site in fields:
            if site < tile:
                flip = jnp.asarray(state[:, None] ^ 2**site == state, dtype)
                matrix = matrix + weight(site) * flip
        rows = psi.reshape(*batch, -1, 2**tile)
        total = total + _dot(rows, matrix).reshape(psi.shape)
    for first in range(tile, num_sites, _GROUP):
        sites = [s for s in range(first, min(first + _GROUP, num_sites)) if s in fields]
        if not sites:
            continue
        count = min(_GROUP, num_sites - first)
        blocks = psi.reshape(*batch, -1, 2**count, 2**first)
        part = [blocks[..., k, :] for k in range(2**count)]
        sums = [
            sum(weight(s) * part[k ^ 2 ** (s - first)] for s in sites)
            for k in range(2**count)
        ]
        total = total + jnp.stack(sums, -2).reshape(psi.shape)
    return total


def flipped(
    psi: Inexact[Array, "*batch states"], flip: int
) -> Inexact[Array, "*batch states"]:
    r"""$\psi(b \oplus f)$."""
    states = lax.iota(jnp.int32, psi.shape[-1])
    return psi.at[..., states ^ flip].get(mode="promise_in_bounds", unique_indices=True)


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")

"""Pauli strings as bit masks, and what they do to amplitudes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int


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


def compact(phases: Sequence[int], sites: int) -> list[int]:
    """The masks on the sites of another one alone, numbered from 0."""
    at = [site for site in range(sites.bit_length()) if sites >> site & 1]
    return [sum((z >> site & 1) << k for k, site in enumerate(at)) for z in phases]

"""Sums of Pauli strings on spins 1/2, applied without a matrix."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Inexact

from .._numerics import complex_dtype
from ._pauli_products import blocks, by_flip, product, sign_sums, take, weights
from ._paulis import PauliString, compact, parse_string, signs

_MOST = 30
"""Sites up to which indices fit into 32 bits."""


class PauliSum(eqx.Module):
    r"""$H = \sum_k c_k P_k$, a sum of Pauli strings on spins 1/2.

    The strings are structure, the coefficients a leaf: they may be traced, batched and
    differentiated, and a change of them compiles nothing again.

    Attributes:
        coefficients: One per string.
        strings: Masks of the strings: X, Y and Z as bits of `flip` and `phase`.
        num_sites: Number of spins n; states have 2^n amplitudes.

    Example:
        >>> h = pauli_sum(2, [("ZZ", (0, 1), -1.0), ("X", (0,), -0.5)])
        >>> h.apply(jnp.array([1.0, 0.0, 0.0, 0.0])).tolist()
        [-1.0, -0.5, 0.0, 0.0]
    """

    coefficients: Float[Array, " strings"]
    strings: tuple[PauliString, ...] = eqx.field(static=True)
    num_sites: int = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a state."""
        return (2**self.num_sites,)

    @property
    def is_real(self) -> bool:
        """Whether all matrix elements are real: an even number of Y in every string."""
        return all(string.count_y % 2 == 0 for string in self.strings)

    def is_stoquastic(self) -> Bool[Array, ""]:
        """Whether no off-diagonal element is above 0.

        Then the ground state can be chosen without a negative amplitude (Perron,
        Frobenius). Strings that flip the same sites, as XX + YY, count together.
        """
        if not self.is_real:
            return jnp.array(False)
        groups = [members for flip, members in by_flip(self.strings).items() if flip]
        plain = lambda members: len(members) == 1 and not self.strings[members[0]].phase
        # One element each, as the fields along X have: all at once.
        singles = [members[0] for members in groups if plain(members)]
        holds = jnp.all(self._weights(singles) <= 0) if singles else jnp.array(True)
        for members in groups:
            if not plain(members):
                phases = [self.strings[k].phase for k in members]
                sites = reduce(or_, phases)
                values = self._weights(members)
                masks = compact(phases, sites)
                patterns = signs(masks, 0, sites.bit_count(), values.dtype)
                elements = jnp.tensordot(values, patterns, 1)
                rounding = jnp.finfo(values.dtype).eps * jnp.sum(jnp.abs(values))
                holds = holds & jnp.all(elements <= 4 * rounding)
        return holds

    def apply(
        self, psi: Inexact[Array, "*batch states"]
    ) -> Inexact[Array, "*batch states"]:
        r"""$H\psi$, in the type of the state.

        A real state becomes complex where a string has an odd number of Y.

        Raises:
            ValueError: If the last axis does not have 2^n amplitudes.
        """
        n = self.num_sites
        if psi.shape[-1:] != self.shape:
            raise ValueError(
                f"`psi` must have 2^{n} = {2**n} amplitudes; got shape {psi.shape}."
            )
        if not self.is_real:
            psi = psi.astype(complex_dtype(psi.dtype))
        return product(self.coefficients, self.strings, psi, n)

    def diagonal(self) -> Float[Array, " states"]:
        """The diagonal of the matrix."""
        members = by_flip(self.strings).get(0, [])
        phases = [self.strings[k].phase for k in members]
        total = jnp.zeros(blocks(self.num_sites), self.coefficients.dtype)
        if members:
            values = take(self.coefficients, members)
            total = total + sum(sign_sums(values, phases, self.num_sites))
        return total.reshape(-1)

    def to_sparse(self) -> Any:
        """The matrix as `scipy.sparse.csr_array`. Outside of transformations only."""
        import scipy.sparse

        n = self.num_sites
        states = np.arange(2**n, dtype=np.int64)
        values = np.asarray(self.coefficients, np.float64)
        dtype = float if self.is_real else complex
        total = scipy.sparse.csr_array((2**n, 2**n), dtype=dtype)
        for value, (flip, phase) in zip(values, self.strings, strict=True):
            odd = np.bitwise_count(states & phase) & 1
            factor = (-1j) ** (flip & phase).bit_count()
            entries = value * factor * (1.0 - 2.0 * odd)
            entries = entries.real if self.is_real else entries
            total = total + scipy.sparse.csr_array(
                (entries, (states, states ^ flip)), shape=total.shape
            )
        return total

    def to_dense(self) -> Inexact[Array, "states states"]:
        """The matrix, for small n."""
        dtype = self.coefficients.dtype
        return jnp.swapaxes(self.apply(jnp.eye(2**self.num_sites, dtype=dtype)), 0, 1)

    def __add__(self, other: "PauliSum") -> "PauliSum":
        """Both sums together."""
        if self.num_sites != other.num_sites:
            raise ValueError(
                f"cannot add sums on {self.num_sites} and {other.num_sites} sites."
            )
        coefficients = jnp.concatenate([self.coefficients, other.coefficients])
        return PauliSum(coefficients, self.strings + other.strings, self.num_sites)

    def bound(self) -> Float[Array, ""]:
        r"""$\sum_k |c_k|$: no eigenvalue is larger in size."""
        return jnp.sum(jnp.abs(self.coefficients))

    def _weights(self, members: list[int]) -> Float[Array, " members"]:
        alike = [self.strings[k] for k in members]
        return weights(take(self.coefficients, members), alike)


def pauli_sum(
    num_sites: int, terms: Sequence[tuple[str, Sequence[int], ArrayLike]]
) -> PauliSum:
    """A sum of Pauli strings from labels, sites and coefficients.

    Args:
        num_sites: Number of spins, at most 30.
        terms: `(label, sites, coefficient)`: `("XY", (0, 3), c)` is c X_0 Y_3.

    Raises:
        ValueError: If there are no terms, or one does not fit the system.

    Example:
        >>> pauli_sum(1, [("Z", (0,), 2.0)]).diagonal().tolist()
        [2.0, -2.0]
    """
    if not 1 <= num_sites <= _MOST:
        raise ValueError(f"`num_sites` is {num_sites}; expected 1 to {_MOST}.")
    if not terms:
        raise ValueError("a sum of Pauli strings needs at least one term.")
    strings = tuple(parse_string(label, at, num_sites) for label, at, _ in terms)
    values = [jnp.asarray(value) for *_, value in terms]
    dtype = jnp.result_type(float, *[v.dtype for v in values])
    return PauliSum(jnp.stack([v.astype(dtype) for v in values]), strings, num_sites)

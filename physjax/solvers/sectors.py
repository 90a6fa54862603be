r"""Symmetric sectors of rings of spins: one amplitude per orbit of configurations.

Translations, the reflection and the flip of all spins carry configurations into each
other. A state that none of them changes has one amplitude c per orbit; a Hamiltonian
that commutes with them acts on these alone. The basis is orthonormal,
$y_r = \sqrt{w_r}\,c_r$ with the number $w_r$ of configurations in the orbit, so that
inner products, energies and bounds are those of the whole space.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Inexact, Int

from .._numerics import real_dtype
from ..operators._paulis import PauliString, signs_of
from ..operators.hamiltonians import PauliSum


class SymmetricSector(eqx.Module):
    """Orbits of configurations of a ring, by their smallest member.

    Attributes:
        representatives: Smallest configuration of every orbit, ascending.
        sizes: Number of configurations in each.
        num_sites: Length of the ring.
        reflection: Whether mirror images belong to the orbit.
        flip: Whether the configuration with all spins turned does.
    """

    representatives: Int[Array, " orbits"]
    sizes: Int[Array, " orbits"]
    num_sites: int = eqx.field(static=True)
    reflection: bool = eqx.field(static=True)
    flip: bool = eqx.field(static=True)

    def restrict(
        self, psi: Inexact[Array, "*batch states"]
    ) -> Inexact[Array, "*batch orbits"]:
        """Coefficients of a symmetric state."""
        return psi[..., self.representatives] * self._roots(psi)

    def embed(
        self, y: Inexact[Array, "*batch orbits"]
    ) -> Inexact[Array, "*batch states"]:
        """The state with these coefficients, in the whole space."""
        states = lax.iota(jnp.int32, 2**self.num_sites)
        return (y / self._roots(y))[..., self.orbit_of(states)]

    def orbit_of(self, states: Int[Array, "..."]) -> Int[Array, "..."]:
        """Number of the orbit of every configuration."""
        smallest = _smallest(states, self.num_sites, self.reflection, self.flip)
        return jnp.searchsorted(self.representatives, smallest).astype(jnp.int32)

    def reduce(self, hamiltonian: PauliSum) -> "SectorHamiltonian":
        """The Hamiltonian on the orbits.

        Raises:
            ValueError: If the strings are not carried into each other by the symmetry,
                or, where the coefficients are known, these differ.
        """
        _check_symmetry(self, hamiltonian)
        flips = sorted({string.flip for string in hamiltonian.strings if string.flip})
        members = self.representatives[None] ^ jnp.asarray(flips, jnp.int32)[:, None]
        neighbours = self.orbit_of(members) if flips else members
        return SectorHamiltonian(hamiltonian, self, neighbours, tuple(flips))

    def _roots(self, like: Inexact[Array, "..."]) -> Inexact[Array, "... orbits"]:
        roots = jnp.sqrt(self.sizes.astype(real_dtype(like.dtype)))
        return _row(roots, like)


class SectorHamiltonian(eqx.Module):
    """A `PauliSum` in a symmetric sector; made by `SymmetricSector.reduce`."""

    full: PauliSum
    sector: SymmetricSector
    neighbours: Int[Array, "flips orbits"]
    flips: tuple[int, ...] = eqx.field(static=True)

    @property
    def coefficients(self) -> Float[Array, " strings"]:
        """Those of the sum."""
        return self.full.coefficients

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a state: the number of orbits."""
        return self.sector.representatives.shape

    @property
    def is_real(self) -> bool:
        """As for the sum."""
        return self.full.is_real

    def is_stoquastic(self) -> Bool[Array, ""]:
        """As for the sum: orbits add up elements of one sign."""
        return self.full.is_stoquastic()

    def bound(self) -> Float[Array, ""]:
        """As for the sum."""
        return self.full.bound()

    def apply(
        self, psi: Inexact[Array, "*batch orbits"]
    ) -> Inexact[Array, "*batch orbits"]:
        """The Hamiltonian times a state of the sector."""
        roots = self.sector._roots(psi)
        amplitudes = psi / roots
        total = self._factor(0, psi) * amplitudes
        for k, flip in enumerate(self.flips):
            moved = amplitudes[..., self.neighbours[k]]
            total = total + self._factor(flip, psi) * moved
        return total * roots

    def _factor(self, flip: int, like: Array) -> Inexact[Array, "... orbits"]:
        """Sum of the phases of the strings that flip these sites."""
        strings = self.full.strings
        members = [k for k, string in enumerate(strings) if string.flip == flip]
        if not members:
            return _row(jnp.zeros(self.shape), like)
        weights = self.full._weights(members).astype(like.dtype)
        phases = [strings[k].phase for k in members]
        if not any(phases):
            return _row(jnp.broadcast_to(jnp.sum(weights), self.shape), like)
        signs = signs_of(self.sector.representatives, phases, like.dtype)
        return _row(weights @ signs, like)


def _row(values: Array, like: Array) -> Array:
    """One value per orbit, in the rank and type of states."""
    return values.astype(like.dtype).reshape((1,) * (like.ndim - 1) + values.shape)


def ring_sector(
    num_sites: int, *, reflection: bool = True, flip: bool = True
) -> SymmetricSector:
    """States of a ring that its translations leave alone.

    Args:
        num_sites: Length of the ring, at most 30.
        reflection: Those only that the mirror leaves alone too.
        flip: Those only that the flip of all spins leaves alone too.

    Raises:
        ValueError: If the length is out of range.

    Example:
        >>> ring_sector(10).representatives.size
        44
    """
    if not 1 <= num_sites <= 30:
        raise ValueError(f"`num_sites` is {num_sites}; expected 1 to 30.")
    found = []
    # In pieces, so that 2^30 configurations never lie in memory at once.
    piece = 2 ** min(num_sites, 20)
    for first in range(0, 2**num_sites, piece):
        is_smallest = _are_smallest(
            jnp.int32(first), piece, num_sites, reflection, flip
        )
        found.append(first + np.flatnonzero(np.asarray(is_smallest)))
    representatives = jnp.asarray(np.concatenate(found), jnp.int32)
    sizes = _orbit_sizes(representatives, num_sites, reflection, flip)
    return SymmetricSector(representatives, sizes, num_sites, reflection, flip)


def _images(states, n: int, reflection: bool, flip: bool):
    """All configurations of the orbit, with repetitions."""
    everything = 2**n - 1
    turns = [states]
    if reflection:
        mirrored = jnp.zeros_like(states)
        for site in range(n):
            mirrored = mirrored | ((states >> site) & 1) << (n - 1 - site)
        turns.append(mirrored)
    for turn in turns:
        for k in range(n):
            # Without the sign bit: shifts are those of the bits below.
            image = ((turn << k) | (turn >> (n - k))) & everything if k else turn
            yield image
            if flip:
                yield image ^ everything


@partial(jax.jit, static_argnums=(1, 2, 3))
def _smallest(states, n: int, reflection: bool, flip: bool):
    least = states
    for image in _images(states, n, reflection, flip):
        least = jnp.minimum(least, image)
    return least


@partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _are_smallest(first, count: int, n: int, reflection: bool, flip: bool):
    states = first + lax.iota(jnp.int32, count)
    return _smallest(states, n, reflection, flip) == states


@partial(jax.jit, static_argnums=(1, 2, 3))
def _orbit_sizes(representatives, n: int, reflection: bool, flip: bool):
    """The order of the group over the number of members that fix a configuration."""
    images = list(_images(representatives, n, reflection, flip))
    fixed = sum((image == representatives).astype(jnp.int32) for image in images)
    return len(images) // fixed


def _check_symmetry(sector: SymmetricSector, hamiltonian: PauliSum) -> None:
    n = sector.num_sites
    if hamiltonian.num_sites != n:
        raise ValueError(
            f"the Hamiltonian has {hamiltonian.num_sites} sites, the sector {n}."
        )
    known = not isinstance(hamiltonian.coefficients, Tracer)
    values = np.asarray(hamiltonian.coefficients) if known else None
    everything = 2**n - 1
    turn = lambda mask: ((mask << 1) | (mask >> (n - 1))) & everything
    mirror = lambda mask: sum((mask >> i & 1) << (n - 1 - i) for i in range(n))
    moves = [turn, mirror] if sector.reflection else [turn]
    terms = _collected(hamiltonian.strings, values)
    for move in moves:
        moved = {(move(f), move(z)): value for (f, z), value in terms.items()}
        same = moved.keys() == terms.keys() and all(
            np.isclose(moved[key], terms[key], rtol=1e-6) for key in terms
        )
        if not same:
            raise ValueError("the Hamiltonian is not the same everywhere on the ring.")
    if sector.flip and any(z.bit_count() % 2 for _, z in terms):
        raise ValueError("a field along Z or an odd string is turned by the flip.")


def _collected(strings: tuple[PauliString, ...], values: np.ndarray | None) -> dict:
    """Sum of the coefficients of each string; 0 where they are not known."""
    terms: dict[tuple[int, int], float] = {}
    for k, (flip, phase) in enumerate(strings):
        value = 0.0 if values is None else float(values[k])
        terms[flip, phase] = terms.get((flip, phase), 0.0) + value
    return terms

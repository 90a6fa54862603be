r"""Chains of spins, $H = -\sum J_i Z_i Z_{i+1} - \sum h_i X_i - \sum g_i Z_i$."""

from dataclasses import dataclass
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ...operators.hamiltonians import PauliSum, transverse_field_ising
from ...solvers.sectors import SectorHamiltonian, ring_sector

Couplings = Float[Array, "*batch n"] | Float[np.ndarray, "*batch n"]


class Chain(eqx.Module):
    """Couplings of a chain of n spins.

    Attributes:
        coupling: J, of the bonds between sites i and i + 1; the last one closes the
            ring and is 0 in an open chain.
        field: h, transverse.
        longitudinal: g.
    """

    coupling: Couplings
    field: Couplings
    longitudinal: Couplings


def ring(num_sites: int, field: Float[Array, "*batch"], longitudinal=0.0) -> Chain:
    """Rings with J = 1 and one field each."""
    shape = (*jnp.shape(field), num_sites)
    field = jnp.broadcast_to(field[..., None], shape)
    along = jnp.full(shape, longitudinal, field.dtype)
    return Chain(jnp.ones(shape, field.dtype), field, along)


def hamiltonian(chain: Chain, *, flip: bool = False) -> PauliSum:
    """The sum of Pauli strings of one chain; without g where `flip` says it is 0."""
    n = chain.field.shape[-1]
    edges = [(i, (i + 1) % n) for i in range(n)]
    along = None if flip else chain.longitudinal
    return transverse_field_ising(n, chain.coupling, chain.field, along, edges=edges)


@dataclass(frozen=True, eq=False)
class Basis:
    """Configurations on which states are given; static in every transformation.

    Attributes:
        spins: +1 and -1 of every configuration the network sees.
        roots: Square root of the number of configurations each stands for.
        reduced: The Hamiltonian in the basis of orbits; None in the full space.
        flip: Whether states do not change if all spins turn: not with fields along Z.
    """

    spins: np.ndarray
    roots: np.ndarray
    reduced: SectorHamiltonian | None
    flip: bool

    @property
    def num_sites(self) -> int:
        return self.spins.shape[1]

    @property
    def size(self) -> int:
        """Amplitudes of a state."""
        return len(self.spins) * (2 if self._mirrored else 1)

    @property
    def _mirrored(self) -> bool:
        """Whether half of the state is seen, the other the same with spins turned."""
        return self.flip and self.reduced is None

    def hamiltonian(self, chain: Chain) -> PauliSum | SectorHamiltonian:
        """That of a chain in this basis."""
        full = hamiltonian(chain, flip=self.flip)
        if self.reduced is None:
            return full
        # The strings are those of any ring: only the coefficients are new.
        where = lambda h: h.full.coefficients
        return eqx.tree_at(where, self.reduced, full.coefficients)

    def state(self, log_amplitude: Float[Array, " seen"]) -> Float[Array, " size"]:
        """The positive state of these logarithms, its largest amplitude 1."""
        top = lax.stop_gradient(jnp.max(log_amplitude))
        return self.scaled(jnp.exp(log_amplitude - top))

    def scaled(self, psi: Float[Array, " seen"]) -> Float[Array, " size"]:
        """Coefficients in the orthonormal basis, from amplitudes of configurations."""
        psi = psi * jnp.asarray(self.roots, psi.dtype)
        # The complement of configuration b is 2^n - 1 - b.
        return jnp.concatenate([psi, psi[::-1]]) if self._mirrored else psi


@lru_cache(maxsize=32)
def orbits(num_sites: int, *, flip: bool = True) -> Basis:
    """One configuration per orbit of a ring's symmetry."""
    with jax.ensure_compile_time_eval():
        sector = ring_sector(num_sites, flip=flip)
        one = ring(num_sites, jnp.ones((), float))
        reduced = sector.reduce(hamiltonian(one, flip=flip))
    roots = np.sqrt(np.asarray(sector.sizes, float))
    return Basis(_spins(sector.representatives, num_sites), roots, reduced, flip)


@lru_cache(maxsize=32)
def configurations(num_sites: int, *, flip: bool = True) -> Basis:
    """All configurations; with `flip`, of each and its opposite the first is seen."""
    count = 2 ** (num_sites - flip)
    return Basis(_spins(np.arange(count), num_sites), np.ones(count), None, flip)


def _spins(states, num_sites: int) -> np.ndarray:
    bits = (np.asarray(states)[:, None] >> np.arange(num_sites)) & 1
    return (1 - 2 * bits).astype(np.float32)

"""States in the order of other packages, and Hamiltonians in turned axes."""

from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Inexact, Int

from ..operators._paulis import PauliString
from ..operators.hamiltonians import PauliSum
from ._pauli_terms import reversed_index


def reversed_sites(
    psi: Inexact[Array, "*batch states"],
) -> Inexact[Array, "*batch states"]:
    """States with the bits of their index in the other order; its own inverse.

    From the order of NetKet, QuSpin, quimb and TeNPy to ours, and back.

    Raises:
        ValueError: If the last axis does not have 2^n amplitudes.

    Example:
        >>> reversed_sites(jnp.array([0.0, 1.0, 2.0, 3.0])).tolist()
        [0.0, 2.0, 1.0, 3.0]
    """
    size = psi.shape[-1]
    n = size.bit_length() - 1
    if size != 2**n:
        raise ValueError(f"`psi` must have 2^n amplitudes; got shape {psi.shape}.")
    return psi[..., jnp.asarray(reversed_index(n), jnp.int32)]


def sublattice_rotated(hamiltonian: PauliSum, sites: Iterable[int]) -> PauliSum:
    r"""$U H U$ with $U = \prod_i Z_i$ over some sites: X and Y change their sign there.

    Of one sublattice of a bipartite antiferromagnet this is Marshall's rule: no
    off-diagonal element is positive any more. The amplitudes change their sign where an
    odd number of those sites is down: `marshall_signs`.

    Example:
        >>> from physjax.operators.hamiltonians import heisenberg
        >>> turned = sublattice_rotated(heisenberg(4), [0, 2])
        >>> bool(heisenberg(4).is_stoquastic()), bool(turned.is_stoquastic())
        (False, True)
    """
    mask = sum(1 << int(i) for i in set(sites))
    signs = [1 - 2 * ((s.flip & mask).bit_count() % 2) for s in hamiltonian.strings]
    factors = jnp.asarray(np.array(signs), hamiltonian.coefficients.dtype)
    return PauliSum(
        hamiltonian.coefficients * factors, hamiltonian.strings, hamiltonian.num_sites
    )


def marshall_signs(num_sites: int, sites: Iterable[int]) -> Int[Array, " states"]:
    """The signs of `sublattice_rotated`, one per configuration, in our order.

    Example:
        >>> marshall_signs(2, [0]).tolist()
        [1, -1, 1, -1]
    """
    mask = sum(1 << int(i) for i in set(sites))
    states = np.arange(2**num_sites)
    odd = np.bitwise_count(states & mask).astype(np.int32) & 1
    return jnp.asarray(1 - 2 * odd, jnp.int32)


def exchanged_axes(hamiltonian: PauliSum) -> PauliSum:
    """The sum with X and Z exchanged and Y reversed: turned by Hadamard's matrices.

    Its levels are the same. TeNPy's Ising chain becomes ours by it.

    Example:
        >>> from physjax.operators.hamiltonians import pauli_sum
        >>> exchanged_axes(pauli_sum(1, [("X", (0,), 0.5)])).diagonal().tolist()
        [0.5, -0.5]
    """
    strings = tuple(PauliString(s.phase, s.flip) for s in hamiltonian.strings)
    signs = [1 - 2 * (s.count_y % 2) for s in hamiltonian.strings]
    factors = jnp.asarray(np.array(signs), hamiltonian.coefficients.dtype)
    return PauliSum(hamiltonian.coefficients * factors, strings, hamiltonian.num_sites)

"""A floor of all levels from small clusters, after Anderson."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._pauli_sums import PauliSum
from ._paulis import PauliString


def anderson_bound(
    hamiltonian: PauliSum,
    *,
    size: int = 6,
    clusters: Sequence[Sequence[int]] | None = None,
) -> Float[Array, ""]:
    r"""A number below all levels: the sum of the ground energies of clusters.

    Each string is shared out equally among the clusters that hold all of its sites, so
    that $H = \sum_C H_C$. In the ground state of H no $H_C$ has less energy than its
    own lowest level, hence

    $$E_0 = \sum_C \langle\psi|H_C|\psi\rangle \ge \sum_C \lambda_{\min}(H_C).$$

    A string that no cluster holds counts with $-|c|$. Every cluster is diagonalised as
    a dense matrix, and what rounding can do is taken off: the bound is rigorous, and
    never worse than $-\sum_k |c_k|$. It rises towards the
    lowest level with clusters of the same parity.

    Args:
        hamiltonian: The sum, on a chain, a ring or any graph.
        size: Sites of a cluster; without clusters of yours these are all runs of so
            many neighbours, around the end where a string goes there.
        clusters: Sites of each, at most some ten; they may overlap.

    Returns:
        A `floor` for `energy_bounds`. All clusters take one batched call of LAPACK.

    Raises:
        ValueError: If the size is below 1, or a cluster is empty, has a site twice or
            one that is not there.

    Example:
        >>> from physjax.operators.hamiltonians import heisenberg
        >>> ring = heisenberg(8, 0.25)  # its lowest level is -3.651
        >>> round(float(anderson_bound(ring, size=3)), 3)
        -4.0
        >>> round(float(ring.bound()), 3)
        6.0

    References:
        P. W. Anderson, Phys. Rev. 83, 1260 (1951).
    """
    n = hamiltonian.num_sites
    if clusters is None:
        if size < 1:
            raise ValueError(f"`size` must be at least 1; got {size}.")
        clusters = _runs(hamiltonian, min(size, n))
    for sites in clusters:
        fits = all(0 <= i < n for i in sites)
        if not sites or not fits or len(set(sites)) != len(sites):
            raise ValueError(
                f"`clusters` must hold different sites from 0 to {n - 1}; got {sites}."
            )
    shares, short, lost = _shared_out(hamiltonian.strings, clusters)
    values = hamiltonian.coefficients
    total = -jnp.sum(jnp.abs(values[lost]))
    constant = [k for k, (f, z) in enumerate(hamiltonian.strings) if not f | z]
    total = total + jnp.sum(values[np.array(constant, int)])
    if not short:
        return total
    # One row of coefficients per cluster, on strings that all of them know.
    rows = jnp.matmul(jnp.asarray(shares, values.dtype), values, precision="highest")
    widest = max(map(len, clusters))
    matrix = lambda row: PauliSum(row, short, widest).to_dense()
    lowest = jnp.linalg.eigvalsh(jax.vmap(matrix)(rows))[:, 0]
    rounding = 2**widest * jnp.finfo(values.dtype).eps * jnp.sum(jnp.abs(rows))
    return jnp.maximum(total + jnp.sum(lowest) - rounding, -hamiltonian.bound())


def _shared_out(
    strings: tuple[PauliString, ...], clusters: Sequence[Sequence[int]]
) -> tuple[np.ndarray, tuple[PauliString, ...], np.ndarray]:
    """Shares `[cluster, short string, string]`, the short strings, and those lost."""
    masks = [sum(1 << i for i in sites) for sites in clusters]
    known: dict[PauliString, int] = {}
    entries, lost = [], []
    for k, (flip, phase) in enumerate(strings):
        if not flip | phase:
            continue
        holding = [c for c, mask in enumerate(masks) if (flip | phase) & ~mask == 0]
        if not holding:
            lost.append(k)
        for c in holding:
            inside = lambda bits, c=c: sum(
                (bits >> site & 1) << place for place, site in enumerate(clusters[c])
            )
            short = PauliString(inside(flip), inside(phase))
            entries.append(
                (c, known.setdefault(short, len(known)), k, 1 / len(holding))
            )
    shares = np.zeros((len(clusters), len(known), len(strings)))
    for c, short, k, share in entries:
        shares[c, short, k] += share
    return shares, tuple(known), np.array(lost, int)


def _runs(hamiltonian: PauliSum, size: int) -> list[list[int]]:
    """All runs of neighbours; around the end where a string would be lost else."""
    n = hamiltonian.num_sites
    around = [[(first + i) % n for i in range(size)] for first in range(n)]
    straight = around[: n - size + 1]
    lost = [
        len(_shared_out(hamiltonian.strings, runs)[2]) for runs in (straight, around)
    ]
    return around if lost[1] < lost[0] else straight

"""Hamiltonians of spin models as sums of Pauli strings, on any graph."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from ._pauli_sums import PauliSum
from ._paulis import parse_string

Edges = Sequence[tuple[int, int]]
"""Pairs of sites. What is written twice counts twice."""


def chain_edges(num_sites: int, *, periodic: bool = True, distance: int = 1) -> Edges:
    """Bonds of a chain or ring, to the neighbour at a distance.

    Each bond once: a ring of two sites has one.

    Example:
        >>> chain_edges(4)
        [(0, 1), (1, 2), (2, 3), (3, 0)]
        >>> chain_edges(4, periodic=False, distance=2)
        [(0, 2), (1, 3)]
    """
    n = num_sites
    if not periodic:
        return [(i, i + distance) for i in range(n - distance)]
    seen, edges = set(), []
    for i in range(n):
        pair = frozenset((i, (i + distance) % n))
        if len(pair) == 2 and pair not in seen:
            seen.add(pair)
            edges.append((i, (i + distance) % n))
    return edges


def transverse_field_ising(
    num_sites: int,
    coupling: Float[ArrayLike, "..."] | float | int = 1.0,
    field: Float[ArrayLike, "..."] | float | int = 1.0,
    longitudinal: Float[ArrayLike, "..."] | float | int | None = None,
    *,
    edges: Edges | None = None,
    periodic: bool = True,
) -> PauliSum:
    r"""$H = -\sum_{(i,j)} J_{ij} Z_i Z_j - \sum_i h_i X_i - \sum_i g_i Z_i$.

    Args:
        num_sites: Number of spins.
        coupling: J, one number or one per edge.
        field: h, one number or one per site.
        longitudinal: g, likewise; no such term if not given.
        edges: Pairs of sites; those of a chain if not given.
        periodic: Whether that chain is a ring.

    Raises:
        ValueError: If couplings fit neither the edges nor the sites.

    Example:
        >>> h = transverse_field_ising(2, coupling=1.0, field=0.5)
        >>> h.to_dense()[0].tolist()
        [-1.0, -0.5, -0.5, 0.0]
    """
    edges = _edges(num_sites, edges, periodic)
    sites = [(i,) for i in range(num_sites)]
    parts = [("ZZ", edges, coupling, "coupling"), ("X", sites, field, "field")]
    if longitudinal is not None:
        parts.append(("Z", sites, longitudinal, "longitudinal"))
    return _sum(num_sites, parts, -1.0)


def xxz(
    num_sites: int,
    coupling: Float[ArrayLike, "..."] | float | int = 1.0,
    anisotropy: Float[ArrayLike, "..."] | float | int = 1.0,
    *,
    edges: Edges | None = None,
    periodic: bool = True,
) -> PauliSum:
    r"""$H = \sum_{(i,j)} J_{ij} (X_i X_j + Y_i Y_j + \Delta_{ij} Z_i Z_j)$.

    Pauli matrices: the Heisenberg model of spins S = sigma/2 with exchange 1 has
    J = 1/4. Antiferromagnetic where J is positive.

    Args:
        num_sites: Number of spins.
        coupling: J, one number or one per edge.
        anisotropy: Delta, likewise.
        edges: Pairs of sites; those of a chain if not given.
        periodic: Whether that chain is a ring.

    Raises:
        ValueError: If couplings do not fit the edges.

    Example:
        >>> xxz(2, 0.25).to_dense()[1].tolist()  # S.S of a bond: singlet at -3/4
        [0.0, -0.25, 0.5, 0.0]
    """
    edges = _edges(num_sites, edges, periodic)
    coupling, anisotropy = jnp.asarray(coupling), jnp.asarray(anisotropy)
    z = _spread(coupling, len(edges), "coupling") * _spread(
        anisotropy, len(edges), "anisotropy"
    )
    parts = [
        ("XX", edges, coupling, "coupling"),
        ("YY", edges, coupling, "coupling"),
        ("ZZ", edges, z, "anisotropy"),
    ]
    return _sum(num_sites, parts, 1.0)


def heisenberg(
    num_sites: int,
    coupling: Float[ArrayLike, "..."] | float | int = 1.0,
    *,
    edges: Edges | None = None,
    periodic: bool = True,
) -> PauliSum:
    r"""$H = \sum_{(i,j)} J_{ij}\,(X_i X_j + Y_i Y_j + Z_i Z_j)$: `xxz` with Delta 1.

    Example:
        >>> float(heisenberg(2).to_dense().trace())
        0.0
    """
    return xxz(num_sites, coupling, 1.0, edges=edges, periodic=periodic)


def j1_j2(
    num_sites: int,
    j1: float | int | Float[ArrayLike, "..."] = 1.0,
    j2: float | int | Float[ArrayLike, "..."] = 0.5,
    *,
    periodic: bool = True,
) -> PauliSum:
    r"""Heisenberg chain with exchange to the first and second neighbours.

    At J2 = J1/2 the ground states are products of singlets (Majumdar and Ghosh).

    Example:
        >>> h = j1_j2(6)  # three singlets of -3 J1 each
        >>> round(float(jnp.linalg.eigvalsh(h.to_dense())[0]), 4)
        -9.0
    """
    first = heisenberg(num_sites, j1, periodic=periodic)
    far = chain_edges(num_sites, periodic=periodic, distance=2)
    return first + heisenberg(num_sites, j2, edges=far)


def long_range_ising(
    num_sites: int,
    coupling: float | int | Float[ArrayLike, ""] = 1.0,
    exponent: float | int | Float[ArrayLike, ""] = 3.0,
    field: Float[ArrayLike, "..."] | float | int = 1.0,
    *,
    periodic: bool = False,
) -> PauliSum:
    r"""$H = -J \sum_{i<j} r_{ij}^{-\alpha} Z_i Z_j - \sum_i h_i X_i$.

    The distance on a ring is the shorter way round.

    Example:
        >>> long_range_ising(3, exponent=1.0, field=0.0).diagonal()[0].tolist()
        -2.5
    """
    edges = [(i, j) for i in range(num_sites) for j in range(i + 1, num_sites)]
    far = np.array([j - i for i, j in edges], float)
    if periodic:
        far = np.minimum(far, num_sites - far)
    coupling, exponent = jnp.asarray(coupling), jnp.asarray(exponent)
    dtype = jnp.result_type(float, coupling.dtype, exponent.dtype)
    strength = coupling.astype(dtype) * jnp.exp(
        -exponent.astype(dtype) * jnp.asarray(np.log(far), dtype)
    )
    return transverse_field_ising(num_sites, strength, field, edges=edges)


def _edges(num_sites: int, edges: Edges | None, periodic: bool) -> Edges:
    if edges is None:
        return chain_edges(num_sites, periodic=periodic)
    return [(int(i), int(j)) for i, j in edges]


def _spread(value, count: int, name: str):
    value = jnp.asarray(value)
    if value.shape not in ((), (count,)):
        raise ValueError(
            f"`{name}` must be one number or {count}; got shape {value.shape}."
        )
    return jnp.broadcast_to(value, (count,))


def _sum(num_sites: int, parts, sign: float) -> PauliSum:
    strings, values = [], []
    for label, places, value, name in parts:
        strings += [parse_string(label, at, num_sites) for at in places]
        values.append(_spread(value, len(places), name))
    dtype = jnp.result_type(float, *[v.dtype for v in values])
    coefficients = jnp.concatenate([v.astype(dtype) for v in values])
    return PauliSum(sign * coefficients, tuple(strings), num_sites)

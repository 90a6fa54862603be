"""Eigenpairs of small Hermitian matrices by Jacobi's rotations.

Inside loops that may be batched, where LAPACK has no place: plain products of matrices
of a few rows, on any device and under any transformation.
"""

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Inexact

_SWEEPS = 20
"""Most sweeps; convergence is quadratic, and six or seven are usual."""


def small_eigh(
    matrix: Inexact[Array, "n n"],
) -> tuple[Float[Array, " n"], Inexact[Array, "n n"]]:
    """Eigenvalues, ascending, and eigenvectors as columns.

    Args:
        matrix: Hermitian, of at most some tens of rows; its lower triangle too is read.
    """
    n = matrix.shape[0]
    first, second = _tournament(n)
    identity = jnp.eye(n, dtype=matrix.dtype)
    eps = float(jnp.finfo(matrix.dtype).eps)
    outside = lambda a: jnp.sum(jnp.abs(a * (1 - identity)) ** 2)
    enough = eps**2 * jnp.sum(jnp.abs(matrix) ** 2)

    def turn(k, state):
        a, vectors = state
        rotation = _rotation(a, first[k], second[k], identity)
        a = _dot(jnp.conj(rotation.T), _dot(a, rotation))
        return a, _dot(vectors, rotation)

    def sweep(state):
        k, a, vectors = state
        return k + 1, *lax.fori_loop(0, len(first), turn, (a, vectors))

    def unfinished(state):
        k, a, _ = state
        return (k < _SWEEPS) & (outside(a) > enough)

    begin = (jnp.zeros((), jnp.int32), matrix, identity)
    _, a, vectors = lax.while_loop(unfinished, sweep, begin)
    values = jnp.real(jnp.diagonal(a))
    order = jnp.argsort(values)
    return values[order], vectors[:, order]


def _rotation(a: Array, p: Array, q: Array, identity: Array) -> Array:
    """What makes the elements at the disjoint pairs (p, q) zero."""
    element = a[p, q]
    size = jnp.abs(element)
    nonzero = size > 0
    phase = jnp.where(nonzero, element / jnp.where(nonzero, size, 1).astype(a.dtype), 1)
    apart = jnp.real(a[q, q] - a[p, p])
    # tan of the angle, the smaller root of t^2 + t apart / size - 1 = 0
    sign = jnp.where(apart < 0, -1, 1).astype(apart.dtype)
    root = jnp.sqrt(apart**2 + 4 * size**2)
    tangent = jnp.where(
        nonzero, 2 * sign * size / jnp.where(nonzero, jnp.abs(apart) + root, 1), 0
    )
    cosine = lax.rsqrt(1 + tangent**2)
    sine = (tangent * cosine).astype(a.dtype)
    cosine = cosine.astype(a.dtype)
    rotation = identity.at[p, p].set(cosine).at[q, q].set(cosine)
    # A player without a partner is paired with itself, and stays.
    own = p == q
    rotation = rotation.at[p, q].set(jnp.where(own, 1, sine * phase))
    return rotation.at[q, p].set(jnp.where(own, 1, -sine * jnp.conj(phase)))


def _tournament(n: int) -> tuple[Array, Array]:
    """Rounds of disjoint pairs in which all meet once."""
    players = list(range(n + n % 2))
    rounds = []
    for _ in range(max(len(players) - 1, 1)):
        pairs = zip(
            players[: len(players) // 2],
            players[: len(players) // 2 - 1 : -1],
            strict=True,
        )
        # Who meets the one too many rests.
        rounds.append([(a, b) if max(a, b) < n else (min(a, b),) * 2 for a, b in pairs])
        players = [players[0], players[-1], *players[1:-1]]
    meetings = np.array(rounds, np.int32)
    return jnp.asarray(meetings[..., 0]), jnp.asarray(meetings[..., 1])


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")

r"""Sums of Pauli strings times states, in one pass over the amplitudes.

A state is seen with one axis per site, the highest first, and a last one for the lowest
sites together, the tile. There X turns an axis round and Z is a sign along it; what
stays within the tile is one small matrix.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import Array, Float, Inexact

from .._numerics import real_dtype
from ._paulis import PauliString, compact, signs

_TILE = 4
"""Sites of the last axis: 16 x 16 numbers cost little more than reading a state."""


def blocks(num_sites: int) -> tuple[int, ...]:
    """Shape of a state with one axis per site above the tile."""
    tile = min(_TILE, num_sites)
    return (2,) * (num_sites - tile) + (2**tile,)


def by_flip(strings: Sequence[PauliString]) -> dict[int, list[int]]:
    """Numbers of the strings that turn the same sites round."""
    groups: dict[int, list[int]] = defaultdict(list)
    for k, string in enumerate(strings):
        groups[string.flip].append(k)
    return groups


def weights(
    coefficients: Float[Array, " strings"], strings: Sequence[PauliString]
) -> Float[Array, " strings"]:
    r"""The coefficients times $(-i)^{|f \& z|}$, or that over i if imaginary."""
    factors = [(1, -1, -1, 1)[string.count_y % 4] for string in strings]
    return coefficients * jnp.asarray(factors, coefficients.dtype)


def take(
    coefficients: Float[Array, " strings"], members: Sequence[int]
) -> Float[Array, " members"]:
    """Some of the coefficients, by slices: gathers inside a loop do not vectorise."""
    return jnp.concatenate([coefficients[k : k + 1] for k in members])


def sign_sums(
    coefficients: Float[Array, " strings"], phases: Sequence[int], num_sites: int
) -> list[Float[Array, "..."]]:
    r"""Arrays that add up to $\sum_k c_k (-1)^{|b \& z_k|}$ when broadcast to `blocks`.

    Each runs over the sites of its strings alone, a little more than half of all: no
    string costs a pass over the amplitudes of its own.
    """
    *axes, last = blocks(num_sites)
    tile = last - 1
    most = num_sites // 2 + _TILE
    parts: list[tuple[int, list[int]]] = []
    for k, phase in enumerate(phases):
        sites = phase | tile if phase & tile else phase
        for i, (seen, members) in enumerate(parts):
            if (seen | sites).bit_count() <= most:
                parts[i] = seen | sites, [*members, k]
                break
        else:
            parts.append((sites, [k]))
    sums = []
    for seen, members in parts:
        masks, count = compact([phases[k] for k in members], seen), seen.bit_count()
        values = signs(masks, 0, count, coefficients.dtype)
        total = _dot(take(coefficients, members), values)
        above = seen >> (num_sites - len(axes))
        sizes = [2 if above >> i & 1 else 1 for i in reversed(range(len(axes)))]
        sums.append(total.reshape(*sizes, last if seen & tile else 1))
    return sums


def product(
    coefficients: Float[Array, " strings"],
    strings: Sequence[PauliString],
    psi: Inexact[Array, "*batch states"],
    num_sites: int,
) -> Inexact[Array, "*batch states"]:
    r"""$\sum_k c_k P_k\psi$; psi is complex where a string has an odd number of Y."""
    shape, batch = blocks(num_sites), psi.shape[:-1]
    tile = shape[-1] - 1
    top = len(batch) + num_sites - 1
    sites = [(top - site, site) for site in reversed(range(_TILE, num_sites))]
    coefficients = coefficients.astype(real_dtype(psi.dtype))
    rows = psi.reshape(*batch, -1, tile + 1)
    within = lambda matrix: _dot(rows, matrix).reshape(*batch, *shape)
    inside = [k for k, (flip, phase) in enumerate(strings) if flip | phase <= tile]
    done = []
    if inside:
        taken = take(coefficients, inside).astype(psi.dtype)
        matrices = jnp.asarray(_matrices([strings[k] for k in inside], tile), psi.dtype)
        matrix = jnp.tensordot(taken, matrices, 1, precision="highest")
        done.append(within(matrix.T))
    others = [k for k in range(len(strings)) if k not in set(inside)]
    if not others:
        return done[0].reshape(psi.shape)

    outside, rest = [strings[k] for k in others], take(coefficients, others)
    turned = {0: psi.reshape(*batch, *shape)}
    factors = {}
    for flip, members in by_flip(outside).items():
        factors[flip] = _factors(rest, outside, members, psi, num_sites)
        low = flip & tile
        if low not in turned:
            permutation = _matrices([PauliString(low, 0)], tile)[0]
            turned[low] = within(jnp.asarray(permutation, psi.dtype))
    turns = tuple(
        (flip & tile, tuple(axis for axis, site in sites if flip >> site & 1))
        for flip in factors
    )
    return _turned_sum(done, list(factors.values()), turned, turns).reshape(psi.shape)


@partial(jax.jit, static_argnames="turns")
def _turned_sum(
    done: list[Array],
    factors: list[list[Array]],
    turned: dict[int, Array],
    turns: tuple[tuple[int, tuple[int, ...]], ...],
) -> Array:
    """What is done, and factors times sources with some axes turned round.

    Apart from what comes before and after: XLA's CPU compiler writes it by loops over
    the axes then, which vectorise and share the cores. Merged with the reshape that
    follows it, there would be index arithmetic for every amplitude, at ten times the
    cost.
    """

    def total(done, factors, turned):
        terms = list(done)
        for arrays, (low, axes) in zip(factors, turns, strict=True):
            factor = reduce(lax.add, arrays[1:], arrays[0])
            factor = jnp.broadcast_to(factor, turned[low].shape)
            terms.append(lax.mul(factor, lax.rev(turned[low], axes)))
        return reduce(lax.add, terms)

    def apart(*arguments):
        with set_xla_metadata(inlineable="false"):
            return jax.jit(total)(*arguments)

    return lax.platform_dependent(done, factors, turned, cpu=apart, default=total)


def _factors(coefficients, strings, members, psi, num_sites) -> list:
    """Sum of the phases of strings that flip alike, in rank and type of the state."""
    arrays = []
    for odd in (0, 1):
        part = [k for k in members if strings[k].count_y % 2 == odd]
        if not part:
            continue
        alike = [strings[k] for k in part]
        values = weights(take(coefficients, part), alike)
        for array in sign_sums(values, [s.phase for s in alike], num_sites):
            array = array.reshape((1,) * (psi.ndim - 1) + array.shape)
            if odd:
                array = lax.complex(jnp.zeros_like(array), array)
            arrays.append(array.astype(psi.dtype))
    return arrays


def _matrices(strings: Sequence[PauliString], tile: int) -> np.ndarray:
    """Dense matrices of strings within the tile; real where all are."""
    states = np.arange(tile + 1)
    matrices = np.zeros((len(strings), tile + 1, tile + 1), complex)
    for k, string in enumerate(strings):
        odd = np.bitwise_count(states & string.phase) & 1
        entries = (-1j) ** string.count_y * (1.0 - 2.0 * odd)
        matrices[k, states, states ^ string.flip] = entries
    real = all(string.count_y % 2 == 0 for string in strings)
    return np.real(matrices) if real else matrices


def _dot(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision="highest")

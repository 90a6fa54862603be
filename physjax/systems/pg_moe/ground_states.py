"""States of a model over many chains, what is certain of them, and exact ones."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float

from ...operators.free_fermions import ising_floor, ising_next_level_floor
from ...operators.hamiltonians import energy_and_residual, energy_bounds
from ...solvers.eigen import ground_state
from .chains import Basis, Chain

_PIECE = 2**22
"""Configurations times sites that a model is given at once."""


class Answer(NamedTuple):
    """What a state is worth, all in float64.

    Attributes:
        states: Normalised.
        energy: Rayleigh quotient.
        lower: Proven lower bound.
        upper: Proven upper bound: the energy, and what rounding may do.
        temple: Whether that is Temple's.
        residual: Norm of H psi - E psi.
    """

    states: Float[np.ndarray, "chains size"]
    energy: Float[np.ndarray, " chains"]
    lower: Float[np.ndarray, " chains"]
    upper: Float[np.ndarray, " chains"]
    temple: np.ndarray
    residual: Float[np.ndarray, " chains"]


def model_states(model: Any, chains: Chain, basis: Basis) -> np.ndarray:
    """The model's states of chains of one length, not normalised.

    Args:
        model: `(chain, basis) -> state`.
        chains: Couplings (chains, n).
        basis: For all of them.
    """
    return _in_pieces(_states, chains, basis, model)


@eqx.filter_jit
def _states(chains: Chain, basis: Basis, model: Any) -> jax.Array:
    return jax.vmap(lambda chain: model(chain, basis))(chains)


def _in_pieces(function, rows: Any, basis: Basis, *arguments: Any) -> Any:
    """The function of a few rows at a time, put together on the host."""
    count = len(jax.tree.leaves(rows)[0])
    size = max(1, min(count, _PIECE // (basis.size * basis.num_sites)))
    pieces = []
    for first in range(0, count, size):
        # The last piece goes back to be as long as the others: one compilation.
        start = min(first, count - size)
        part = _cut(rows, slice(start, start + size))
        out = jax.device_get(function(part, basis, *arguments))
        pieces.append(_cut(out, slice(first - start, None)))
    return jax.tree.map(lambda *x: np.concatenate(x), *pieces)


def _cut(tree: Any, rows: slice) -> Any:
    return jax.tree.map(lambda x: x[rows], tree)


def _doubles(chains: Chain) -> list[np.ndarray]:
    """Coupling, field and longitudinal field in float64."""
    arrays = (chains.coupling, chains.field, chains.longitudinal)
    return [np.asarray(x, np.float64) for x in arrays]


def assess(
    chains: Chain,
    states: np.ndarray,
    basis: Basis,
    *,
    polish: int = 0,
    floors: Float[np.ndarray, " chains"] | None = None,
) -> Answer:
    """Energies, residuals and bounds of states, in float64.

    Args:
        chains: Couplings (chains, n).
        states: One per chain.
        basis: In which they are given.
        polish: Steps of Lanczos' method that each state is taken further first.
        floors: Numbers below all levels, where they are known better than by
            `free_fermions.ising_floor`.
    """
    wide = _doubles(chains)
    if floors is None:
        floors = np.full(len(states), -np.inf)
    with jax.enable_x64(True):
        levels = np.asarray(jax.jit(jax.vmap(ising_next_level_floor))(*wide))
        rows = Chain(*wide), states.astype(np.float64), levels, floors
        return Answer(*_in_pieces(_assess, rows, basis, polish))


@eqx.filter_jit
def _assess(rows: tuple, basis: Basis, polish: int):
    def one(row):
        chain, psi, level, known = row
        hamiltonian = basis.hamiltonian(chain)
        if polish:
            found = ground_state(hamiltonian, start=psi, max_iterations=polish)
            psi = found.value.state
        psi = psi / jnp.linalg.norm(psi)
        couplings = chain.coupling, chain.field, chain.longitudinal
        floor = jnp.maximum(ising_floor(*couplings), known)
        bounds = energy_bounds(hamiltonian, psi, next_level=level, floor=floor)
        value, residual = energy_and_residual(hamiltonian, psi)
        temple = bounds.lower > floor
        return psi, value, bounds.lower, bounds.upper, temple, residual

    return lax.map(one, rows)


def exact_states(chains: Chain, basis: Basis) -> tuple[np.ndarray, np.ndarray]:
    """Lowest energies and normalised states by Lanczos' method, in float64."""
    with jax.enable_x64(True):
        energies, states = _in_pieces(_exact, Chain(*_doubles(chains)), basis)
    return energies, np.abs(states)


@eqx.filter_jit
def _exact(chains: Chain, basis: Basis):
    start = basis.scaled(jnp.ones(len(basis.spins)))

    def one(chain: Chain):
        found = ground_state(basis.hamiltonian(chain), start=start).value
        return found.energy, found.state

    # Not vmap: a loop within a loop compiles in a tenth of the time.
    return lax.map(one, chains)

"""States of a model over many chains, what is certain of them, and exact ones."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...operators.hamiltonians import energy_and_residual, energy_bounds
from ...solvers.eigen import ground_state
from .certificates import next_level
from .chains import Basis, Chain
from .loss import lower_bound

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
    count = chains.field.shape[0]
    size = max(1, min(count, _PIECE // (basis.size * basis.num_sites)))
    out = [
        np.asarray(_states(model, _rows(chains, k, k + size), basis))
        for k in range(0, count, size)
    ]
    return np.concatenate(out)


@eqx.filter_jit
def _states(model: Any, chains: Chain, basis: Basis) -> jax.Array:
    return jax.vmap(lambda chain: model(chain, basis))(chains)


def _doubles(chains: Chain) -> list[np.ndarray]:
    """Coupling, field and longitudinal field in float64."""
    arrays = (chains.coupling, chains.field, chains.longitudinal)
    return [np.asarray(x, np.float64) for x in arrays]


def _rows(chains: Chain, first: int, last: int) -> Chain:
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x)[first:last]), chains)


def assess(
    chains: Chain, states: np.ndarray, basis: Basis, *, polish: int = 0
) -> Answer:
    """Energies, residuals and bounds of states, in float64.

    Args:
        chains: Couplings (chains, n).
        states: One per chain.
        basis: In which they are given.
        polish: Steps of Lanczos' method that each state is taken further first.
    """
    wide = _doubles(chains)
    levels = [next_level(*one) for one in zip(*wide, strict=True)]
    rows = []
    with jax.enable_x64(True):
        for k, level in enumerate(levels):
            chain = Chain(*(jnp.asarray(x[k]) for x in wide))
            psi = jnp.asarray(states[k], jnp.float64)
            rows.append(jax.device_get(_assess(chain, psi, level, basis, polish)))
    return Answer(*(np.stack(column) for column in zip(*rows, strict=True)))


@eqx.filter_jit
def _assess(chain: Chain, psi, level, basis: Basis, polish: int):
    hamiltonian = basis.hamiltonian(chain)
    if polish:
        found = ground_state(hamiltonian, start=psi, max_iterations=polish)
        psi = found.value.state
    psi = psi / jnp.linalg.norm(psi)
    floor = lower_bound(chain)
    bounds = energy_bounds(hamiltonian, psi, next_level=level, floor=floor)
    value, residual = energy_and_residual(hamiltonian, psi)
    return psi, value, bounds.lower, bounds.upper, bounds.lower > floor, residual


def exact_states(chains: Chain, basis: Basis) -> tuple[np.ndarray, np.ndarray]:
    """Lowest energies and normalised states by Lanczos' method, in float64."""
    wide = _doubles(chains)
    energies, states = [], []
    with jax.enable_x64(True):
        for one in zip(*wide, strict=True):
            chain = Chain(*(jnp.asarray(x) for x in one))
            energy, state = jax.device_get(_exact(chain, basis))
            energies.append(energy)
            states.append(state)
    return np.array(energies), np.abs(np.stack(states))


@eqx.filter_jit
def _exact(chain: Chain, basis: Basis):
    hamiltonian = basis.hamiltonian(chain)
    start = basis.scaled(jnp.ones(len(basis.spins)))
    found = ground_state(hamiltonian, start=start).value
    return found.energy, found.state

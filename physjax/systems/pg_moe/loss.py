r"""Loss of PG-MoE: the variational energy, and labels where there are any.

$$L = w_E \left\langle \frac{E - B}{|B|} \right\rangle + w_L D$$

$B$ is a number below the ground state (`free_fermions.ising_floor`): it sets the scale,
and keeps the loss above 0.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ...operators.free_fermions import ising_floor
from ...operators.hamiltonians import energy_and_residual
from .chains import Basis, Chain
from .config import Config
from .data import Samples, basis_of


def loss(
    config: Config,
    model,
    batch: dict[str, Samples],
    key: PRNGKeyArray | None = None,
) -> tuple[Array, dict[str, Array]]:
    """Mean over the lengths of the terms of `config.loss`, and the terms.

    Args:
        config: All settings.
        model: `(chain, basis) -> state`.
        batch: Chains by length.
        key: Not used.

    Returns:
        The loss and its metrics: `energy`, the distance of the energy from a lower
        bound over the size of the bound; `residual`, that of the state over the same;
        `labels`, if they have a weight.
    """
    parts = [
        _terms(config, model, basis_of(config, int(name)), samples)
        for name, samples in batch.items()
    ]
    terms = jax.tree.map(lambda *x: jnp.mean(jnp.stack(x)), *parts)
    total = config.loss.energy * terms["energy"]
    if config.loss.labels:
        total = total + config.loss.labels * terms["labels"]
    return total, terms


def _terms(config: Config, model, basis: Basis, samples: Samples) -> dict[str, Array]:
    """The terms for one length."""

    def distance(chain: Chain):
        state = model(chain, basis)
        value, residual = energy_and_residual(basis.hamiltonian(chain), state)
        bound = ising_floor(chain.coupling, chain.field, chain.longitudinal)
        return (value - bound) / -bound, jax.lax.stop_gradient(residual) / -bound

    value, residual = jax.vmap(distance)(samples.chains)
    terms = {"energy": jnp.mean(value), "residual": jnp.mean(residual)}
    if samples.states is not None:
        answers = jax.vmap(lambda chain: model(chain, basis))(samples.labelled)
        terms["labels"] = _distance(answers, samples.states, config.loss.distance)
    return terms


def _distance(answers: Array, states: Array, kind: str) -> Array:
    square = jnp.sum(answers**2, -1)
    product = jnp.sum(answers * states, -1)
    if kind == "overlap":
        return jnp.mean(1 - product**2 / square)
    # Of the normalised answer, whose sign is its own.
    return jnp.mean(2 - 2 * product / jnp.sqrt(square))

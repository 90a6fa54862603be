"""Products of Lanczos' method to a residual of 1e-8, from the network and from uniform.

    python -m benchmarks.warm_start

Rings by the shipped `ring` weights in the symmetric sector, open chains with fields of
their own by `disordered`, float64. Prints a table of means.
"""

import jax
import jax.numpy as jnp
import numpy as np

from physjax import training
from physjax.solvers import ground_state
from physjax.systems import load
from physjax.systems.pg_moe.chains import Basis, Chain
from physjax.systems.pg_moe.evaluate import evaluation_basis, test_chains
from physjax.systems.pg_moe.ground_states import model_states

RESIDUAL = 1e-8


def products(chains: Chain, states: np.ndarray, basis: Basis) -> np.ndarray:
    """Products with H until the residual is below `RESIDUAL`, by chain."""
    wide = [
        np.asarray(x, np.float64)
        for x in (chains.coupling, chains.field, chains.longitudinal)
    ]
    with jax.enable_x64(True):

        @jax.jit
        def count(chain: Chain, psi):
            found = ground_state(
                basis.hamiltonian(chain), start=psi, tolerance=RESIDUAL
            )
            return found.stats["num_iterations"]

        counts = [
            count(Chain(*map(jnp.asarray, one)), jnp.asarray(psi, jnp.float64))
            for *one, psi in zip(*wide, states, strict=True)
        ]
        return np.asarray(counts)


def main() -> None:
    system = load("pg_moe")
    print("| chains | from uniform | from the network | fewer |\n|---|---|---|---|")
    for weights, n, samples in (
        ("ring", 10, 40),
        ("ring", 12, 40),
        ("ring", 16, 40),
        ("ring", 20, 20),
        ("disordered", 12, 40),
    ):
        config, model = training.load_model(system, weights)
        chains, _ = test_chains(config, n, samples)
        basis = evaluation_basis(config, n)
        states = model_states(model, chains, basis)
        even = np.asarray(basis.scaled(jnp.ones(len(basis.spins))))
        cold = products(chains, np.broadcast_to(even, states.shape), basis).mean()
        warm = products(chains, states, basis).mean()
        print(
            f"| {weights}, n = {n} | {cold:.1f} | {warm:.1f} | {1 - warm / cold:.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

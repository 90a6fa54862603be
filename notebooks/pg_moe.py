# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From Pauli strings to a phase transition
#
# A chain of spins, $H = -J\sum Z_i Z_{i+1} - h\sum X_i$, orders where the coupling wins
# and does not where the field does. Here the Hamiltonian is a sum of Pauli strings that
# is applied without a matrix; its ground state comes from Lanczos' method and, for all
# fields at once, from a network that has never seen a solution. `PHYSJAX_FAST=1` makes
# the rings short.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from physjax import systems, training
from physjax.operators import free_fermions
from physjax.operators import hamiltonians as H
from physjax.solvers.eigen import ground_state
from physjax.solvers.sectors import ring_sector
from physjax.systems.pg_moe import chains
from physjax.systems.pg_moe.evaluate import figures_of_merit
from physjax.systems.pg_moe.ground_states import assess, exact_states, model_states

FAST = os.environ.get("PHYSJAX_FAST", "0") == "1"
n = 8 if FAST else 14

# %% [markdown]
# ## A sum of Pauli strings
#
# The strings are structure, the coefficients an array: they may be traced, batched and
# differentiated, and a change of them compiles nothing again.

# %%
bond = H.pauli_sum(2, [("ZZ", (0, 1), -1.0), ("X", (0,), -0.5), ("X", (1,), -0.5)])
print(bond.to_dense())
print("the same, from a builder:", H.transverse_field_ising(2, field=0.5).strings)

# %% [markdown]
# ## Energy and gap
#
# One product with H gives energy, gradient and residual. `ground_state` is
# differentiable: its energy by Hellmann and Feynman, its state by a linear solve.

# %%
fields = jnp.linspace(0.1, 2.0, 10 if FAST else 39)


@jax.jit
@jax.vmap
def lowest(field):
    solution = ground_state(H.transverse_field_ising(n, field=field))
    return solution.value.energy


slopes = jax.vmap(jax.grad(lambda h: lowest(h[None])[0]))(fields)
energy = lowest(fields)
even, odd = jax.vmap(lambda h: free_fermions.ising_ring_levels(n, field=h))(fields)
print("largest difference from Jordan and Wigner:", float(abs(energy - even).max()))

fig, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
axes[0].plot(fields, energy / n, label="Lanczos")
axes[0].plot(fields, even / n, "k:", label="free fermions")
axes[0].set_ylabel("energy per spin")
axes[0].legend(frameon=False)
axes[1].semilogy(fields, jnp.maximum(odd - even, 1e-7), color="#1d6996")
axes[1].set_ylabel("gap")
axes[2].plot(fields, -slopes / n, color="#c1121f")
axes[2].set_ylabel(r"$\langle X\rangle = -\partial E/\partial h\,/\,n$")
for axis in axes:
    axis.set_xlabel("$h / J$")
plt.show()

# %% [markdown]
# ## Symmetry
#
# A ring looks the same from each of its sites, from either side, and with all spins
# turned. In the states that share this there is one amplitude per orbit.

# %%
sector = ring_sector(n)
print(f"{2**n} configurations, {sector.representatives.size} orbits")
ring = H.transverse_field_ising(n, field=0.7)
small = ground_state(sector.reduce(ring))
print(float(small.value.energy), "in", int(small.stats["num_iterations"]), "products")

# %% [markdown]
# ## All fields at once, from a network
#
# The mixture of experts sums over bonds: how many domain walls there are decides which
# expert answers, and one set of parameters serves rings of any length. It was trained
# on the energy alone.

# %%
config, model = training.load_model(systems.load("pg_moe"), "ring")
basis = chains.orbits(n)
many = chains.ring(n, fields)
truth_energy, truth = exact_states(many, basis)
answer = assess(many, model_states(model, many, basis), basis)
figures = figures_of_merit(answer.states, answer.energy, truth, truth_energy)
print({name: f"{value:.2e}" for name, value in figures.items()})
print(
    "bounds hold:",
    bool(((answer.lower <= truth_energy) & (truth_energy <= answer.upper)).all()),
)

spins = basis.spins
magnetisation = lambda states: np.sqrt(states**2 @ spins.mean(1) ** 2)
fig, axes = plt.subplots(1, 3, figsize=(11, 3.2), layout="constrained")
axes[0].plot(fields, answer.energy / n, color="#c1121f")
axes[0].fill_between(fields, answer.lower / n, answer.upper / n, alpha=0.3)
axes[0].set_ylabel("energy per spin, and its bounds")
axes[1].semilogy(fields, (answer.upper - answer.lower) / n, label="width of the bounds")
axes[1].semilogy(fields, abs(answer.energy - truth_energy) / n, label="error")
axes[1].legend(frameon=False)
axes[2].plot(fields, magnetisation(truth), "k:", label="exact")
axes[2].plot(fields, magnetisation(answer.states), color="#c1121f", label="network")
axes[2].set_ylabel(r"$\langle M^2\rangle^{1/2}$")
axes[2].legend(frameon=False)
for axis in axes:
    axis.set_xlabel("$h / J$")
plt.show()

# %% [markdown]
# The lower bound is Temple's: proven, since the second level of the sector is known.
# A few steps of Lanczos' method from the network's state tighten it at once.

# %%
for steps in (0, 2, 4):
    polished = assess(many, answer.states, basis, polish=steps)
    print(steps, "steps: width", float((polished.upper - polished.lower).max()))

# %% [markdown]
# ## Derivatives of a ground state
#
# How fast the state turns with the field, $\langle\partial\psi|\partial\psi\rangle$,
# peaks at the transition. The closed form is of free fermions.

# %%
turn = jax.jvp(
    lambda h: ground_state(H.transverse_field_ising(n, field=h)).value.state,
    (jnp.asarray(1.0),),
    (jnp.asarray(1.0),),
)[1]
print(
    float(jnp.vdot(turn, turn)), float(free_fermions.ising_fidelity_susceptibility(n))
)

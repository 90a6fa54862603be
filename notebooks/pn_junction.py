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
# # A PN junction, from the charge of a few particles to its current
#
# Electrons and holes are particles in the field that they make themselves. Every step
# deposits their charge on a grid, solves Poisson's equation, and moves them. The
# current is what crosses the device. The Poisson solver is an argument: the exact
# inverse, a network, a network refined. `PHYSJAX_FAST=1` makes the runs short.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from physjax import systems, training
from physjax.operators import junctions
from physjax.simulators import particles as P
from physjax.simulators.particles.grid import deposit
from physjax.solvers import solve_drift_diffusion
from physjax.systems.pn_junction.devices import make_solver, silicon, start_density
from physjax.systems.pn_junction.sweep import run_sweep

FAST = os.environ.get("PHYSJAX_FAST", "0") == "1"
config, net = training.load_model(systems.load("pn_junction"))

# %% [markdown]
# ## Charge of a few particles
#
# Cloud-in-cell: a particle gives its charge to the four nodes around it, and reads the
# field from them with the same weights, so that it does not push itself.

# %%
x, y = jnp.array([0.31, 0.70, 0.71]), jnp.array([0.5, 0.2, 0.8])
amount = jnp.array([1.0, -1.0, 1.0])
nodes = deposit(x, y, amount, (11, 11), (0.1, 0.1))
print(
    "charge of the particles", float(amount.sum()), "on the nodes", float(nodes.sum())
)
fig, axis = plt.subplots(figsize=(4, 3.4), layout="constrained")
image = axis.imshow(
    nodes.T,
    origin="lower",
    extent=(-0.05, 1.05, -0.05, 1.05),
    cmap="RdBu_r",
    vmin=-1,
    vmax=1,
)
axis.scatter(x, y, c="k", s=12)
fig.colorbar(image)
plt.show()

# %% [markdown]
# ## A device
#
# 0.4 um of silicon, 1e17 acceptors per cm^3 on the left, as many donors on the right.
# What textbooks say of it:

# %%
setup = silicon(8)
device = setup.device
built_in = junctions.built_in_potential(1e17, 1e17, 1e10)
print(f"built-in potential {float(built_in):.4f} V")

# %% [markdown]
# ## Drift-diffusion: the truth for what follows

# %%
biases = np.array([0.8, 1.0]) if FAST else np.linspace(0.6, 1.1, 6)
fine = np.linspace(0.3, 1.1, 33)
with jax.enable_x64(True):
    known = solve_drift_diffusion(setup.layers, fine, throw=True).value
    current = np.asarray(known.current_density)

# %% [markdown]
# ## Potential of the particles, by three solvers
#
# The network is linear in charge and voltages and exact on the contacts by
# construction; it was trained on the energy of its error, without labels.

# %%
density = jnp.asarray(start_density(setup, np.array([0.8]))[0], jnp.float32)
state = P.begin(jax.random.key(0), device, setup.transport, density, slots=8192)
volts = device.contact_potentials(jnp.float32(0.8))
SOLVERS = {
    name: make_solver(name, setup, net) for name in ("exact", "learned", "refined")
}
potential = {
    name: P.fields(device, solver, state, volts).potential
    for name, solver in SOLVERS.items()
}
fig, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
image = axis.imshow(
    potential["exact"].T, origin="lower", aspect="auto", extent=(0, 0.4, 0, 0.08)
)
axis.set(
    xlabel="x (um)", ylabel="y (um)", title="potential (V), single particles visible"
)
fig.colorbar(image)
plt.show()
for name in ("learned", "refined"):
    off = 1e3 * float(jnp.abs(potential[name] - potential["exact"]).max())
    print(f"{name}: at most {off:.1e} mV from exact")

# %% [markdown]
# ## Currents
#
# Every solver gets the same random numbers. Ramo and Shockley's current counts every
# move of charge, those of injection and absorption at the contacts included.

# %%
steps = 96 if FAST else 6000
sweeps = {
    name: run_sweep(setup, SOLVERS[name], biases, steps=steps, seed=1)
    for name in ("exact", "learned")
}
fig, axis = plt.subplots(figsize=(6, 4), layout="constrained")
axis.semilogy(fine, current, color="0.5", label="drift-diffusion")
for marker, (name, sweep) in zip("os", sweeps.items(), strict=True):
    shown = sweep.current > 0
    axis.errorbar(
        sweep.bias[shown],
        sweep.current[shown],
        sweep.error[shown],
        fmt=marker,
        mfc="none",
        capsize=3,
        label=f"particles, {name}",
    )
axis.set(xlabel="bias (V)", ylabel="current density (A/cm$^2$)")
axis.legend(frameon=False)
plt.show()
for name, sweep in sweeps.items():
    rows = zip(sweep.bias, sweep.current, sweep.error, strict=True)
    print(name, ", ".join(f"{v:.2f} V {j:.3g} +- {e:.1g}" for v, j, e in rows))

# %% [markdown]
# ## Derivatives
#
# A particle run with contacts has no useful derivative: who is injected or absorbed is
# decided by comparison. Drift-diffusion has one: here of the current at 0.6 V with
# respect to the doping of the left half, against a difference.

# %%
with jax.enable_x64(True):
    import equinox as eqx

    layers = setup.layers

    def of_doping(scale):
        """Current at 0.6 V with the acceptors scaled."""
        doping = jnp.where(layers.doping < 0, scale * layers.doping, layers.doping)
        changed = eqx.tree_at(lambda d: d.doping, layers, doping)
        return solve_drift_diffusion(changed, [0.6]).value.current_density[0]

    slope = float(jax.jit(jax.grad(of_doping))(1.0))
    step = 1e-4
    difference = float(of_doping(1 + step) - of_doping(1 - step)) / (2 * step)
print(f"dJ/d ln N_A = {slope:.6f} A/cm^2, by differences {difference:.6f}")

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
# # Grid operators inside a Flax model
#
# A network that answers with a field on a grid can be trained by the equation alone:
# put its answer into `operators.laplacian`, or better into the energy that the equation
# minimises. Here a small Flax model learns Poisson's equation between grounded walls,
# $-\Delta\phi = \rho$, for a whole family of sources, without a single solution to look
# at; `solvers.solve_poisson` judges it afterwards. `PHYSJAX_FAST=1` makes it short.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

from physjax import Dirichlet, operators, solvers

FAST = os.environ.get("PHYSJAX_FAST", "0") == "1"

# %% [markdown]
# ## The operators
#
# A boundary condition per side, a spacing per axis; the last axes of an array are
# space.
# `wall="node"` says that the wall is a node of its own, one spacing beyond the last
# unknown. On $\sin \pi x \sin \pi y$ the Laplacian is $-2\pi^2$, up to $h^2$:

# %%
N = 31
H = 1 / (N + 1)
wall = Dirichlet(0.0, wall="node")
BC = [(wall, wall)] * 2
x = jnp.arange(1, N + 1) * H
mode = jnp.sin(jnp.pi * x)[:, None] * jnp.sin(jnp.pi * x)[None, :]
ratio = operators.laplacian(mode, (H, H), BC) / mode
print("eigenvalue", float(ratio.mean()), "exact", -2 * np.pi**2)

# %% [markdown]
# ## Sources, and the energy
#
# A source is a few random modes. Its potential minimises
# $J[\phi] = \int \frac12 |\nabla\phi|^2 - \rho\,\phi$; `dirichlet_energy` is the first
# term, summed over faces, whose gradient is exactly minus the Laplacian above.


# %%
def sources(key, count):
    """Smooth random charge of unit mean square."""
    weights = jax.random.normal(key, (count, 4, 4))
    k = jnp.arange(1, 5)
    waves = jnp.sin(jnp.pi * k[:, None] * x[None, :])
    rho = jnp.einsum("ckl,kx,ly->cxy", weights, waves, waves)
    return rho / jnp.sqrt(jnp.mean(rho**2, axis=(1, 2), keepdims=True))


def energy(phi, rho):
    """J of every member of a batch."""
    stored = operators.dirichlet_energy(phi, 1.0, (H, H), BC)
    return stored - operators.integrate(rho * phi, (H, H), BC)


# %% [markdown]
# ## The model
#
# Three convolutions see too little of the grid, so the model works on two: a dense
# layer over the source averaged to 8 x 8 says the coarse part, convolutions mend the
# rest.


# %%
class Model(nnx.Module):
    """From a source (b, n, n) to a potential."""

    def __init__(self, rngs):
        self.dense = nnx.Linear(64, 64, use_bias=False, rngs=rngs)
        layers = [
            nnx.Conv(a, b, (5, 5), padding="SAME", rngs=rngs)
            for a, b in ((2, 16), (16, 16), (16, 1))
        ]
        self.first, self.second, self.last = layers

    def __call__(self, rho):
        """The potential, of the shape of the source."""
        b = rho.shape[0]
        coarse = jax.image.resize(rho, (b, 8, 8), "linear").reshape(b, 64)
        coarse = self.dense(coarse).reshape(b, 8, 8)
        wide = jax.image.resize(coarse, rho.shape, "cubic")
        y = jnp.stack([rho, wide], -1)
        y = nnx.gelu(self.second(nnx.gelu(self.first(y))))
        return 0.02 * (wide + self.last(y)[..., 0])


model = Model(nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(3e-3), wrt=nnx.Param)


@nnx.jit
def step(model, optimizer, key):
    """One step on fresh sources; returns the mean energy."""
    rho = sources(key, 16)
    loss, gradients = nnx.value_and_grad(lambda m: energy(m(rho), rho).mean())(model)
    optimizer.update(model, gradients)
    return loss


steps = 20 if FAST else 1500
history = [
    float(step(model, optimizer, jax.random.key(k))) for k in range(1, steps + 1)
]

# %% [markdown]
# ## Against the solver
#
# The lowest energy that any potential can have is $-\frac12 \int \rho\,\phi$.

# %%
rho = sources(jax.random.key(0), 64)
exact = solvers.solve_poisson(rho, (H, H), BC)
print("solved by", str(exact.stats["method"]))
best = float(energy(exact.value, rho).mean())
phi = model(rho)
error = jnp.linalg.norm(phi - exact.value) / jnp.linalg.norm(exact.value)
print(f"energy {float(energy(phi, rho).mean()):.5f}, lowest {best:.5f}")
print(f"relative error of the network {float(error):.3f}")

fig, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained")
axes[0].semilogy(np.maximum(np.array(history) - best, 1e-9))
axes[0].set(xlabel="step", ylabel="energy above the lowest")
top = float(jnp.abs(exact.value[0]).max())
for axis, (name, field) in zip(
    axes[1:],
    {
        "network": phi[0],
        "exact": exact.value[0],
        "10 x error": 10 * (phi - exact.value)[0],
    }.items(),
    strict=True,
):
    axis.imshow(np.asarray(field).T, origin="lower", cmap="RdBu_r", vmin=-top, vmax=top)
    axis.set(title=name, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## As a guess
#
# What a network says need not be right to be useful: `guess=` hands it to the
# iteration, which certifies the residual whatever the guess was.

# %%
for name, guess in (("nothing", None), ("the network", phi)):
    refined = solvers.solve_poisson(
        rho, (H, H), BC, method="multigrid", guess=guess, rtol=1e-5
    )
    count = int(refined.stats["num_iterations"])
    residual = float(refined.stats["residual"].max())
    print(f"from {name:11}: {count} iterations, residual {residual:.1e}")

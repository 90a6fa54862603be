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
# # Composing operators
#
# physjax is functions of arrays. This notebook puts a few of them together: the Hilbert
# transform, the Kramers-Kronig relations, the retrieval of a Raman spectrum from a CARS
# intensity, derivatives through all of it, and at the end the same functions inside a
# Flax network. `PHYSJAX_FAST=1` makes the training short.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx
from scipy.special import dawsn

from physjax import losses, operators, solvers

FAST = os.environ.get("PHYSJAX_FAST", "0") == "1"
jax.config.update("jax_enable_x64", True)  # to see the true errors; float32 works too

# %% [markdown]
# ## A transform with a known answer
#
# $H[f](x) = \frac1\pi \mathrm{PV}\!\int \frac{f(t)}{x - t} dt$, so that $H[\cos] =
# \sin$. A Gaussian gives Dawson's function: $H[e^{-x^2}] = \frac{2}{\sqrt\pi} D(x)$.
# The default method `"ideal"` is a linear convolution and exact for what is
# band-limited and lies in the window. The usual FFT recipe treats the window as one
# period, and is not.

# %%
x = np.linspace(-10, 10, 512)
truth = 2 / np.sqrt(np.pi) * dawsn(x)
answers = {
    method: operators.hilbert_transform(np.exp(-(x**2)), method=method)
    for method in ("ideal", "fft")
}
fig, (top, bottom) = plt.subplots(2, 1, sharex=True, layout="constrained")
top.plot(x, np.exp(-(x**2)), color="0.6", label=r"$e^{-x^2}$")
top.plot(x, answers["ideal"], label=r"$H[e^{-x^2}]$")
top.plot(x, truth, "k:", label=r"$2 D(x) / \sqrt{\pi}$")
top.legend(frameon=False)
for method, answer in answers.items():
    error = np.abs(answer - truth)
    print(f"{method:6} largest error {error.max():.1e}")
    bottom.semilogy(x, np.maximum(error, 1e-18), label=method)
bottom.set(xlabel="x", ylabel="error")
bottom.legend(frameon=False)
assert np.abs(answers["ideal"] - truth).max() < 1e-12

# %% [markdown]
# ## A Kramers-Kronig pair, and what lies outside the window
#
# A resonance $\chi = 1/(\Omega - \omega - i\Gamma)$ is causal, so its real part follows
# from its imaginary part. What remains as error is what the window does not show. Its
# tail is known to fall as $1/\omega^2$; `extend="power"` says so, at no cost.

# %%
w = np.linspace(-100, 100, 1000)
chi = 1 / (-w - 2j)
fig, ax = plt.subplots(layout="constrained")
for extend in ("zero", "edge", "power"):
    real = operators.real_from_imag(chi.imag, extend=extend)
    error = np.abs(real - chi.real)
    print(f"{extend:6} largest error {error.max():.1e}")
    ax.semilogy(w, error, label=f'extend="{extend}"')
ax.set(xlabel=r"$\omega$", ylabel=r"error of $-H[\mathrm{Im}\,\chi]$")
ax.legend(frameon=False)
assert error.max() < 1e-5

# %% [markdown]
# ## From a CARS intensity to a Raman spectrum
#
# CARS measures $I = |\chi_R + \chi_{NRB}|^2 / 2$: lines are bent by their interference
# with the background. Where the background is known, the logarithm of the ratio gives
# the phase, and the imaginary part of the answer is the Raman spectrum.

# %%
nu = np.linspace(500, 1700, 1000)
lines = [(786.5, 2.0, 4.0), (1003.6, 3.0, 2.5), (1030.6, 1.0, 3.0), (1211.4, 1.0, 5.0)]
resonant = sum(a / (center - nu - 1j * width) for center, a, width in lines)
background = 0.8
intensity = jnp.asarray(np.abs(resonant + background) ** 2 / 2)
reference = background**2 / 2
retrieved = solvers.kramers_kronig_retrieval(intensity, reference)
fig, (top, bottom) = plt.subplots(2, 1, sharex=True, layout="constrained")
top.plot(nu, intensity, color="#33415c")
top.set_ylabel("CARS intensity")
bottom.plot(nu, resonant.imag, color="0.7", lw=3, label="truth")
bottom.plot(nu, retrieved.imag, color="#c1121f", lw=1, label="Kramers-Kronig")
bottom.set(xlabel="Raman shift (cm$^{-1}$)", ylabel=r"$\mathrm{Im}\,\chi_R$")
bottom.legend(frameon=False)
print(f"largest error {np.abs(retrieved.imag - resonant.imag).max():.1e}")
assert np.abs(retrieved.imag - resonant.imag).max() < 5e-3

# %% [markdown]
# ## Derivatives through it
#
# Nobody knows the background exactly. How much does the Raman spectrum change if the
# reference is off by 10 %, and has a slope? `jax.jvp` answers to first order in one
# pass; two retrievals confirm it. `jax.vmap` over many slopes, `jax.grad` of any score
# of the spectrum: all of them go through.

# %%
slope = jnp.linspace(-1.0, 1.0, nu.size)


def raman(wrong):
    """Raman spectrum with a reference that is wrong by `wrong`, and by its slope."""
    return solvers.kramers_kronig_retrieval(
        intensity, reference * (1 + wrong[0] + wrong[1] * slope)
    ).imag


zero = jnp.zeros(2)
fig, ax = plt.subplots(layout="constrained")
for direction, label in (
    (jnp.array([0.1, 0.0]), "10 % off"),
    (jnp.array([0.0, 0.1]), "slope"),
):
    spectrum, change = jax.jvp(raman, (zero,), (direction,))
    (line,) = ax.plot(nu, change, lw=3, alpha=0.4, label=f"{label}: first order")
    actual = raman(direction) - spectrum
    ax.plot(nu, actual, color=line.get_color(), lw=1, label=f"{label}: two retrievals")
    assert jnp.abs(actual - change).max() < 0.2 * jnp.abs(change).max()
ax.set(xlabel="Raman shift (cm$^{-1}$)", ylabel=r"change of $\mathrm{Im}\,\chi_R$")
ax.legend(frameon=False)

# %% [markdown]
# ## Inside a Flax model
#
# The same functions are the loss of a network from another library. This one turns an
# intensity into a Raman spectrum and never sees a true one: the loss is the intensity
# that its answer would have caused. Spectra are made afresh in every step.

# %%
points = 192
axis = jnp.linspace(-1.0, 1.0, points)


def simulate(key, count):
    """CARS intensities of one line each on a background of 1; their Raman spectra."""
    keys = jax.random.split(key, 3)
    draw = lambda key, low, high: jax.random.uniform(
        key, (count, 1), minval=low, maxval=high
    )
    center, width = draw(keys[0], -0.7, 0.7), draw(keys[1], 0.025, 0.06)
    chi = draw(keys[2], 0.1, 0.4) * width / (center - axis - 1j * width)
    return jnp.abs(chi + 1.0) ** 2 / 2, chi.imag


class Network(nnx.Module):
    """Intensity in, Raman spectrum out; positive by construction."""

    def __init__(self, rngs):
        self.first = nnx.Linear(points, 128, rngs=rngs)
        self.second = nnx.Linear(128, points, rngs=rngs)

    def __call__(self, intensity):
        hidden = nnx.gelu(self.first(jnp.log(2 * intensity)))
        return 0.1 * nnx.softplus(self.second(hidden))


def misfit(model, intensity):
    """Mean square of the intensity model's residual; no truth in it."""
    answer = model(intensity)
    residual = losses.intensity_residual(intensity, answer, jnp.ones_like(answer))
    return jnp.mean(residual**2)


@nnx.jit
def step(model, optimiser, key):
    intensity, _ = simulate(key, 64)
    value, gradient = nnx.value_and_grad(misfit)(model, intensity)
    optimiser.update(model, gradient)
    return value


steps = 60 if FAST else 1500
model = Network(nnx.Rngs(0))
schedule = optax.cosine_decay_schedule(3e-3, steps)
optimiser = nnx.Optimizer(model, optax.adam(schedule), wrt=nnx.Param)
history = [
    float(step(model, optimiser, jax.random.fold_in(jax.random.key(1), i)))
    for i in range(steps)
]
print(f"misfit {history[0]:.1e} -> {history[-1]:.1e}")
assert np.mean(history[-10:]) < 0.7 * history[0]

# %%
intensities, truths = simulate(jax.random.key(2), 3)
fig, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.6), width_ratios=(1, 2), layout="constrained"
)
left.semilogy(history)
left.set(xlabel="step", ylabel="misfit")
for color, answer, truth in zip(
    ("C0", "C1", "C2"), model(intensities), truths, strict=True
):
    right.plot(axis, truth, color=color, alpha=0.3, lw=4)
    right.plot(axis, answer, color=color, lw=1)
right.set(title="unseen: truth (broad) and network (thin)", xlabel="axis")

# %% [markdown]
# `physjax.interop.flax.from_nnx` turns such a model into one that
# `physjax.training.train` takes, with checkpoints, resume and weights files.
# `notebooks/rampinn.py` shows a whole published system.

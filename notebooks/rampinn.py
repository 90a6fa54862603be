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
# # RamPINN: from a simulation to a measured spectrum
#
# Coherent anti-Stokes Raman scattering (CARS) is fast, but its lines are bent by a
# non-resonant background: $I = |\chi_R + \chi_{NRB}|^2 / 2$. Wanted is the Raman
# spectrum $\mathrm{Im}\,\chi_R$. We simulate, try it without learning, ask the network
# that comes with the package, take the CSV of a spectrometer, and train a small network
# of our own. `PHYSJAX_FAST=1` makes the training short.

# %%
import dataclasses
import json
import os
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from physjax import io, solvers, systems, training
from physjax.simulators import cars, spectrometer
from physjax.systems.rampinn.demo import write_simulated_csv
from physjax.systems.rampinn.lines import find_lines, match_lines
from physjax.systems.rampinn.predict import predict_spectra

FAST = os.environ.get("PHYSJAX_FAST", "0") == "1"

# %% [markdown]
# Your own measurement: the path of a CSV (Raman shift in cm^-1, intensity) and the
# offset of the detector. With None a simulated spectrometer takes its place.

# %%
MEASURED = None
DARK = 500.0

# %% [markdown]
# ## Simulate
#
# A generator is a pure function of a key. `jax.vmap` makes a batch of it, on the device
# and inside a training step. VECTOR's nine sets range from few narrow lines (1a) to
# many broad ones (3c).

# %%
pick = jnp.array([cars.VECTOR_SETS.index(name) for name in ("1a", "2b", "3c")])
keys = jax.random.split(jax.random.key(0), len(pick))
batch = jax.vmap(lambda key, which: cars.vector(key, which, num_points=1000))(
    keys, pick
)
axis = np.arange(1000) * 2.0
fig, rows = plt.subplots(3, 1, sharex=True, figsize=(8, 7), layout="constrained")
for ax, intensity, raman, background in zip(rows, *batch, strict=True):
    ax.plot(axis, intensity, color="#33415c", lw=0.8, label="CARS intensity")
    ax.plot(axis, background, color="#1d6996", lw=1.2, label=r"background $\chi_{NRB}$")
    ax.plot(axis, raman, color="#c1121f", lw=1, label=r"Raman $\mathrm{Im}\,\chi_R$")
rows[0].legend(frameon=False, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
rows[-1].set_xlabel("Raman shift (cm$^{-1}$)")

# %% [markdown]
# ## Without learning
#
# Kramers-Kronig retrieval needs the intensity of the background alone. The simulation
# knows it; a measurement does not, and takes a smooth baseline below the data in its
# place. Here is a spectrum of the simulated spectrometer, whose background is well away
# from zero. A baseline that runs below the background makes the whole answer sink.

# %%
nu = np.linspace(400.0, 1800.0, 800)
liquid = spectrometer.record(jax.random.key(1), jnp.asarray(nu, jnp.float32), dark=0.0)
baseline = solvers.asymmetric_least_squares(liquid.intensity / liquid.intensity.max())
answers = {
    "the true background": liquid.background**2 / 2,
    "a baseline": baseline.value * liquid.intensity.max(),
}
fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(nu, liquid.raman, color="0.75", lw=4, label="truth")
for label, reference in answers.items():
    raman = solvers.kramers_kronig_retrieval(liquid.intensity, reference).imag
    error = jnp.abs(raman - liquid.raman).mean() / liquid.raman.max()
    ax.plot(nu, raman, lw=1, label=f"with {label}")
    print(f"{label}: mean error {100 * error:.1f} % of the largest value")
ax.set(xlabel="Raman shift (cm$^{-1}$)", ylabel=r"$\mathrm{Im}\,\chi_R$")
ax.legend(frameon=False)

# %% [markdown]
# ## With the network that comes with the package
#
# It was trained on simulated spectra only. It takes one intensity of any length and
# unit, and returns Raman spectrum and background in units of $\sqrt{2I}$.

# %%
system = systems.load("rampinn")
config, model = training.load_model(system)
retrieve = jax.jit(jax.vmap(model))
answer = retrieve(batch.intensity)
fig, rows = plt.subplots(3, 1, sharex=True, figsize=(8, 7), layout="constrained")
for ax, found, truth, name in zip(
    rows, answer.raman, batch.raman, ("1a", "2b", "3c"), strict=True
):
    ax.plot(axis, truth, color="0.75", lw=3, label="truth")
    ax.plot(axis, found, color="#c1121f", lw=1, label="network")
    error = jnp.abs(found - truth).mean()
    ax.set_title(f"set {name}, mean absolute error {error:.4f}", fontsize=10)
rows[0].legend(frameon=False)
rows[-1].set_xlabel("Raman shift (cm$^{-1}$)")
four = retrieve(4 * batch.intensity).raman  # four times the light, twice the amplitude
assert jnp.allclose(four, 2 * answer.raman, rtol=1e-4, atol=1e-5)

# %% [markdown]
# ## A measured spectrum
#
# Spectrometers have axes that are not uniform, and an offset. `predict_spectra`
# resamples and restores; `io.read_spectra` refuses files that are not what they should
# be. The same from the command line: `physjax predict rampinn FILE.csv --out raman.csv
# --dark 500`.

# %%
folder = Path(tempfile.mkdtemp())
source = folder / "toluene_simulated.csv" if MEASURED is None else Path(MEASURED)
if MEASURED is None:
    write_simulated_csv(source)
spectra = io.read_spectra(source)
shift, counts = spectra.wavenumber, spectra.load().reshape(-1) - DARK
raman, background = predict_spectra(model, counts, shift)
lines = find_lines(shift, raman)
fig, (top, bottom) = plt.subplots(
    2, 1, sharex=True, figsize=(9, 6), layout="constrained"
)
top.plot(
    shift, np.sqrt(2 * np.maximum(counts, 0)), color="0.7", lw=1, label=r"$\sqrt{2I}$"
)
top.plot(shift, background, color="#1d6996", lw=1.2, label=r"background $\chi_{NRB}$")
top.set_title(source.name, fontsize=10)
top.legend(frameon=False)
bottom.plot(shift, raman, color="#c1121f", lw=1)
bottom.set(xlabel="Raman shift (cm$^{-1}$)", ylabel=r"Raman $\mathrm{Im}\,\chi_R$")
if MEASURED is None:
    for known, off in zip(
        spectrometer.TOLUENE[:, 0],
        match_lines(lines, spectrometer.TOLUENE[:, 0]),
        strict=True,
    ):
        bottom.axvline(known, color="0.8", lw=0.8, zorder=0)
        print(f"line {known:6.1f} cm^-1: off by {off:+.1f}")
else:
    print("lines at", ", ".join(f"{line:.1f}" for line in lines), "cm^-1")

# %% [markdown]
# ## A network of your own
#
# `training.train` works from the system's record; the batch is made inside the compiled
# step. The run folder holds settings, metrics, checkpoints and a report, and `physjax
# resume FOLDER` goes on where it stopped.

# %%
config = system.presets["small"]
if FAST:
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, widths=(8, 16), kernels=(3, 3)),
        data=dataclasses.replace(config.data, num_points=64, vector=1.0),
        train=dataclasses.replace(config.train, steps=40, batch_size=8, log_every=10),
    )
result = training.train(system, config, folder / "run", progress="plain")
metrics = (folder / "run" / "metrics.jsonl").read_text()
rows = [json.loads(line) for line in metrics.splitlines()]
own, _ = predict_spectra(result.model, counts, shift)
fig, (left, right) = plt.subplots(
    1, 2, figsize=(10, 3.8), width_ratios=(1, 2), layout="constrained"
)
left.semilogy([row["step"] for row in rows], [row["loss"] for row in rows])
left.set(xlabel="step", ylabel="loss")
right.plot(shift, raman, color="0.7", lw=2, label="shipped")
right.plot(shift, own, color="#c1121f", lw=1, label=f"own, {config.train.steps} steps")
right.set_xlabel("Raman shift (cm$^{-1}$)")
right.legend(frameon=False)

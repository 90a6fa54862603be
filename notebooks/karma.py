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
# # KARMA: from a hyperspectral file to abundance maps
#
# A pixel of an imaging spectrometer is a mix of few materials, $r = s \sum_k x_k a_k$:
# abundances $x \ge 0$ of sum 1, spectra $a_k$ of the pure materials (endmembers), and
# the brightness $s$. We read a scene, find how many materials there are and which,
# unmix it with classical solvers, refine their endmembers by gradients, and ask the
# masked autoencoder that comes with the package what it makes of the scene when three
# patches of four are hidden.

# %%
import os
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from physjax import io, systems, training
from physjax.operators.mixing import linear_mixing, spectral_angle, spectral_angles
from physjax.simulators import scenes
from physjax.solvers import endmembers, unmixing
from physjax.systems.karma.learned import learn_endmembers
from physjax.systems.karma.predict import predict_cube

FAST = os.environ.get("PHYSJAX_FAST", "0") == "1"

# %% [markdown]
# Your own scene: the path of an ENVI header, GeoTIFF, .mat, HDF5 or NetCDF. With None,
# a tile of the satellite EnMAP over Potsdam where `PHYSJAX_SHARED_DATA` names a folder
# that has it, else a simulated scene of that sensor, written as an ENVI file.

# %%
SCENE = None

folder = Path(tempfile.mkdtemp())
shared = os.environ.get("PHYSJAX_SHARED_DATA")
tiles = Path(shared or folder) / "hyperspectral" / "enmap_potsdam" / "images"
if SCENE is None and tiles.exists():
    SCENE = sorted(tiles.glob("*.tif"))[6]
elif SCENE is None:
    wavelength = scenes.enmap_wavelengths().astype(jnp.float32)
    library = scenes.smooth_spectra(jax.random.key(0), wavelength, 12)
    recipe = scenes.SceneConfig(num_members=4, size=32, snr_db=35.0)
    made = scenes.make_scene(jax.random.key(1), library, recipe)
    SCENE = folder / "scene.hdr"
    good = np.asarray(scenes.enmap_good_bands())
    axis = np.asarray(wavelength, float)
    io.write_envi(SCENE, np.asarray(made.cube), wavelength=axis, good=good)

# %% [markdown]
# ## The file
#
# `read_cube` knows names and units of the axes, bands that are marked as bad, and
# pixels without data. Reflectance is a fraction, wavelengths are in nm.

# %%
cube = io.read_cube(SCENE)
reflectance = cube.reflectance()[..., cube.good]
wavelength = cube.wavelength[cube.good]
rows, columns, bands = reflectance.shape
print(f"{rows} x {columns} pixels, {bands} of {cube.wavelength.size} bands are good")


def colours(image):
    """Red, green and blue, stretched to the brightest pixels."""
    at = [int(np.argmin(np.abs(wavelength - nm))) for nm in (650, 550, 470)]
    picture = image[..., at] / np.quantile(reflectance[..., at], 0.98, axis=(0, 1))
    return np.clip(picture, 0, 1)


def spectra_of(ax, spectra, **style):
    """Lines over wavelength, broken where bands are left out."""
    order = np.argsort(wavelength)  # where two detectors overlap it goes to and fro
    breaks = np.flatnonzero(np.diff(wavelength[order]) > 40) + 1
    x = np.insert(wavelength[order], breaks, np.nan)
    for y in spectra:
        ax.plot(x, np.insert(y[order], breaks, np.nan))
    ax.set(xlabel="wavelength (nm)", **style)


fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.imshow(colours(reflectance))
left.set_axis_off()
spectra_of(right, reflectance[::8, ::8].reshape(-1, bands), ylabel="reflectance")

# %% [markdown]
# ## How many materials?
#
# Eigenvalues of the covariance that stand out of the noise. Real materials vary within
# themselves, so that more stand out than there are materials: it is an upper bound. We
# take at most six.

# %%
pixels = jnp.asarray(reflectance.reshape(-1, bands))
found = int(jax.jit(endmembers.noise_edge)(pixels).value)
members = min(max(found, 3), 6)
print(f"{found} dimensions stand out of the noise; {members} endmembers")

# %% [markdown]
# ## Classical unmixing
#
# `blind_endmembers` extrapolates to materials that no pixel shows where mixing is
# linear to the accuracy of the data, and stays among the pixels where it is not. VCA
# takes the most extreme pixels. Abundances are then constrained least squares.
# `normalized_nonnegative` does not care for brightness: shade is not taken for a
# dark material.

# %%
key = jax.random.key(0)
blind = jax.jit(endmembers.blind_endmembers, static_argnums=1)(pixels, members, key)
simple = jax.jit(endmembers.vca, static_argnums=1)(pixels, members, key)
unit = lambda x: x / jnp.linalg.norm(x, axis=-1, keepdims=True)
print("extrapolated beyond the pixels:", bool(blind.stats["extrapolated"]))
print("angles from blind to VCA (rad):")
apart = spectral_angles(blind.value.spectra, simple.value.spectra)
print(np.asarray(apart, float).round(2))

# %% [markdown]
# ## Learned on this scene
#
# Everything is differentiable, so endmembers can be refined on what they leave of the
# pixels: non-negative, kept together by a volume term, started from the blind search.

# %%
steps = 60 if FAST else 400
learned = jax.jit(lambda y, a, k: learn_endmembers(y, a, k, steps=steps))(
    pixels, blind.value.spectra, key
)
answers = {}
solve = jax.jit(unmixing.normalized_nonnegative)
for name, spectra in (
    ("blind", blind.value.spectra),
    ("VCA", simple.value.spectra),
    ("learned", learned),
):
    shares = solve(pixels, unit(spectra)).value
    angle = spectral_angle(linear_mixing(shares, unit(spectra)), pixels)
    answers[name] = np.asarray(shares).reshape(rows, columns, members)
    print(f"{name}: what mixing leaves is {float(jnp.mean(angle)):.4f} rad on average")

# %% [markdown]
# Maps of the abundances, classical above, learned below; learned endmembers keep the
# order of those they began with.

# %%
fig, axes = plt.subplots(
    3, members, figsize=(1.9 * members, 6), layout="constrained", squeeze=False
)
for line, (name, maps) in zip(axes, answers.items(), strict=True):
    for k, ax in enumerate(line):
        image = ax.imshow(maps[..., k], vmin=0, vmax=1, cmap="viridis")
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(name)
fig.colorbar(image, ax=axes, shrink=0.6, label="abundance")

fig, axes = plt.subplots(1, 3, figsize=(11, 3), layout="constrained", sharey=True)
for ax, spectra, name in zip(
    axes, (blind.value.spectra, simple.value.spectra, learned), answers, strict=True
):
    spectra_of(ax, np.asarray(unit(spectra)), title=name)
axes[0].set_ylabel("endmembers of norm 1")

# %% [markdown]
# ## With the network that comes with the package
#
# It was trained on simulated scenes of EnMAP only; bands of other sensors go to its
# bands by wavelength. It unmixes the pixels that it sees, interpolates and corrects the
# contributions of its endmembers, and mixes again.

# %%
system = systems.load("karma")
config, model = training.load_model(system)
answer = predict_cube(config, model, reflectance, wavelength, masked=0.75)
seen = np.where(answer.hidden[..., None], 0.0, reflectance)
error = (answer.reconstruction - reflectance)[answer.hidden]
flat = reflectance[~answer.hidden].mean(0) - reflectance[answer.hidden]
print(f"hidden pixels: error {np.sqrt(np.mean(error**2)):.4f} root mean square,")
print(f"the mean of the visible ones {np.sqrt(np.mean(flat**2)):.4f}")
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
pictures = {
    "as measured": reflectance,
    "what it sees": seen,
    "reconstruction": answer.reconstruction,
}
for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
    ax.imshow(colours(picture))
    ax.set_title(title)
    ax.set_axis_off()

# %% [markdown]
# Its abundances, per pixel and with their brightness, come along; `embedding` is what a
# classifier of your own would be trained on.

# %%
total = answer.abundances.mean((0, 1))
print("abundances of the network's endmembers:", total.astype(float).round(2))
print("embedding per patch:", answer.embedding.shape)
assert np.allclose(answer.abundances.sum(-1), 1, atol=1e-4)
assert np.isfinite(answer.reconstruction).all()

# %% [markdown]
# ## Gradients through the unmixing
#
# How would the share of the first material in one pixel change with the pixel's
# spectrum? The solver is differentiated by its active set: no iterations are unrolled.

# %%
share = lambda y: unmixing.normalized_nonnegative(y, unit(learned)).value[0]
mixed = pixels[int(np.argmax(-np.abs(answers["learned"][..., 0].ravel() - 0.5)))]
slope = jax.grad(share)(mixed)
fig, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
spectra_of(ax, [np.asarray(slope)], ylabel="change of the share")
assert np.isfinite(slope).all()

# %% [markdown]
# From the command line the same goes from file to folder: abundance maps as ENVI and
# PNG, endmembers as a table and a plot, residuals, and a summary.
#
# ```
# physjax unmix SCENE.hdr --endmembers auto --out maps
# physjax unmix SCENE.hdr --endmembers library.sli --out maps
# physjax predict karma SCENE.hdr --out answer.npz --plot answer.png
# ```

"""Figures of a model's ground states, beside what needs no network."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .chains import Basis, Chain, configurations, orbits, ring
from .config import Config
from .data import sample_chains
from .ground_states import assess, exact_states, model_states

Figures = dict[str, float]
_KEY = 2**31 - 1
"""Of the chains of an evaluation; no training step uses it."""
_STEPS = 4
"""Of the Lanczos method that stands beside the model."""


def figures_of_merit(
    answer: Float[np.ndarray, "chains size"],
    energy: Float[np.ndarray, " chains"],
    truth: Float[np.ndarray, "chains size"],
    lowest: Float[np.ndarray, " chains"],
) -> Figures:
    r"""Errors of ground states.

    Cosine similarity $|\langle\psi|\psi_0\rangle|$ of normalised states, and the
    relative error of the energy $(E - E_0) / |E_0|$.

    Args:
        answer: Normalised states.
        energy: Their energies.
        truth: Exact normalised states.
        lowest: Exact energies.

    Returns:
        `cosine_mean`, `cosine_min`, `energy_mean`, `energy_max`, and `energy_mse`, the
        mean squared error.

    Example:
        >>> one = np.array([[1.0, 0.0]])
        >>> figures_of_merit(one, np.array([-1.0]), one, np.array([-1.0]))["cosine_min"]
        1.0
    """
    cosine = np.abs(np.sum(answer * truth, -1))
    error = energy - lowest
    relative = error / np.abs(lowest)
    return {
        "cosine_mean": float(cosine.mean()),
        "cosine_min": float(cosine.min()),
        "energy_mean": float(relative.mean()),
        "energy_max": float(relative.max()),
        "energy_mse": float(np.mean(error**2)),
    }


def evaluate(
    config: Config,
    model: Any,
    *,
    sites: tuple[int, ...] | None = None,
    samples: int = 100,
) -> dict[str, dict[str, Figures]]:
    """Figures of the model and of answers without it, by number of spins.

    Rings are split at the end of the range of labels. Beside the model stand a cubic
    spline through the labels in h / J (rings; held at its end beyond them) and four
    steps of Lanczos' method from the uniform state. `bounds` is the fraction of chains
    whose proven bounds hold, `temple` that of those with Temple's.

    Args:
        config: Settings; they say which chains.
        model: `(chain, basis) -> state`.
        sites: Numbers of spins; by default those of the training.
        samples: Chains of each number.

    Returns:
        `{set: {method: {figure: value}}}`.
    """
    found = {}
    for n in sites or config.data.sites:
        chains, fields = test_chains(config, n, samples)
        basis = evaluation_basis(config, n)
        lowest, truth = exact_states(chains, basis)
        states = {"model": model_states(model, chains, basis)}
        if fields is not None:
            states["spline"] = _spline(config, n, fields, basis)
        uniform = np.broadcast_to(basis.scaled(jnp.ones(len(basis.spins))), truth.shape)
        states["lanczos"] = np.asarray(uniform)
        answers = {
            name: assess(chains, state, basis, polish=_STEPS * (name == "lanczos"))
            for name, state in states.items()
        }
        for label, which in _parts(config, n, fields, len(lowest)):
            rows = {}
            for name, one in answers.items():
                figures = figures_of_merit(
                    one.states[which], one.energy[which], truth[which], lowest[which]
                )
                held = (one.lower <= lowest) & (lowest <= one.upper)
                figures["bounds"] = float(held[which].mean())
                figures["temple"] = float(one.temple[which].mean())
                rows[name] = _per_site(figures, n, config)
            found[label] = rows
    return found


def _per_site(figures: Figures, n: int, config: Config) -> Figures:
    if config.data.per_site:
        figures["energy_mse"] /= n**2
    return figures


def _parts(config: Config, n: int, fields, count: int):
    """Names of the sets, and which chains belong to them."""
    if fields is None:
        return [(f"n = {n}", np.ones(count, bool))]
    inside = fields <= config.data.label_fields[1]
    sets = [(f"n = {n}, labelled h", inside), (f"n = {n}, beyond", ~inside)]
    return [(label, which) for label, which in sets if which.any()]


def evaluation_basis(config: Config, n: int) -> Basis:
    """Of the chains of an evaluation: by symmetry where the model allows it."""
    flip = config.data.longitudinal == 0
    if config.data.ensemble != "ring":
        return configurations(n, flip=flip)
    local = config.model.kind == "local"
    symmetric = config.data.symmetric_basis or local
    return (orbits if symmetric else configurations)(n, flip=flip)


def test_chains(
    config: Config, n: int, samples: int
) -> tuple[Chain, Float[np.ndarray, " samples"] | None]:
    """Chains that no training saw, and the fields of rings: a uniform grid.

    The grid goes to h / J = 2, also where the energy was not evaluated so far.
    """
    d = config.data
    if d.ensemble == "ring":
        low, high = d.label_fields[0], max(d.fields[1], 2.0)
        fields = np.linspace(low, high, samples)
        return ring(n, jnp.asarray(fields, float), d.longitudinal), fields
    train = dataclasses.replace(config.train, batch_size=samples)
    key = jax.random.key(_KEY)
    return sample_chains(dataclasses.replace(config, train=train), n, key), None


test_chains.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


def _spline(config: Config, n: int, fields: np.ndarray, basis: Basis) -> np.ndarray:
    """States by a cubic spline in the field through 64 labels, held at their end."""
    from scipy.interpolate import CubicSpline

    d = config.data
    at = np.linspace(*d.label_fields, 64)
    _, states = exact_states(ring(n, jnp.asarray(at, float), d.longitudinal), basis)
    return CubicSpline(at, states)(np.clip(fields, at[0], at[-1]))

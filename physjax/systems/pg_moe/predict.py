"""Ground states of the chains in a user's file, each with proven bounds."""

import csv
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ... import io
from ..._errors import ConfigError, DataError, NumericsError
from ...io.progress import progress as show_progress
from ...operators.hamiltonians import anderson_bound
from .chain_files import Given, read_chains
from .chains import Basis, Chain, configurations, hamiltonian, orbits
from .config import Config
from .ground_states import assess, exact_states, model_states

_HEADER = [
    "chain",
    "n",
    "boundary",
    "J",
    "h",
    "g",
    "energy",
    "lower",
    "upper",
    "lower_from",
    "residual",
    "fidelity",
]
_CLUSTER = 8
"""Sites of the clusters of a floor."""
_ROUNDED = 20
"""Largest ring whose amplitudes are written, on all 2^n configurations."""


class Prediction(NamedTuple):
    """What is known of one chain's ground state.

    Attributes:
        energy: Rayleigh quotient of the state.
        lower: Lower bound.
        upper: Upper bound: the energy, and what rounding may do.
        temple: Whether the lower bound is Temple's; else it is a sum over clusters.
        residual: Norm of H psi - E psi.
        fidelity: Squared overlap with the exact state; NaN where it was not computed.
        state: In `basis`, normalised.
        basis: Of the state.
    """

    energy: float
    lower: float
    upper: float
    temple: bool
    residual: float
    fidelity: float
    state: Float[np.ndarray, " size"]
    basis: Basis


def predict_chains(
    config: Config,
    model: Any,
    chains: Sequence[Given],
    *,
    polish: int = 0,
    exact: int = 12,
    progress: bool = False,
) -> list[Prediction]:
    """Ground states of chains with their bounds, in the order of the chains.

    Args:
        config: Settings of the model.
        model: `(chain, basis) -> state`.
        chains: The chains.
        polish: Steps of Lanczos' method that every state is taken further.
        exact: Largest number of spins for an exact state beside; rings 8 more.
        progress: Whether to show how far it is.

    Raises:
        ConfigError: `polish` is negative, or the model is one of dense networks, which
            know one length only.
        DataError: The model was not trained with fields along Z.
        NumericsError: An answer is not finite.
    """
    if polish < 0:
        raise ConfigError(f"polish is {polish}, but must be at least 0.")
    if config.model.kind != "local":
        raise ConfigError(
            f"model.kind {config.model.kind!r} knows one ring only; predict with a "
            f"model of kind 'local'."
        )
    groups: dict[tuple[int, bool, bool], list[int]] = defaultdict(list)
    for k, given in enumerate(chains):
        flip = not given.longitudinal.any()
        if not flip and not config.model.longitudinal:
            raise DataError(
                f"chain {given.name} has a field g along Z, which this model was not "
                f"trained with; use weights of `default`."
            )
        groups[given.num_sites, given.is_uniform_ring, flip].append(k)
    found: dict[int, Prediction] = {}
    with show_progress(len(chains), "chains", show=progress) as advance:
        for (n, uniform, flip), members in groups.items():
            basis = (orbits if uniform else configurations)(n, flip=flip)
            limit = exact + 8 if uniform and exact else exact
            for k in members:
                found[k] = _predict(model, chains[k], basis, polish, n <= limit)
                advance(1)
    return [found[k] for k in range(len(chains))]


def _predict(
    model: Any, given: Given, basis: Basis, polish: int, exact: bool
) -> Prediction:
    # The sign of a field is a turn about Z of its spin: amplitudes change signs only.
    arrays = given.coupling, np.abs(given.field), given.longitudinal
    one = Chain(*(np.asarray(x)[None] for x in arrays))
    scale = max(np.abs(x).max() for x in arrays)
    seen = Chain(*(jnp.asarray(x[None] / scale, float) for x in arrays))
    states = model_states(model, seen, basis)
    if not (np.isfinite(states).all() and states.any()):
        raise NumericsError(
            f"the state of chain {given.name} is not finite; check the weights."
        )
    floors = None if basis.flip else np.array([_floor(given)])
    answer = assess(one, states, basis, polish=polish, floors=floors)
    fidelity = float("nan")
    if exact:
        _, truth = exact_states(one, basis)
        fidelity = float(np.dot(truth[0], np.abs(answer.states[0])) ** 2)
    return Prediction(
        float(answer.energy[0]),
        float(answer.lower[0]),
        float(answer.upper[0]),
        bool(answer.temple[0]),
        float(answer.residual[0]),
        fidelity,
        answer.states[0],
        basis,
    )


def _floor(given: Given) -> float:
    """Anderson's, of clusters of neighbours: for chains that free fermions are not."""
    with jax.enable_x64(True):
        arrays = given.coupling, np.abs(given.field), given.longitudinal
        one = Chain(*(jnp.asarray(x) for x in arrays))
        return float(anderson_bound(hamiltonian(one), size=_CLUSTER))


def predict_file(
    config: Config,
    model: Any,
    input: str | Path,
    output: str | Path,
    *,
    polish: int = 0,
    exact: int = 12,
    amplitudes: str | Path | None = None,
    plot: str | Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Read chains, write energies and bounds; files are complete or not there.

    Args:
        config: Settings of the model.
        model: `(chain, basis) -> state`.
        input: `.csv` or `.toml`, see `chain_files.read_chains`.
        output: `.csv`.
        polish: Steps of Lanczos' method that every state is taken further.
        exact: Largest number of spins for an exact state beside; rings 8 more.
        amplitudes: `.npz` of the states on all 2^n configurations.
        plot: Picture of energies and bounds.
        progress: Whether to show how far it is.

    Returns:
        `chains`, `temple` (how many have Temple's bound), `seconds`.

    Raises:
        DataError: The input holds what is no chain, or what the model does not know.
        ConfigError: An output has another ending, or is the input.
    """
    start = time.monotonic()
    output = io.check_output(output, {".csv"}, [input])
    if amplitudes is not None:
        io.check_output(amplitudes, {".npz"}, [input, output])
    if plot is not None:
        io.check_output(plot, {".png", ".pdf", ".svg"}, [input, output])
    chains = read_chains(input)
    large = [given for given in chains if given.num_sites > _ROUNDED]
    if amplitudes is not None and large:
        raise DataError(
            f"chain {large[0].name} has {large[0].num_sites} spins; amplitudes are "
            f"written for up to {_ROUNDED}."
        )
    found = predict_chains(
        config, model, chains, polish=polish, exact=exact, progress=progress
    )
    rows = [_row(given, one) for given, one in zip(chains, found, strict=True)]
    with io.atomic_output(output) as part, part.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([_HEADER, *rows])
    if amplitudes is not None:
        arrays = {
            f"amplitudes_{k}": full_state(given, one)
            for k, (given, one) in enumerate(zip(chains, found, strict=True), start=1)
        }
        with io.atomic_output(amplitudes) as part, part.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    if plot is not None:
        from .picture import plot_predictions

        plot_predictions(plot, chains, found, title=Path(input).name)
    return {
        "chains": len(chains),
        "temple": sum(one.temple for one in found),
        "seconds": time.monotonic() - start,
    }


def full_state(given: Given, one: Prediction) -> Float[np.ndarray, " states"]:
    """Amplitudes on all 2^n configurations, with the signs of negative fields."""
    n = given.num_sites
    psi = one.state
    if one.basis.reduced is not None:
        psi = np.asarray(one.basis.reduced.sector.embed(jnp.asarray(psi, float)))
    turned = int(np.sum((given.field < 0) << np.arange(n)))
    odd = np.bitwise_count(np.arange(2**n) & turned) & 1
    return (psi * (1.0 - 2.0 * odd)).astype(np.float32)


def _row(given: Given, one: Prediction) -> list[str]:
    mean = lambda x: f"{np.mean(x):.10g}"
    bonds = given.coupling if given.boundary == "periodic" else given.coupling[:-1]
    couplings = (mean(bonds), mean(given.field), mean(given.longitudinal))
    fidelity = "" if np.isnan(one.fidelity) else f"{one.fidelity:.9f}"
    cells = [given.name, str(given.num_sites), given.boundary, *couplings]
    cells += [f"{x:.12g}" for x in (one.energy, one.lower, one.upper)]
    bound = "temple" if one.temple else "clusters"
    cells += [bound, f"{one.residual:.3e}", fidelity]
    return cells

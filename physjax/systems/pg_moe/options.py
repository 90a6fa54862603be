"""What the command line asks for beyond system, weights and output. Imports no jax."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

EVALUATE = ""
"""What an evaluation cannot do without, for the hints of other commands."""


@dataclass(frozen=True)
class Demo:
    """From couplings to certified ground states across the transition.

    Your own chains, or rings of 12 spins, with the weights of the package; a small
    model is trained on the way; everything ends in a report with pictures.
    """

    input: Annotated[str | None, arg(metavar="CHAINS")] = None
    """Your own chains, .csv or .toml."""
    steps: Annotated[int | None, arg(metavar="N")] = None
    """Steps of the small training; the preset's by default."""


@dataclass(frozen=True)
class Evaluate:
    """Cosine similarity and energy of the model's states, beside what needs no network.

    Fields inside and beyond the range of labels are set apart.
    """

    sites: Annotated[tuple[int, ...] | None, arg(metavar="N")] = None
    """Numbers of spins; by default those of the training."""
    samples: Annotated[int, arg(metavar="N")] = 100
    """Chains of each length."""


@dataclass(frozen=True)
class Predict:
    """Ground states of the chains in a file, each with bounds that are proven.

    INPUT is .csv with the columns n, h and, if not 1, 0 and periodic, J, g and
    boundary; or .toml with a table [[chain]] each, where J, h and g may be lists.
    OUTPUT is .csv: energy, lower and upper bound, residual, fidelity.
    """

    polish: Annotated[int, arg(metavar="K")] = 0
    """Steps of Lanczos' method that every state is taken further."""
    exact: Annotated[int, arg(metavar="N")] = 12
    """Largest number of spins up to which the exact state is computed beside (rings: 8
    more, by their symmetry), for the fidelity; 0 for none."""
    amplitudes: Annotated[str | None, arg(metavar="FILE.npz")] = None
    """Also write the states here, `amplitudes_1` and so on: site i is bit i of the
    index, bit 0 is spin up."""
    plot: Annotated[str | None, arg(metavar="FILE")] = None
    """Picture of energies and bounds, .png, .pdf or .svg."""


def default_figures(options: Mapping[str, Any], run: Path | None) -> Path | None:
    """Where the figures of an evaluation go if nobody says: into the run."""
    return None if run is None else run / "ground_states.json"


def describe(summary: Mapping[str, Any], out: str, options: Mapping[str, Any]) -> str:
    """One line on what a prediction did."""
    count = summary["chains"]
    what = "1 chain" if count == 1 else f"{count} chains"
    sure = f"{summary['temple']} with Temple's lower bound"
    more = "".join(f", {options[k]}" for k in ("amplitudes", "plot") if options[k])
    return f"{what} in {summary['seconds']:.1f} s, {sure} -> {out}{more}"

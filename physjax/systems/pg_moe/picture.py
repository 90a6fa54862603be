"""Pictures of predictions: energies between their bounds, across the transition."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...io import atomic_output

if TYPE_CHECKING:
    from .chain_files import Given
    from .predict import Prediction

_COLOURS = ("#c1121f", "#1d6996", "#2a9d8f", "#e9a820", "#6a4c93")


def plot_predictions(
    path: str | Path,
    chains: "Sequence[Given]",
    found: "Sequence[Prediction]",
    *,
    title: str = "",
) -> None:
    """Write a picture of the energies, and of what they are off by at most.

    Over h / J where all chains are uniform, else one chain beside the other.

    Args:
        path: `.png`, `.pdf` or `.svg`, complete or not there.
        chains: The chains.
        found: What was predicted of them.
        title: Above the panels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 7), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    top, bottom = figure.subplots(2, 1, sharex=True)
    uniform = all(_is_uniform(given) for given in chains)
    for colour, (label, members) in zip(
        _cycle(), _groups(chains, uniform).items(), strict=False
    ):
        x = np.array([_ratio(chains[k]) if uniform else k + 1 for k in members])
        order = np.argsort(x)
        members = [members[k] for k in order]
        x = x[order]
        scale = np.array([_scale(chains[k]) for k in members])
        energy, lower, upper = (
            np.array([getattr(found[k], name) for k in members])
            for name in ("energy", "lower", "upper")
        )
        line = "-" if uniform and len(members) > 1 else ""
        style = {"color": colour, "marker": "o", "ms": 3, "ls": line, "lw": 1.1}
        top.plot(x, energy / scale, label=label, **style)
        if line:
            top.fill_between(
                x, lower / scale, upper / scale, color=colour, alpha=0.18, lw=0
            )
        else:
            top.vlines(x, lower / scale, upper / scale, color=colour, lw=1)
        width = (upper - lower) / np.abs(energy)
        bottom.semilogy(x, width, **style)
    top.set_ylabel(r"energy per spin over $|J|$")
    bottom.set_ylabel("width of the bounds, relative")
    bottom.set_xlabel("$h / J$" if uniform else "chain")
    if not uniform:
        bottom.set_xticks(range(1, len(chains) + 1), [x.name for x in chains])
        bottom.tick_params(axis="x", rotation=30 if len(chains) > 5 else 0)
    top.legend(frameon=False, fontsize=8)
    for axes in (top, bottom):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, lw=0.5)
    figure.align_ylabels()
    figure.suptitle(title, fontsize=11)
    with atomic_output(path) as part:
        figure.savefig(part, format=Path(path).suffix[1:].lower())


def _cycle():
    while True:
        yield from _COLOURS


def _is_uniform(given: "Given") -> bool:
    bonds = given.coupling if given.boundary == "periodic" else given.coupling[:-1]
    same = all(np.ptp(x) == 0 for x in (bonds, given.field, given.longitudinal))
    return bool(same and bonds[0] != 0)


def _scale(given: "Given") -> float:
    """What an energy is divided by: spins times the largest coupling."""
    largest = np.abs(given.coupling).max()
    return given.num_sites * float(largest if largest > 0 else 1)


def _ratio(given: "Given") -> float:
    return float(abs(given.field[0] / given.coupling[0]))


def _groups(chains: "Sequence[Given]", uniform: bool) -> dict[str, list[int]]:
    """Chains that make one line."""
    groups: dict[str, list[int]] = {}
    for k, given in enumerate(chains):
        label = f"n = {given.num_sites}, {given.boundary}"
        if uniform and given.longitudinal[0]:
            label += f", g / J = {given.longitudinal[0] / given.coupling[0]:.3g}"
        groups.setdefault(label, []).append(k)
    return groups

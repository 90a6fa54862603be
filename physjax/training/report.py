"""`report.md` and the loss curve of a run."""

from pathlib import Path
from typing import Any

from .._settings import to_toml
from .._system import System
from .progress import clock
from .run_folder import RunFolder, versions, write_text


def plot_loss(rows: list[dict[str, Any]], path: Path) -> None:
    """Loss and gradient norm against the step, both logarithmic, to a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = [row["step"] for row in rows]
    loss = [row["loss"] for row in rows]
    axes.plot(steps, loss, label="loss, mean over the logging interval")
    if min(loss) > 0:
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def write_report(
    run: RunFolder, system: System, config: Any, rows: list[dict[str, Any]]
) -> None:
    """Write `plots/loss.png` and `report.md`."""
    lines = [f"# {system.name}: a training run", "", f"Paper: {system.paper}", ""]
    if rows:
        run.plots.mkdir(exist_ok=True)
        plot_loss(rows, run.plots / "loss.png")
        last = rows[-1]
        skip = ("step", "seconds", "steps_per_s")
        lines += [
            f"{last['step']} steps in {clock(last['seconds'])} "
            f"(without compilation), seed {config.train.seed}.",
            "",
            "| mean over the last logging interval | |",
            "|---|---|",
            *(f"| {k} | {v:.6g} |" for k, v in last.items() if k not in skip),
            "",
            "![loss](plots/loss.png)",
            "",
        ]
    lines += [
        "## Next",
        "",
        "```",
        f"physjax evaluate {system.name} --weights {run.root}",
        f"physjax predict {system.name} INPUT --out OUTPUT --weights {run.root}",
        "```",
        "",
        "## Settings",
        "",
        f"`physjax train {system.name} --config {run.config}` trains it again.",
        "",
        "```toml",
        to_toml(config).strip(),
        "```",
        "",
        "Versions: " + ", ".join(f"{k} {v}" for k, v in versions().items()) + ".",
        "",
    ]
    write_text(run.report, "\n".join(lines))

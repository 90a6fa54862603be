"""What was measured of KARMA as tables: mean and spread over seeds."""

from collections import defaultdict
from typing import Any

import numpy as np

from physjax.metrics import mean_iou, overall_accuracy

Records = list[dict[str, Any]]


def table(records: Records) -> str:
    """All tables that the records have lines for."""
    kinds = {
        "grid": reconstruction,
        "folds": probes,
        "learned": endmembers,
        "overhead": overhead,
    }
    tables = []
    for kind, make in kinds.items():
        own = [record for record in records if record["shows"] == kind]
        if own:
            tables.append("\n".join(make(own)))
    return "\n\n".join(tables)


def _cell(values, form: str = ".3f") -> str:
    spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return f"{np.mean(values):{form}} ± {spread:{form}}"


def _head(*names: str) -> list[str]:
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]


def reconstruction(records: Records) -> list[str]:
    """Networks and losses, beside kriging and the mean of what is seen."""
    lines = _head("cell", "seeds", "PSNR (dB)", "SSIM", "angle (rad)")
    cells = defaultdict(list)
    for record in records:
        cells[record["name"]].append(record["figures"])
    for name, rows in cells.items():
        data = name.split()[0]
        for method in rows[0] if name == f"{data} ours all" else ("model",):
            figures = (("psnr", ".2f"), ("ssim", ".3f"), ("angle", ".4f"))
            text = [_cell([r[method][k] for r in rows], form) for k, form in figures]
            label = name if method == "model" else f"{data}, {method}"
            lines.append(f"| {label} | {len(rows)} | {' | '.join(text)} |")
    return lines


def probes(records: Records) -> list[str]:
    """Frozen probes: confusions pooled over folds, and few labels."""
    lines = _head("probe", "seeds", "OA", "mIoU", "OA, 10 labels per class")
    by_kind: dict[str, dict[int, dict]] = defaultdict(lambda: defaultdict(dict))
    for record in records:
        kind, _, fold = record["name"].split()
        by_kind[kind][record["seed"]][fold] = record["figures"]
    few = {}
    for kind, by_seed in by_kind.items():
        whole = {s: rows for s, rows in by_seed.items() if len(rows) == 6}
        if not whole:
            lines.append(f"| {kind} | {len(by_seed)} begun | | | |")
            continue
        pooled = [
            np.sum([row["confusion"] for row in rows.values()], 0)
            for rows in whole.values()
        ]
        few[kind] = {
            seed: np.mean([row["few_labels"] for row in rows.values()], 0)
            for seed, rows in whole.items()
        }
        row = (
            kind,
            str(len(whole)),
            _cell([overall_accuracy(c) for c in pooled]),
            _cell([mean_iou(c) for c in pooled]),
            _cell([np.mean(x) for x in few[kind].values()]),
        )
        lines.append(f"| {' | '.join(row)} |")
    if {"ours", "vanilla"} <= few.keys():
        seeds = few["ours"].keys() & few["vanilla"].keys()
        gains = np.concatenate([few["ours"][s] - few["vanilla"][s] for s in seeds])
        half = 1.96 * np.std(gains, ddof=1) / np.sqrt(len(gains))
        lines += [
            "",
            f"ours less vanilla, 10 labels per class, {len(gains)} draws: "
            f"{np.mean(gains):.3f}, 95 % interval {np.mean(gains) - half:.3f} to "
            f"{np.mean(gains) + half:.3f}",
        ]
    return lines


def endmembers(records: Records) -> list[str]:
    """Learned endmembers: over scenes, and spread over seeds of their mean."""
    lines = _head("SNR", "scenes", "method", "mSAD (rad)", "aRMSE")
    scenes: dict[tuple, dict] = defaultdict(lambda: defaultdict(list))
    for record in records:
        snr = record["name"].split(", ")[1]
        for method, figures in record["figures"].items():
            scenes[snr, method][record["seed"]].append(figures)
    for (snr, method), by_seed in scenes.items():
        count = sum(map(len, by_seed.values()))
        text = [
            _cell([np.mean([r[k] for r in rows]) for rows in by_seed.values()], ".4f")
            for k in ("msad", "armse")
        ]
        lines.append(f"| {snr} | {count} | {method} | {' | '.join(text)} |")
    return lines


def overhead(records: Records) -> list[str]:
    """Time of a step, and what physics adds to it."""
    lines = _head("network", "ms per step", "over vanilla", "making images apart")
    for name, row in records[-1]["figures"].items():
        more = [f"{100 * v:+.0f} %" for k, v in row.items() if k != "seconds"]
        cells = (name, f"{1e3 * row['seconds']:.1f}", *(more or ("", "")))
        lines.append(f"| {' | '.join(cells)} |")
    return lines

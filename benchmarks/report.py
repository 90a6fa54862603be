"""What a run leaves behind: a JSON record, and a markdown table for the reader."""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from .launch import Context, cores

RESULTS = Path(__file__).parent / "results"
_PACKAGES = (
    *("physjax", "jax", "jaxlib", "numpy", "scipy", "equinox", "optax", "flax"),
    *("torch", "pyfftw", "numba"),
)
_VARIABLES = re.compile(
    r"(OMP|OPENBLAS|MKL|NUMEXPR|NUMBA|VECLIB)_|GOMP_|GLIBC_TUNABLES|JAX_|XLA_"
)


def metadata(bench: str, context: Context, device: str) -> dict:
    """Where, when and with what a run was made."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "bench": bench,
        "commit": _commit(),
        "python": platform.python_version(),
        "host": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "device": device,
        "backend": context.backend,
        "mode": context.mode,
        "heap": context.heap,
        "quick": context.quick,
        "argv": sys.argv[1:],
        "threads": context.threads,
        "cores": cores(),
        "clock": "process_time" if context.mode == "steady" else "perf_counter",
        "load_start": load(),
        "load_end": None,
        "env": {k: v for k, v in sorted(os.environ.items()) if _VARIABLES.match(k)},
        **versions,
    }


def load() -> float | None:
    """Processes that wait for a core, averaged over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _commit() -> str | None:
    here = Path(__file__).parent
    try:
        git = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
        out = subprocess.run(git, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return out.stdout.strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def slug(device: str) -> str:
    """`NVIDIA H200` -> `nvidia-h200`."""
    return re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")


def write(meta: dict, rows: list[dict], folder: Path) -> Path:
    """Writes `<bench>-<device>-<mode>.json`."""
    mode = meta["mode"] + ("-heap" if meta["heap"] else "")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{meta['bench']}-{slug(meta['device'])}-{mode}.json"
    text = json.dumps({"meta": meta, "rows": rows}, indent=1, allow_nan=False)
    path.write_text(text + "\n")
    return path


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _number(value: float | None, form: str = ".3g") -> str:
    return "" if value is None else format(value, form)


def _remarks(row: dict) -> str:
    remarks = [row["status"]] if row["status"] != "ok" else []
    for gate in row["gates"]:
        against = f" vs {gate['against']}" if gate["against"] else ""
        aim = "" if gate["aim"] is None else f", aim {gate['aim']:g}"
        remarks.append(
            f"{gate['verdict']}: {gate['quantity']}{against} "
            f"{_number(gate['value'])} (floor {gate['floor']:g}{aim})"
        )
    remarks += [f"{name} {value:.4g}" for name, value in row["metrics"].items()]
    if row["noisy"]:
        remarks.append(f"noisy: {row['noisy']}")
    return "; ".join(remarks)


def markdown(rows: list[dict]) -> str:
    """Rows of one table (same op, size and dtype) as markdown."""
    first = rows[0]
    head = (
        f"case | median | q25-q75 | min | rounds | {first['ref']} / this | first call "
        "less run | error | GB/s | of copy | items/s | verdict | remarks"
    ).split(" | ")
    lines = [
        f"### {first['op']}, {first['size']}, {first['dtype']} ({first['mode']})",
        "",
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
    ]
    for row in rows:
        quartiles = ""
        if row["q25_s"] is not None:
            quartiles = f"{_time(row['q25_s'])} - {_time(row['q75_s'])}"
        cells = (
            row["case"],
            _time(row["median_s"]),
            quartiles,
            _time(row["min_s"]),
            _number(row["rounds"], "d"),
            _number(row["ratio_ref_over_this"]),
            _time(row["compile_s"]),
            _number(row["err"], ".1e"),
            _number(row["gbps"]),
            _number(row["copy_fraction"]),
            _number(row["items_per_s"]),
            row["verdict"],
            _remarks(row),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"

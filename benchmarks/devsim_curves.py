"""Drift-diffusion against current-voltage curves of DEVSIM, file by file.

    python -m benchmarks.devsim_curves FOLDER/devsim_meta_*.json

Each file of parameters has its curve `devsim_iv_*.csv` beside it. The mesh is built as
DEVSIM built it. Prints the largest relative deviation where J > 1e-8 A/cm^2 and how
long the sweep took after compilation. Exit code 1 where the floor of 1e-4 is missed.
"""

import json
import sys
import time
from pathlib import Path

import jax
import numpy as np

from physjax.solvers import Device1D, graded_mesh, solve_drift_diffusion

FLOOR = 1e-4
JUDGED = 1e-8  # A/cm^2


def read(path: Path) -> tuple[Device1D, np.ndarray, np.ndarray]:
    """The device of a file of parameters, and the curve beside it: V and A/cm^2."""
    meta = json.loads(path.read_text())
    junction, ends, middle = meta["xj"], meta["ps_end"], meta["ps_mid"]
    x = graded_mesh([0.0, junction, meta["L"]], [ends, middle, ends])
    if len(x) != meta["nodes"]:
        raise ValueError(f"{path}: {meta['nodes']} nodes expected, {len(x)} made.")
    numbers = {
        "x": x,
        # Acceptors up to the junction, donors from there: both on the node.
        "doping": meta["Nd"] * (x >= junction) - meta["Na"] * (x <= junction),
        "relative_permittivity": meta["eps"],
        "intrinsic_density": meta["ni"],
        "electron_mobility": meta["mun"],
        "hole_mobility": meta["mup"],
        "electron_lifetime": meta["tau"],
        "hole_lifetime": meta["tau"],
        "temperature": 300.0,
    }
    name = path.name.replace("devsim_meta_", "devsim_iv_")
    curve = np.loadtxt(
        path.with_name(name).with_suffix(".csv"), delimiter=",", skiprows=1
    )
    device = Device1D(**{key: np.asarray(x, np.float64) for key, x in numbers.items()})
    return device, curve[:, 0], curve[:, 1]


def main(paths: list[str]) -> int:
    jax.config.update("jax_enable_x64", True)
    solve = jax.jit(solve_drift_diffusion)
    print("| device | nodes | biases | deviation | at | failed | sweep |")
    print("|---|---|---|---|---|---|---|")
    missed = False
    for path in map(Path, paths):
        device, volts, expected = read(path)
        jax.block_until_ready(solve(device, volts))
        start = time.perf_counter()
        solution = jax.block_until_ready(solve(device, volts))
        seconds = time.perf_counter() - start
        judged = expected > JUDGED
        current = np.asarray(solution.value.current_density)
        deviation = np.abs(current / np.where(judged, expected, 1) - 1)[judged]
        failed = int(np.count_nonzero(solution.result))
        worst = int(np.argmax(deviation))
        missed |= failed > 0 or not deviation[worst] <= FLOOR
        print(
            f"| {path.stem.removeprefix('devsim_meta_')} | {len(device.x)} | "
            f"{len(volts)} | {deviation[worst]:.1e} | {volts[judged][worst]:.3f} V | "
            f"{failed} | {seconds:.3f} s |"
        )
    print(f"\nFloor {FLOOR:.0e}: {'missed' if missed else 'met'}.")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

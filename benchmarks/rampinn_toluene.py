"""The shipped weights on measured toluene, against the floors.

    python -m benchmarks.rampinn_toluene toluene_000.csv toluene_010.csv

Prints, per file, the known lines found within 4 cm^-1, false ones in the silent region
and detections in the fingerprint region. Exit code 1 where a floor is missed.
"""

import sys

import numpy as np

from physjax import io, training
from physjax.systems import load
from physjax.systems.rampinn.lines import find_lines, match_lines
from physjax.systems.rampinn.predict import predict_spectra

LINES = np.array([521.7, 786.5, 1003.6, 1030.6, 1211.4, 1605.1])
FLOORS = "at least 4 of 6, at most 10, at most 20"


def judge(path: str) -> tuple[int, int, int, np.ndarray]:
    """Lines found, false ones in 1800-2700, detections in 450-1750, offsets."""
    measured = io.read_spectra(path)
    nu = measured.wavenumber
    _, model = training.load_model(load("rampinn"))
    raman, _ = predict_spectra(model, measured.load().reshape(-1), nu)
    found = find_lines(nu, raman)
    off = match_lines(found, LINES)
    within = lambda low, high: int(((found > low) & (found < high)).sum())
    return int((np.abs(off) <= 4).sum()), within(1800, 2700), within(450, 1750), off


def main(paths: list[str]) -> int:
    missed = False
    print("| file | lines | silent | fingerprint | off by (cm^-1) |")
    print("|---|---|---|---|---|")
    for path in paths:
        lines, silent, fingerprint, off = judge(path)
        missed |= lines < 4 or silent > 10 or fingerprint > 20
        print(f"| {path} | {lines} | {silent} | {fingerprint} | {off.round(1)} |")
    print(f"\nFloors: {FLOORS}: {'missed' if missed else 'met'}.")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

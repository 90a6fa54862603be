"""What `physjax unmix` takes for a large image, from its start to its last file.

An image of whole numbers (int16, BIL, as sensors deliver it) is written to a temporary
folder and unmixed twice by a process of its own: `cold`, with an empty folder of
compiled programs, and `warm`, with what the first run left there. Beside the time
stands the error of the abundances, so that no speed is bought with it.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from physjax import io, metrics


def speed(arguments) -> dict:
    """Seconds, pixels per second, peak memory and error, cold and warm."""
    rows = columns = arguments.side
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        cube = Path(folder) / "cube.img"
        spectra, shares = make_cube(cube, rows, columns, arguments.bands, 4)
        environment = {**os.environ, "PHYSJAX_CACHE_DIR": str(Path(folder) / "cache")}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        out: dict = {
            "pixels": rows * columns,
            "bands": arguments.bands,
            "processors": len(os.sched_getaffinity(0)),
        }
        for name in ("cold", "warm"):
            answer = Path(folder) / name
            command = [sys.executable, "-m", "physjax", "unmix", str(cube)]
            command += ["--endmembers", "4", "--out", str(answer), "--quiet"]
            start = time.perf_counter()
            process = subprocess.Popen(command, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            if status:
                sys.exit(f"{' '.join(command)} failed")
            out[name] = {
                "seconds": round(seconds, 2),
                "processor_seconds": round(usage.ru_utime + usage.ru_stime, 2),
                "pixels_per_second": round(rows * columns / seconds),
                "peak_gib": round(usage.ru_maxrss / 2**20, 2),
                **error_of(answer, spectra, shares),
            }
            print(name, out[name], flush=True)
    return out


def make_cube(path: Path, rows: int, columns: int, bands: int, members: int):
    """Write an image of smooth maps and noise; returns its spectra and its shares."""
    random = np.random.default_rng(0)
    axis = np.linspace(420, 2450, bands)
    k = np.arange(members)[:, None]
    spectra = 0.4 + 0.2 * np.sin(axis / 300 + 1.7 * k)
    spectra = spectra + 0.15 * np.cos(axis / 170 * (1 + k / 5))
    # Sums of waves stand for the patches of a landscape.
    waves = random.normal(size=(2, members, 12)) * 12
    phases = random.uniform(0, 2 * np.pi, (members, 12))
    y, x = np.linspace(0, 1, rows)[:, None], np.linspace(0, 1, columns)[None]
    fields = [
        sum(
            np.sin(a * y + b * x + c)
            for a, b, c in zip(*waves[:, i], phases[i], strict=True)
        )
        for i in range(members)
    ]
    shares = np.exp(np.stack(fields, -1))
    shares = (shares / shares.sum(-1, keepdims=True)).astype(np.float32)
    with io.create_envi(
        path,
        (rows, columns, bands),
        "<i2",
        interleave="bil",
        wavelength=axis,
        scale=1e-4,
    ) as image:
        for row in range(rows):
            light = random.uniform(0.7, 1.3, (columns, 1))
            block = light * (shares[row] @ spectra)
            block = block + 0.003 * random.standard_normal(block.shape)
            image[row] = np.rint(1e4 * block)
    return spectra, shares.reshape(-1, members)


def error_of(answer: Path, spectra: np.ndarray, shares: np.ndarray) -> dict:
    """Angle to the true spectra, and error of the shares of unit spectra."""
    with (answer / "endmembers.csv").open(newline="") as file:
        table = list(csv.reader(line for line in file if not line.startswith("#")))
    found = np.array([row[1:] for row in table[1:]], float).T
    pairs = metrics.align(found, spectra)
    maps = io.read_cube(answer / "abundances.img").reflectance(slice(None))
    maps = metrics.take_members(maps.reshape(shares.shape), pairs.order)
    truth = metrics.convert_abundances(shares, spectra, "unit")
    return {
        "msad": round(float(pairs.mean_angle), 4),
        "armse": round(float(metrics.abundance_rmse(maps, truth)), 4),
    }

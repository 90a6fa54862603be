"""Predictions of rampinn: spectra per second, and the memory of a long file.

The first table times the shipped model on arrays; the float64 reference is the same
model cast up. The second runs `physjax predict` on files in processes of their own and
watches their anonymous memory (what is theirs alone: neither files nor libraries),
which must not grow with the file.
"""

import functools as ft
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from physjax import systems, training
from physjax.systems.rampinn.predict import predict_spectra

from .harness import Case, Gate, Table
from .kramers_kronig import BACKGROUND, susceptibilities
from .launch import Context
from .peers import copy_case

NUM_POINTS = 1000
TOLERANCE = 1e-4
AXIS = np.linspace(400.0, 2400.0, NUM_POINTS)
POLL_SECONDS = 0.01


def tables(context: Context) -> Iterator[Table]:
    yield _speed(context)
    with tempfile.TemporaryDirectory(prefix="physjax-benchmark-") as folder:
        yield _memory(context, Path(folder))


def _shipped_model() -> Any:
    system = systems.load("rampinn")
    if system.weights is None:
        raise SystemExit("rampinn comes without weights; nothing to time")
    return training.load_model(system)[1]


def _intensities(count: int) -> np.ndarray:
    chi = susceptibilities(count, NUM_POINTS) + BACKGROUND
    return (np.abs(chi) ** 2 / 2).astype(np.float32)


def _speed(context: Context) -> Table:
    model = _shipped_model()
    count = 32 if context.quick else 512 if context.backend == "cpu" else 16_384
    intensity = _intensities(count)
    batch = min(32 if context.backend == "cpu" else 1024, count)
    params, static = eqx.partition(model, eqx.is_inexact_array)

    @jax.jit
    def retrieve(params, rows):
        return tuple(jax.vmap(eqx.combine(params, static))(rows))

    def by_batches(params, intensity) -> list[Any]:
        starts = range(0, count, batch)
        return [retrieve(params, intensity[i : i + batch]) for i in starts]

    def joined(answers) -> np.ndarray:
        parts = zip(*jax.device_get(answers), strict=True)
        return np.stack([np.concatenate(part) for part in parts])

    with jax.enable_x64(True):
        double = ft.partial(jax.tree.map, lambda x: jnp.asarray(x, jnp.float64))
        exact = joined(by_batches(double(params), intensity.astype(np.float64)))
    cases = [
        Case(
            f"compiled model, batches of {batch}",
            lambda: lambda: by_batches(params, intensity),
            jax.block_until_ready,
            joined,
        ),
        Case(
            "predict_spectra",
            lambda: lambda: predict_spectra(model, intensity, AXIS),
            value=np.stack,
        ),
    ]
    return Table(
        op="predict",
        size=f"{count}x{NUM_POINTS}",
        dtype="float32",
        ref="predict_spectra",
        cases=cases,
        reference=exact,
        tolerance=TOLERANCE,
        items=count,
        traffic=3 * intensity.nbytes,
        roofline=copy_case(3 * intensity.nbytes),
        roofline_traffic=6 * intensity.nbytes,
    )


def _memory(context: Context, folder: Path) -> Table:
    counts = (300, 3000) if context.quick else (10_000, 100_000)
    np.save(folder / "axis.npy", AXIS)
    peaks: dict[int, float] = {}

    def metrics(count: int) -> dict[str, float]:
        found = {"peak_anonymous_gib": peaks[count] / 2**30}
        if count != counts[0]:
            found["peak_difference"] = abs(peaks[count] / peaks[counts[0]] - 1)
        return found

    def case(count: int, *gates: Gate) -> Case:
        name = f"{count} spectra"
        if not Path("/proc/self/status").exists():
            return Case(name, missing="needs /proc (Linux)")

        def sample() -> float:
            seconds, peaks[count] = _predict_file(context, folder, count)
            return seconds

        return Case(
            name,
            sample=sample,
            metrics=lambda: metrics(count),
            gates=gates,
            units=count,
        )

    few, many = counts
    limit = (Gate("peak_anonymous_gib", 2.0),) if context.backend == "cpu" else ()
    return Table(
        op="physjax predict, .npy, per spectrum",
        size=f"{few} and {many} of {NUM_POINTS}",
        dtype="float32",
        ref=f"{few} spectra",
        cases=[case(few, *limit), case(many, *limit, Gate("peak_difference", 0.1))],
        items=1,
        rounds=1,
        seconds=0.0,
    )


def _predict_file(context: Context, folder: Path, count: int) -> tuple[float, float]:
    """Runs `physjax predict`: its seconds, and its peak anonymous memory in bytes."""
    source, output = folder / f"{count}.npy", folder / "out.npz"
    few = _intensities(100)
    if not source.exists():
        file = np.lib.format.open_memmap(source, "w+", np.float32, (count, NUM_POINTS))
        for i in range(0, count, len(few)):
            file[i : i + len(few)] = few[: count - i]
        file.flush()
        del file
    command = [sys.executable, "-m", "physjax.cli", "predict", "rampinn", str(source)]
    command += [
        "--wavenumber",
        str(folder / "axis.npy"),
        "--out",
        str(output),
        "--quiet",
    ]
    before, start, peak = _children(), time.perf_counter(), 0
    with open(folder / "stderr", "w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while process.poll() is None:
            peak = max(peak, _anonymous(process.pid))
            time.sleep(POLL_SECONDS)
        elapsed, used = time.perf_counter() - start, _children() - before
        if process.returncode:
            log.seek(0)
            raise RuntimeError(log.read().strip())
    with np.load(output) as answers:
        raman = answers["raman"]
    output.unlink()
    if raman.shape != (count, NUM_POINTS):
        raise ValueError(f"the answer has shape {raman.shape}")
    last = raman[(count - 1) // 100 * 100 :]
    if not np.allclose(last, raman[: len(last)], rtol=1e-4, atol=1e-6):
        raise ValueError("equal spectra have different answers")
    return used if context.mode == "steady" else elapsed, peak


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _anonymous(pid: int) -> int:
    """Resident anonymous memory of a process in bytes; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("RssAnon"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    return 0

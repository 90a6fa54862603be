"""Blind unmixing by one frozen setting, on generated scenes and on a measured one.

    python -m benchmarks.unmixing scenes --seeds 10 --out scenes.json
    python -m benchmarks.unmixing scenes --variability 0.05
    python -m benchmarks.unmixing cube --data FOLDER       Samson, a MATLAB file
    python -m benchmarks.unmixing vca                      64 seeds against hypers
    python -m benchmarks.unmixing speed                    `physjax unmix`, end to end

The settings are the defaults of the library, chosen on generated scenes of seeds from
100 on. Reported are, as mean and spread over seeds:

* `number`: share of scenes whose number of endmembers is found (`noise_edge`; `hysime`
  beside it);
* `msad`: mean spectral angle to the endmembers, rad, after the one alignment, which the
  abundances follow;
* `armse`: root mean square error of the abundances over pixels and members. A scene of
  unknown brightness tells a spectrum from no multiple of it: fractions are of
  endmembers of unit L2 norm, for all scenes, found and true alike;
* `armse_fitted`: that to the fractions of the spectra as the library has them,
  after each found endmember is scaled so that the brightness varies least over the
  scene: for scenes where it varies little;
* `floor`: `armse` of the same abundance solver with the true endmembers.
"""

import argparse
import contextlib
import functools
import io
import json
import os
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import scipy.io

from physjax import metrics
from physjax.simulators.scenes import SceneConfig, make_scene
from physjax.solvers import endmembers as em
from physjax.solvers.unmixing import nonnegative, normalized_nonnegative

from .peers import find
from .unmixing_speed import speed

METHODS = {
    "blind": em.blind_endmembers,
    "likelihood": em.simplex_likelihood,
    "archetypes": em.archetypes,
    "sisal": em.sisal,
    "vca": em.vca,
    "nfindr": em.nfindr,
}


def data_folder(given: str | None) -> Path:
    base = given or os.environ.get("PHYSJAX_SHARED_DATA")
    if not base:
        sys.exit("No data: give --data FOLDER or set PHYSJAX_SHARED_DATA.")
    return Path(base) / "hyperspectral"


def read_library(folder: Path) -> np.ndarray:
    """Spectra of the USGS library of 1995, one per row, bands by wavelength."""
    path = folder / "libraries" / "USGS_1995_Library.mat"
    table = scipy.io.loadmat(path)["datalib"]
    order = np.argsort(table[:, 0], kind="stable")
    return np.ascontiguousarray(table[order, 3:].T, np.float32)


@functools.cache
def _compiled(name: str):
    return jax.jit(METHODS[name], static_argnums=1)


_make = jax.jit(make_scene, static_argnums=2)
_hysime, _noise_edge = jax.jit(em.hysime), jax.jit(em.noise_edge)
_abundances = jax.jit(lambda y, e: normalized_nonnegative(y, e).value)
_amounts = jax.jit(lambda y, e: nonnegative(y, e).value)


def fitted_fractions(amounts: np.ndarray) -> np.ndarray:
    """Fractions whose brightness, a weighted sum of the amounts, varies least."""
    power = np.linalg.norm(amounts, axis=0)
    weights, *_ = np.linalg.lstsq(amounts / power, np.ones(len(amounts)), rcond=None)
    weights = weights / power
    weights = np.maximum(weights, 0.02 * np.median(weights[weights > 0]))
    weighted = amounts * weights
    return weighted / np.maximum(weighted.sum(1, keepdims=True), 1e-12)


def judge(y, endmembers, truth, reference) -> dict[str, float]:
    """Figures of found endmembers; `truth` are fractions of unit endmembers."""
    pairs = metrics.align(endmembers, reference)
    shares = np.asarray(_abundances(y, jnp.asarray(endmembers)))
    shares = metrics.take_members(shares, pairs.order)
    return {
        "msad": pairs.mean_angle,
        "armse": metrics.abundance_rmse(shares, truth),
    }


def one_scene(library, seed: int, config: SceneConfig, methods) -> dict:
    """Figures of all methods on one generated scene."""
    scene = _make(jax.random.key(seed), library, config)
    y = scene.cube.reshape(-1, scene.cube.shape[-1])
    members = config.num_members
    raw = np.asarray(scene.abundances, np.float64).reshape(-1, members)
    reference = np.asarray(scene.endmembers, np.float64)
    unit = metrics.convert_abundances(raw, reference, "unit")
    with_truth = np.asarray(_abundances(y, scene.endmembers))
    row: dict = {
        "members": members,
        "snr_db": config.snr_db,
        "seed": seed,
        "number": int(_noise_edge(y).value) == members,
        "number_hysime": int(_hysime(y).value) == members,
        "floor": metrics.abundance_rmse(with_truth, unit),
    }
    for name in methods:
        start = time.perf_counter()
        solution = _compiled(name)(y, members, jax.random.key(seed))
        found = np.asarray(solution.value.spectra)
        figures = judge(y, found, unit, reference)
        figures["seconds"] = time.perf_counter() - start
        pairs = metrics.align(found, reference)
        amounts = np.asarray(_amounts(y, jnp.asarray(found)), np.float64)
        fitted = metrics.take_members(fitted_fractions(amounts), pairs.order)
        figures["armse_fitted"] = metrics.abundance_rmse(fitted, raw)
        row[name] = figures
    return row


def summary(rows: list[dict], methods) -> dict:
    """Means and spreads over seeds (of the mean over the scenes of a seed)."""
    seeds = sorted({row["seed"] for row in rows})

    def of(pick, keep=lambda row: True):
        values = [
            np.mean([pick(row) for row in rows if row["seed"] == seed and keep(row)])
            for seed in seeds
        ]
        return {"mean": float(np.mean(values)), "spread": float(np.std(values))}

    at_30 = lambda row: row["snr_db"] == 30
    out: dict = {
        "seeds": seeds,
        "number": of(lambda row: row["number"]),
        "number_hysime": of(lambda row: row["number_hysime"]),
        "floor_at_30": of(lambda row: row["floor"], at_30),
    }
    for name in methods:
        out[name] = {
            "msad": of(lambda row, name=name: row[name]["msad"]),
            "armse_at_30": of(lambda row, name=name: row[name]["armse"], at_30),
            "armse_fitted_at_30": of(
                lambda row, name=name: row[name]["armse_fitted"], at_30
            ),
        }
    return out


def scenes(arguments) -> dict:
    """Row 8: 3 to 8 endmembers, 20 to 40 dB."""
    library = jnp.asarray(read_library(data_folder(arguments.data)))
    methods, rows = arguments.methods.split(","), []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        for members in arguments.members:
            for snr_db in arguments.snr:
                config = SceneConfig(
                    num_members=members,
                    snr_db=snr_db,
                    variability=arguments.variability,
                )
                row = one_scene(library, seed, config, methods)
                rows.append(row)
                figures = " ".join(
                    f"{name} {row[name]['msad']:.4f} {row[name]['armse']:.4f}"
                    for name in methods
                )
                print(seed, members, snr_db, figures, f"{row['floor']:.4f}", flush=True)
                _write(arguments.out, {"rows": rows})  # what is done is done
    return {"summary": summary(rows, methods), "rows": rows}


def cube(arguments) -> dict:
    """Rows 6 and 7: a measured scene with reference endmembers and abundances."""
    folder = data_folder(arguments.data) / "samson"
    y = scipy.io.loadmat(folder / "samson_1.mat")["V"].T.astype(np.float32)
    reference = scipy.io.loadmat(folder / "end3.mat")
    truth, spectra = reference["A"].T.astype(np.float64), reference["M"].T
    y, members = jnp.asarray(y), len(spectra)
    out: dict = {}
    for scale in ("unit", "max"):
        factor = metrics.convert_abundances(np.ones((1, members)), spectra, scale)
        shares = np.asarray(_abundances(y, jnp.asarray(spectra, jnp.float32)))
        if scale == "max":  # the solver's fractions are those of unit spectra
            back = metrics.convert_abundances(np.ones((1, members)), spectra, "unit")
            shares = shares * factor / back
            shares = shares / shares.sum(1, keepdims=True)
        out[f"reference_{scale}"] = metrics.abundance_rmse(shares, truth)
    for name in arguments.methods.split(","):
        runs = []
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            found = _compiled(name)(y, members, jax.random.key(seed)).value.spectra
            runs.append(judge(y, np.asarray(found), truth, spectra))
            print(name, seed, runs[-1], flush=True)
        out[name] = {
            key: {
                "mean": float(np.mean([run[key] for run in runs])),
                "spread": float(np.std([run[key] for run in runs])),
            }
            for key in runs[0]
        }
    return out


def vca_of_many_seeds(arguments) -> dict:
    """Row 5: 64 seeds in one program against 10 runs of hypers, one after the other."""
    hypers = find("hypers")
    if hypers is None:
        sys.exit("The peer is not installed (hypers: extra `bench`).")
    library = jnp.asarray(read_library(data_folder(arguments.data)))
    scene = _make(jax.random.key(100), library, SceneConfig(num_members=5))
    y = scene.cube.reshape(-1, library.shape[1])
    peer = hypers.array(np.asarray(scene.cube, np.float64)).unmix.vca
    keys = jax.random.split(jax.random.key(0), 64)
    many = jax.vmap(lambda y, key: em.vca(y, 5, key).value.spectra, (None, 0))
    run = jax.jit(many)
    jax.block_until_ready(run(y, keys))
    ratios, ours, theirs = [], [], []
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(run(y, keys))
        middle = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):  # it prints as it goes
            for _ in range(10):
                peer.calculate(5)
        end = time.perf_counter()
        ours.append(middle - start)
        theirs.append(end - middle)
        ratios.append(theirs[-1] / ours[-1])
    return {
        "64_seeds_s": float(np.median(ours)),
        "10_runs_of_hypers_s": float(np.median(theirs)),
        "ratio": float(np.median(ratios)),
    }


def _write(path: str | None, result: dict) -> None:
    if path:
        Path(path).write_text(json.dumps(result, indent=1))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Blind unmixing.")
    what = {"scenes": scenes, "cube": cube, "vca": vca_of_many_seeds}
    what["speed"] = speed
    parser.add_argument("what", choices=what)
    parser.add_argument("--data", help="folder that PHYSJAX_SHARED_DATA would name")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--members", type=int, nargs="+", default=[3, 4, 5, 6, 7, 8])
    parser.add_argument("--snr", type=float, nargs="+", default=[20.0, 30.0, 40.0])
    parser.add_argument("--variability", type=float, default=0.0)
    parser.add_argument("--methods", default="blind,vca", help=",".join(METHODS))
    parser.add_argument("--side", type=int, default=1000, help="rows of the image")
    parser.add_argument("--bands", type=int, default=200, help="bands of the image")
    parser.add_argument("--folder", help="where the image may be (0.4 GB)")
    parser.add_argument("--out", help="JSON file")
    arguments = parser.parse_args(argv)
    result = what[arguments.what](arguments)
    _write(arguments.out, result)
    print(json.dumps(result.get("summary", result), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

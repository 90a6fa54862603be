"""KARMA: what the physics brings, term by term, several seeds.

    python -m benchmarks.karma grid --seeds 3           rows 9: losses by network
    python -m benchmarks.karma folds --seeds 3          frozen probes, tiles of Potsdam
    python -m benchmarks.karma learned --seeds 3        endmembers learned from scenes
    python -m benchmarks.karma overhead                 time of a training step
    python -m benchmarks.karma bands                    logistic regression on bands
    python -m benchmarks.karma --table

Measured tiles are looked for in the folder that PHYSJAX_SHARED_DATA names. Every
training is kept in --runs and resumed where it stopped; its figures go, one line each,
into benchmarks/results/karma.jsonl, and what is there already is not made again.
"""

import argparse
import dataclasses
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physjax import io, training
from physjax.metrics import confusion, convert_abundances
from physjax.simulators.scenes import SceneConfig, make_scene
from physjax.solvers.endmembers import blind_endmembers, vca
from physjax.systems import load
from physjax.systems.karma.config import (
    Config,
    DataConfig,
    LossConfig,
    ModelConfig,
)
from physjax.systems.karma.cubes import read_cubes
from physjax.systems.karma.data import sample_images
from physjax.systems.karma.evaluate import pieces, reconstruction_figures
from physjax.systems.karma.features import pixel_features, standardised
from physjax.systems.karma.heads import fit_linear_probe
from physjax.systems.karma.learned import learn_endmembers
from physjax.systems.karma.splits import tile_folds
from physjax.training.config import TrainConfig

from . import report, unmixing
from .karma_table import table

CLASSES = 6
HELD_OUT = 2**31 - 1
KINDS = "grid|folds|bands|learned|overhead"

VANILLA = ModelConfig(embedding="patch", decoder="bands")
PAPER = ModelConfig(embedding="patch", decoder="paper", start="random", members=12)
PLAIN = ModelConfig(decoder="bands")
OURS = ModelConfig(members=12)
"""The same backbone of four and two blocks; without mixing there are no endmembers."""

_MIXING = {"mixing": 1.0, "volume": 1e-3}


def losses(ours: bool) -> dict[str, LossConfig]:
    """The grid: squared error, with one term changed or added, and all of them."""
    off = LossConfig(squared=1.0, huber=0.0, angle=0.0, mixing=0.0, volume=0.0)
    mixing = _MIXING if ours else {"mixing": 1.0}
    huber = {"squared": 0.0, "huber": 1.0}
    changes = {
        "MAE": {},
        "+Huber": huber,
        "+SAM": {"angle": 0.05},
        "+LSMM": mixing,
        "all": huber | {"angle": 0.05} | mixing,
    }
    return {
        name: dataclasses.replace(off, **change) for name, change in changes.items()
    }


def settings(
    family: str, name: str, source: str, only: tuple[str, ...], seed: int, steps: int
) -> Config:
    """One cell of the grid."""
    mixes = name in ("+LSMM", "all")
    network = {
        "paper": PAPER if mixes else VANILLA,
        "ours": OURS if mixes else PLAIN,
    }[family]
    return Config(
        model=network,
        data=DataConfig(source=source, only=only, bands_masked=0.0),
        loss=losses(family == "ours")[name],
        train=TrainConfig(
            steps=steps,
            batch_size=32,
            learning_rate=1e-3,
            warmup_steps=40,
            weight_decay=0.05,
            log_every=50,
            checkpoint_every=100,
            keep_checkpoints=1,
            seed=seed,
            devices=1,
        ),
    )


def potsdam() -> Path:
    """Folder of the measured tiles."""
    root = os.environ.get("PHYSJAX_SHARED_DATA")
    if not root:
        raise SystemExit("PHYSJAX_SHARED_DATA names no folder; the tiles are there.")
    return Path(root) / "hyperspectral" / "enmap_potsdam"


def official(part: str) -> tuple[str, ...]:
    """Names of the tiles of `train`, `validation` or `test`."""
    rows = (potsdam() / f"{part}_files.csv").read_text().split()[1:]
    return tuple(sorted(Path(row.split(",")[0]).name for row in rows))


def fit(config: Config, run: Path) -> tuple[Any, float]:
    """The trained model, and seconds."""
    start = time.monotonic()
    result = training.train(
        load("karma"), config, run, resume=run.exists(), progress=False
    )
    return result.model, time.monotonic() - start


def grid(seeds: int, steps: int, runs: Path, done: set, write, only: str | None):
    """Row 9: reconstruction of tiles and scenes that no training saw."""
    folder = str(potsdam() / "images")
    train = official("train")
    held = official("validation") + official("test")
    for seed in range(seeds):
        for data in ("potsdam", "scenes"):
            for family in ("ours", "paper"):
                for name in losses(True):
                    cell = f"{data} {family} {name}"
                    if ("grid", cell, seed) in done or (only and only not in cell):
                        continue
                    source = (folder, train) if data == "potsdam" else ("scenes", ())
                    config = settings(family, name, *source, seed, steps)
                    run = runs / f"grid-{cell.replace(' ', '-')}-{seed}"
                    model, seconds = fit(config, run)
                    if data == "potsdam":
                        cubes = read_cubes(folder, held).values
                        images, repeats = jnp.asarray(pieces(cubes, 16)), 4
                    else:
                        key = jax.random.key(HELD_OUT)
                        images, repeats = sample_images(config, key, 64), 1
                    figures = reconstruction_figures(
                        config, model, images, repeats=repeats
                    )
                    write("grid", cell, seed, seconds, figures)


def labelled(names: tuple[str, ...]) -> list[np.ndarray]:
    """Label images, -1 where unlabelled."""
    found = [io.read_cube(potsdam() / "labels" / name).values for name in names]
    return [np.asarray(x)[..., 0].astype(int) - 1 for x in found]


def probe(train_x, train_y, test_x) -> np.ndarray:
    """Classes of a linear probe whose scale comes from the training pixels alone."""
    a, b = standardised(train_x.astype(np.float64), test_x.astype(np.float64))
    weights, bias = fit_linear_probe(a, train_y, CLASSES)
    return np.argmax(b @ weights + bias, -1)


def few_labels(train_x, train_y, test_x, test_y, draws: int = 20) -> list[float]:
    """Accuracy from ten labelled pixels of each class, by draw."""
    values = []
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        chosen = [
            rng.permutation(np.flatnonzero(train_y == c))[:10] for c in range(CLASSES)
        ]
        at = np.concatenate(chosen)
        found = probe(train_x[at], train_y[at], test_x)
        values.append(float(np.mean(found == test_y)))
    return values


def on_fold(features: list[np.ndarray], labels: list[np.ndarray], test: list[int]):
    """Confusion of a probe trained on the other tiles, and accuracies of few labels."""
    rest = [i for i in range(len(labels)) if i not in test]
    pick = lambda of: np.concatenate([of[0][i][of[1][i] >= 0] for i in of[2]])
    train_x, test_x = pick((features, labels, rest)), pick((features, labels, test))
    train_y, test_y = pick((labels, labels, rest)), pick((labels, labels, test))
    counts = confusion(probe(train_x, train_y, test_x), test_y, CLASSES)
    return counts, few_labels(train_x, train_y, test_x, test_y)


def folds(seeds: int, steps: int, runs: Path, done: set, write, only: str | None):
    """Rows 11 and 12: frozen probes; the fold is not in the pretraining either."""
    folder = str(potsdam() / "images")
    names = read_cubes(folder).names
    cubes = read_cubes(folder).values
    labels = labelled(names)
    parts = tile_folds(names, 6)
    for seed in range(seeds):
        for family, loss in (("ours", "all"), ("paper", "MAE")):
            for place, part in enumerate(parts):
                cell = f"{'ours' if family == 'ours' else 'vanilla'} fold {place}"
                if ("folds", cell, seed) in done or (only and only not in cell):
                    continue
                rest = tuple(name for name in names if name not in part)
                config = settings(family, loss, folder, rest, seed, steps)
                run = runs / f"folds-{cell.replace(' ', '-')}-{seed}"
                model, seconds = fit(config, run)
                images = [jnp.asarray(x) for x in cubes]
                features = [np.asarray(pixel_features(model, x)) for x in images]
                test = [names.index(name) for name in part]
                counts, few = on_fold(features, labels, test)
                figures = {
                    "tiles": part,
                    "confusion": counts.tolist(),
                    "few_labels": [round(x, 4) for x in few],
                }
                write("folds", cell, seed, seconds, figures)


def bands(done: set, write) -> None:
    """Logistic regression on the bands, on the same folds."""
    folder = str(potsdam() / "images")
    cubes = read_cubes(folder)
    labels = labelled(cubes.names)
    for place, part in enumerate(tile_folds(cubes.names, 6)):
        if ("folds", f"bands fold {place}", 0) in done:
            continue
        start = time.monotonic()
        test = [cubes.names.index(name) for name in part]
        counts, few = on_fold(list(cubes.values), labels, test)
        figures = {
            "tiles": part,
            "confusion": counts.tolist(),
            "few_labels": [round(x, 4) for x in few],
        }
        write("folds", f"bands fold {place}", 0, time.monotonic() - start, figures)


def learned(seeds: int, done: set, write) -> None:
    """Row 13: endmembers of the blind search, refined on the pixels of each scene."""
    library = jnp.asarray(unmixing.read_library(unmixing.data_folder(None)))
    refine = jax.jit(learn_endmembers)
    search, pure = (jax.jit(f, static_argnums=1) for f in (blind_endmembers, vca))
    for seed in range(seeds):
        for members in range(3, 9):
            for snr in (20.0, 30.0, 40.0):
                cell = f"{members} endmembers, {snr:.0f} dB"
                if ("learned", cell, seed) in done:
                    continue
                start = time.monotonic()
                recipe = SceneConfig(num_members=members, snr_db=snr)
                key = jax.random.key(seed)
                scene = jax.jit(make_scene, static_argnums=2)(key, library, recipe)
                y = scene.cube.reshape(-1, scene.cube.shape[-1])
                reference = np.asarray(scene.endmembers, np.float64)
                shares = np.asarray(scene.abundances, np.float64).reshape(-1, members)
                truth = convert_abundances(shares, reference, "unit")
                first = search(y, members, key).value.spectra
                last = refine(y, first, jax.random.fold_in(key, 1))
                plain = pure(y, members, key).value.spectra
                figures = {
                    name: unmixing.judge(y, np.asarray(found), truth, reference)
                    for name, found in (
                        ("vca", plain),
                        ("blind", first),
                        ("learned", last),
                    )
                }
                write("learned", cell, seed, time.monotonic() - start, figures)


def overhead(write, rounds: int = 40) -> None:
    """Row 10: wall time of a training step, by network, in shuffled order.

    As the trainer takes it, with the state donated; making the images is timed alone
    and reported apart.
    """
    from physjax.training.sharding import data_mesh
    from physjax.training.step import init_state, make_step, run_key, static_part

    system = load("karma")
    cells = {
        "vanilla": ("paper", "MAE"),
        "paper, all": ("paper", "all"),
        "ours, all": ("ours", "all"),
    }
    ready = {}
    for name, (family, loss) in cells.items():
        config = settings(family, loss, "scenes", (), 0, 400)
        key = run_key(config.train)
        state = jax.jit(lambda k, c=config: init_state(system, c, k))(key)
        step = make_step(
            system, config, static_part(system, config), data_mesh(config.train)
        )
        step = jax.jit(step, donate_argnums=0)
        sample = jax.jit(lambda k, c=config: system.sample_batch(c, k))
        jax.block_until_ready(sample(key))
        ready[name] = [step, jax.block_until_ready(step(state, key)), key, sample]
    whole, made = defaultdict(list), defaultdict(list)
    rng = np.random.default_rng(0)
    for _ in range(rounds):
        for name in rng.permutation(list(ready)):
            step, state, key, sample = ready[name]
            begin = time.perf_counter()
            ready[name][1] = jax.block_until_ready(step(state, key))
            middle = time.perf_counter()
            jax.block_until_ready(sample(key))
            whole[name].append(middle - begin)
            made[name].append(time.perf_counter() - middle)
    images = float(np.median(np.concatenate(list(made.values()))))
    step = {name: float(np.median(row)) for name, row in whole.items()}
    figures = {
        name: {
            "seconds": seconds,
            "over_vanilla": seconds / step["vanilla"] - 1,
            "over_vanilla_less_images": (seconds - images) / (step["vanilla"] - images)
            - 1,
        }
        for name, seconds in step.items()
    }
    figures["images"] = {"seconds": images}
    write("overhead", "step of 32 images", 0, 0.0, figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shows", nargs="*", metavar=KINDS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--only", help="cells whose name holds this")
    parser.add_argument("--runs", type=Path, default=Path("runs/karma"))
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    parser.add_argument("--table", action="store_true", help="print what is there")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "karma.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines]
    done = {(r["shows"], r["name"], r["seed"]) for r in records}

    def write(shows, name, seed, seconds, figures):
        record = {"shows": shows, "name": name, "seed": seed, "figures": figures}
        record |= {"steps": arguments.steps, "seconds": round(seconds, 1)}
        with path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        records.append(record)
        print(shows, name, seed, f"{seconds:.0f} s", flush=True)

    common = (arguments.seeds, arguments.steps, arguments.runs, done, write)
    for shows in arguments.shows:
        if shows == "grid":
            grid(*common, arguments.only)
        elif shows == "folds":
            folds(*common, arguments.only)
        elif shows == "bands":
            bands(done, write)
        elif shows == "learned":
            learned(arguments.seeds, done, write)
        elif shows == "overhead":
            overhead(write)
        else:
            parser.error(f"there is no {shows}; there are {KINDS}")
    if arguments.table or not arguments.shows:
        print(table(records))


if __name__ == "__main__":
    main()

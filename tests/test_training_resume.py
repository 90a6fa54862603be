"""A run that is killed, stopped or moved to other devices ends where it should."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
STEPS, EVERY = 100, 5
CACHE = Path()


def start(run, *flags, steps=STEPS):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)]),
        "PYTHONWARNINGS": "error",
        "JAX_COMPILATION_CACHE_DIR": str(CACHE),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    command = [sys.executable, str(HERE / "training_child.py"), str(run)]
    command += ["--steps", str(steps), "--every", str(EVERY), *flags]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(child, word):
    for line in child.stdout:
        if word in line:
            return
    raise AssertionError(f"the run ended without {word!r}:\n{child.stderr.read()}")


def finish(child):
    out, err = child.communicate(timeout=600)
    assert child.returncode == 0, err
    assert err == ""
    return out


def weights(run):
    from safetensors.numpy import load_file

    return load_file(run / "weights.safetensors")


def rows(run):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    timeless = lambda row: {
        k: v for k, v in row.items() if k not in ("seconds", "steps_per_s")
    }
    return [timeless(json.loads(line)) for line in lines]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Compile once for all children."""
    global CACHE
    CACHE = tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    assert "finished" in finish(start(run))
    return run


def killed_run(run, kills, seed, steps=STEPS):
    """Train with that many SIGKILLs at random moments; returns how many struck."""
    random.seed(seed)
    struck = 0
    for _ in range(kills):
        flags = ["--resume"] if (run / "config.toml").exists() else []
        child = start(run, *flags, steps=steps)
        wait_for(child, "compiled")
        time.sleep(random.uniform(0.0, 0.25))
        child.kill()
        struck += child.wait() == -signal.SIGKILL
        child.communicate()
    finish(start(run, "--resume", steps=steps))
    return struck


def assert_same_run(run, reference):
    name = "weights.safetensors"
    assert (run / name).read_bytes() == (reference / name).read_bytes()
    assert rows(run) == rows(reference)


def test_sigkill_at_random_moments_changes_no_bit(undisturbed, tmp_path):
    run = tmp_path / "killed"
    assert killed_run(run, 3, seed=1) == 3
    assert_same_run(run, undisturbed)


@pytest.mark.slow
def test_twenty_sigkills_change_no_bit(tmp_path):
    """pytest -m slow tests/test_training_resume.py (two minutes)"""
    reference, run = tmp_path / "undisturbed", tmp_path / "killed"
    finish(start(reference, steps=400))
    assert killed_run(run, 20, seed=2, steps=400) == 20
    assert_same_run(run, reference)


def test_eight_devices_then_two_then_one(undisturbed, tmp_path):
    """SIGTERM on 8 devices, SIGINT on 2, the rest on 1: within 1e-5 of one device."""
    run = tmp_path / "moved"
    for devices, signum, code in ((8, signal.SIGTERM, 143), (2, signal.SIGINT, 130)):
        flags = ["--resume"] if devices == 2 else []
        child = start(run, "--devices", str(devices), *flags)
        wait_for(child, "step ")
        child.send_signal(signum)
        out, err = child.communicate(timeout=300)
        assert child.returncode == code, err
        assert err == ""
        assert "physjax resume" in out
    finish(start(run, "--resume"))

    ours, theirs = weights(run), weights(undisturbed)
    for name, w in theirs.items():
        scale = np.abs(w).max()
        np.testing.assert_allclose(ours[name], w, rtol=0, atol=1e-5 * scale)
    losses = [[row["loss"] for row in rows(r)] for r in (run, undisturbed)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    assert len(rows(run)) == len(rows(undisturbed))


def test_loop_on_the_device_gives_the_same_numbers(undisturbed, tmp_path):
    run = tmp_path / "scan"
    assert "loop on the device" in finish(start(run, "--loop", "scan"))
    ours, theirs = weights(run), weights(undisturbed)
    for name, w in theirs.items():
        np.testing.assert_allclose(ours[name], w, rtol=0, atol=1e-5 * np.abs(w).max())
    losses = [[row["loss"] for row in rows(r)] for r in (run, undisturbed)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_second_signal_does_not_wait(tmp_path):
    child = start(tmp_path / "impatient", "--loop", "scan")
    wait_for(child, "compiled")
    child.send_signal(signal.SIGTERM)
    time.sleep(0.005)
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=300) in (-signal.SIGTERM, 143)
    child.communicate()

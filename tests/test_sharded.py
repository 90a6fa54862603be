"""States spread over devices: the same numbers, and no device holds a whole state."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from conftest import X64
from jax.sharding import AxisType
from walls import WIDE

from physjax.operators import hamiltonians as H

HERE = Path(__file__).parent
TIGHT = 1e-14 if X64 else 1e-6


@pytest.fixture(scope="module")
def report():
    run = subprocess.run(
        [sys.executable, "sharded_child.py"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["ising", "heisenberg", "real", "complex"])
def test_eight_devices_give_what_one_gives(report, name):
    found = report[name]
    assert found["error"] <= TIGHT
    assert found["same type"]
    assert found["spread"]
    assert found["gathers"] == 0


def test_energies_have_the_same_derivatives(report):
    assert report["slope"] <= 10 * TIGHT


def test_a_flip_of_a_top_bit_costs_one_exchange(report):
    assert report["ising"]["exchanges"] == 3


@pytest.mark.parametrize("solver", ["ground_state", "lowest_states"])
def test_solvers_never_gather_a_state(report, solver):
    assert report[solver]["error"] <= 10 * TIGHT
    assert report[solver]["gathers"] == 0


def test_what_does_not_fit_is_refused():
    h = H.transverse_field_ising(3)
    mesh = jax.make_mesh((1,), ("states",), axis_types=(AxisType.Auto,))
    explicit = jax.make_mesh((1,), ("states",), axis_types=(AxisType.Explicit,))
    with pytest.raises(ValueError, match="axis"):
        H.sharded_apply(h, jnp.ones(8, WIDE), mesh, "other")
    with pytest.raises(ValueError, match="amplitudes"):
        H.sharded_apply(h, jnp.ones(4, WIDE), mesh, "states")
    with pytest.raises(ValueError, match="AxisType"):
        H.ShardedPauliSum(h, explicit, "states")

"""The benchmark harness, on benchmarks that take no time."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import BENCHMARKS, launch, report
from benchmarks.__main__ import main
from benchmarks.harness import Case, Gate, Table, measure, relative_error, run_table
from benchmarks.launch import Context

ROOT = Path(__file__).parents[1]
STEADY = Context(mode="steady")
COLUMNS = {
    *("op", "size", "dtype", "case", "ref", "mode", "status", "verdict", "gates"),
    *("median_s", "min_s", "q25_s", "q75_s", "rounds", "ratio_ref_over_this"),
    *("compile_s", "err", "tolerance", "gbps", "copy_fraction", "items_per_s"),
    *("metrics", "noisy", "reruns"),
}


def scripted(name: str, seconds, calls=None, **options) -> Case:
    """A case whose samples take the given seconds, whatever the machine does."""
    script = iter(seconds)

    def sample() -> float:
        if calls is not None:
            calls.append(name)
        return next(script)

    return Case(name, sample=sample, **options)


def toy(cases, ref="slow", **options) -> Table:
    options = {"rounds": 5, "seconds": 0.0} | options
    return Table("toy", "1", "float64", ref, cases, **options)


def by_name(rows) -> dict[str, dict]:
    return {row["case"]: row for row in rows}


def test_cases_are_interleaved_and_the_order_is_shuffled_in_every_round():
    calls = []
    names = ("slow", "a", "b", "c")
    measure(toy([scripted(n, [1.0] * 30, calls) for n in names], rounds=20), STEADY)
    calls = calls[len(names) :]  # one warm-up each
    rounds = [tuple(calls[i : i + 4]) for i in range(0, len(calls), 4)]
    assert len(rounds) == 20
    assert all(sorted(order) == sorted(names) for order in rounds)
    assert len(set(rounds)) > 5


def test_ratio_is_the_median_of_ratios_within_rounds_not_of_medians():
    # The machine becomes slower and slower; the ratio is 2 in every round.
    slow = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    fast = [s / 2 for s in slow]
    rows = by_name(measure(toy([scripted("slow", slow), scripted("f", fast)]), STEADY))
    assert rows["f"]["ratio_ref_over_this"] == 2.0
    assert rows["slow"]["ratio_ref_over_this"] == 1.0
    # Medians 2 and 2, but faster in three rounds of five.
    slow = [0.0, 1.0, 2.0, 2.0, 4.0, 4.0]
    fast = [0.0, 2.0, 1.0, 4.0, 2.0, 2.0]
    rows = by_name(measure(toy([scripted("slow", slow), scripted("f", fast)]), STEADY))
    assert rows["f"]["median_s"] == rows["slow"]["median_s"] == 2.0
    assert rows["f"]["ratio_ref_over_this"] == 2.0


def test_times_are_per_application():
    cases = [scripted("slow", [3.0] * 9), scripted("ten", [10.0] * 9, units=10)]
    rows = by_name(measure(toy(cases, items=5), STEADY))
    assert rows["ten"]["median_s"] == 1.0
    assert rows["ten"]["ratio_ref_over_this"] == 3.0
    assert rows["ten"]["items_per_s"] == 5.0


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(1.0, "pass"), (1.4, "warn"), (1.75, "fail")]
)
def test_floor_fails_and_aim_warns(seconds, verdict):
    gates = [Gate("speed", 1.25, 2.0), Gate("cost", 0.8, 0.5)]
    cases = [scripted("slow", [2.0] * 9), scripted("a", [seconds] * 9, gates=gates)]
    row = by_name(measure(toy(cases), STEADY))["a"]
    assert [gate["verdict"] for gate in row["gates"]] == [verdict, verdict]
    assert row["verdict"] == verdict


def test_a_fast_row_with_a_wrong_answer_fails():
    x = np.linspace(0, 1, 100)
    gate = [Gate("speed", 0.0)]
    cases = [
        Case("slow", lambda: lambda: np.sqrt(x * x)),
        Case("wrong", lambda: lambda: x * (1 + 1e-4), gates=gate),
        Case("nan", lambda: lambda: np.full(100, np.nan)),
        Case("short", lambda: lambda: x[1:]),
        Case("other", lambda: lambda: -x, compare=False),
    ]
    rows = by_name(measure(toy(cases, reference=x, tolerance=1e-6), STEADY))
    verdicts = {name: row["verdict"] for name, row in rows.items()}
    assert verdicts == dict(slow="-", wrong="fail", nan="fail", short="fail", other="-")
    assert rows["wrong"]["err"] == pytest.approx(1e-4)
    assert rows["wrong"]["status"].startswith("wrong")


def test_error_is_relative_to_the_largest_value():
    assert relative_error(np.float32([1, 2, 4.5]), np.array([1.0, 2.0, 4.0])) == 0.125
    assert relative_error([1j], [0j + 2]) == pytest.approx(5**0.5 / 2)


def test_a_failing_table_is_measured_once_more():
    def table(slow):
        gates = [Gate("speed", 1.5)]
        return toy([scripted("slow", slow), scripted("a", [1.0] * 99, gates=gates)])

    # Too slow in the warm-up and five rounds of the first run only.
    row = by_name(run_table(table([1.0] * 6 + [2.0] * 9), STEADY))["a"]
    assert (row["verdict"], row["reruns"]) == ("pass", 1)
    row = by_name(run_table(table([1.0] * 99), STEADY))["a"]
    assert (row["verdict"], row["reruns"]) == ("fail", 1)
    row = by_name(run_table(table([2.0] * 99), STEADY))["a"]
    assert (row["verdict"], row["reruns"]) == ("pass", 0)


def test_a_missing_peer_and_a_broken_one_are_reported():
    def broken():
        raise RuntimeError("no such instruction")

    cases = [
        scripted("slow", [1.0] * 9),
        Case("peer", missing="not installed (peer: extra `bench`)"),
        Case("broken", broken),
        scripted("ours", [1.0] * 9, gates=[Gate("speed", 1.0, against="peer")]),
    ]
    rows = by_name(measure(toy(cases), STEADY))
    assert rows["peer"]["status"].startswith("not installed")
    assert rows["peer"]["median_s"] is None
    assert rows["broken"]["verdict"] == "fail"
    assert "no such instruction" in rows["broken"]["status"]
    assert rows["ours"]["verdict"] == "not judged"
    text = report.markdown(list(rows.values()))
    assert "not installed" in text


def test_wall_clock_times_that_scatter_are_not_judged():
    gates = [Gate("speed", 2.0)]
    cases = [
        scripted("slow", [1.0] * 9),
        scripted("a", [9.0, 1.0, 2.0, 1.0, 2.0, 1.0], gates=gates),
    ]
    row = by_name(measure(toy(cases), Context(mode="wall", threads=2)))["a"]
    assert row["verdict"] == "noisy"
    assert "quartiles" in row["noisy"]


def test_the_roofline_stands_beside_every_row():
    table = toy(
        [scripted("slow", [1.0] * 9, gates=[Gate("copy_fraction", 0.4, 0.9)])],
        traffic=2_000_000_000,
        roofline=scripted("copy", [0.25] * 9),
        roofline_traffic=1_000_000_000,
    )
    rows = by_name(measure(table, STEADY))
    assert rows["copy"]["gbps"] == 4.0
    assert rows["slow"]["gbps"] == 2.0
    assert rows["slow"]["copy_fraction"] == 0.5
    assert rows["slow"]["verdict"] == "warn"


def test_compile_time_is_apart_from_run_time():
    def build():
        sum(range(1_000_000))
        return lambda: 1.0

    row = by_name(measure(toy([Case("slow", build)]), STEADY))["slow"]
    assert row["compile_s"] > 1e-3 > row["median_s"]


def test_the_record_has_all_columns_and_survives_json(tmp_path):
    cases = [
        scripted("slow", [1.0] * 9, metrics=lambda: {"mib": 3.0}),
        Case("peer", missing="not installed"),
    ]
    rows = measure(toy(cases), STEADY)
    meta = report.metadata("toy", STEADY, "NVIDIA H200")
    path = report.write(meta, rows, tmp_path)
    assert path.name == "toy-nvidia-h200-steady.json"
    record = json.loads(path.read_text())
    assert record["rows"] == rows
    assert all(set(row) == COLUMNS for row in rows)
    needed = {"bench", "commit", "python", "host", "device", "backend", "argv"}
    needed |= {"threads", "clock", "load_start", "load_end", "env", "jax", "torch"}
    assert needed <= set(record["meta"])


def test_every_pool_gets_the_same_number_of_threads():
    steady = launch.environment("steady", False, 1)
    pools = {name for name in steady if name.endswith("_THREADS")}
    assert {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"} <= pools
    assert {steady[name] for name in pools} == {"1"}
    wall = launch.environment("wall", True, 8)
    assert {wall[name] for name in pools} == {"8"}
    assert wall["OMP_WAIT_POLICY"] == "PASSIVE"
    assert wall["GLIBC_TUNABLES"] == launch.HEAP_TUNABLES


def test_every_benchmark_of_the_list_is_a_module(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    for name in BENCHMARKS:
        assert name in listed
        assert importlib.util.find_spec(f"benchmarks.{name}") is not None


@pytest.mark.parametrize("command", [["nonsense"], []])
def test_a_wrong_name_is_a_usage_error(command):
    with pytest.raises(SystemExit, match="2"):
        main(command)


def test_the_command_runs_pinned_and_writes_a_record(tmp_path):
    """Row by row: a real benchmark in its own process, with the pools at one thread."""
    command = [sys.executable, "-m", "benchmarks", "imports", "--mode", "steady"]
    command += ["--quick", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    record = json.loads((tmp_path / "imports-cpu-steady.json").read_text())
    assert record["meta"]["env"]["OMP_NUM_THREADS"] == "1"
    if hasattr(os, "sched_setaffinity"):
        assert len(record["meta"]["cores"]) == record["meta"]["threads"] == 1
    assert "physjax" in done.stdout
    assert all(row["status"] == "ok" for row in record["rows"])

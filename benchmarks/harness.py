"""Cases, tables and the loop that times them.

A `Table` holds cases that compute the same thing. All of them run once per round, in an
order shuffled anew; a row's ratio is the median over rounds of (time of the reference
case / time of this case), so that whatever slows a round down slows both sides. The
result of every case is compared with a float64 reference: a fast wrong row fails.

>>> import numpy as np
>>> from benchmarks.launch import Context
>>> x = np.arange(10_000.0)
>>> table = Table(
...     op="sum", size="10000", dtype="float64", ref="python",
...     cases=[
...         Case("numpy", lambda: lambda: np.sum(x), gates=[Gate("speed", 2.0)]),
...         Case("python", lambda: lambda: sum(x)),
...     ],
...     reference=49995000.0, tolerance=1e-12,
... )
>>> rows = measure(table, Context(), seconds=0.01)
>>> [row["verdict"] for row in rows]
['pass', '-']
"""

import gc
import math
import os
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .launch import Context, Mode, foreign_seconds

WARM_UPS = 2
SAMPLE_SECONDS = 2e-3
"""A sample repeats a fast case until it lasts about this long."""
RERUN = ("fail", "noisy")
NOISY_SPREAD = 1.3
"""Ratio of the quartiles above which wall-clock times are not to be trusted."""
NOISY_LOAD = 0.1
"""Share of the machine that others may take during a table of wall-clock times."""


@dataclass(frozen=True)
class Gate:
    """What one figure of a row must reach: `floor` or it fails, `aim` or it warns."""

    quantity: str
    """`speed`: time of `against` / time of this. `cost`: its inverse, a ceiling.
    `rate`: items per second. `copy_fraction`: share of the measured copy rate. Else
    the name of one of the case's metrics, a ceiling."""
    floor: float
    aim: float | None = None
    against: str | None = None
    """Name of the other case; None is the table's reference case."""
    modes: tuple[Mode, ...] = ("steady", "wall")

    @property
    def ceiling(self) -> bool:
        return self.quantity not in ("speed", "rate", "copy_fraction")

    def judge(self, value: float | None) -> str:
        if value is None:
            return "not judged"
        sign = -1 if self.ceiling else 1
        if not sign * value >= sign * self.floor:
            return "fail"
        if self.aim is not None and sign * value < sign * self.aim:
            return "warn"
        return "pass"


@dataclass
class Case:
    """One way of computing what the table is about."""

    name: str
    build: Callable[[], Callable[[], Any]] | None = None
    """Compiles or plans, and returns the function to be timed."""
    block: Callable[[Any], Any] = lambda result: result
    """Waits for the result (`jax.block_until_ready`)."""
    value: Callable[[Any], Any] = np.asarray
    """Result of a call -> what is compared with the reference."""
    gates: Sequence[Gate] = ()
    units: int = 1
    """Applications per call: times are given per application."""
    compare: bool = True
    """Whether the value is one that the table's reference describes."""
    missing: str | None = None
    """Why the case cannot run here (a peer that is not installed)."""
    sample: Callable[[], float] | None = None
    """Instead of `build`: runs once and returns its seconds (for subprocesses)."""
    metrics: Callable[[], Mapping[str, float]] = dict
    """Further figures of the row, asked for after the last round."""


@dataclass
class Table:
    """Cases side by side."""

    op: str
    size: str
    dtype: str
    ref: str
    cases: Sequence[Case]
    reference: Any = None
    """The right answer, in float64."""
    tolerance: float = 0.0
    """Largest error that is not wrong, relative to the largest reference value."""
    items: int | None = None
    """Spectra per application."""
    traffic: int | None = None
    """Bytes one application must move."""
    roofline: Case | None = None
    """Copies a working set of the same size."""
    roofline_traffic: int | None = None
    rounds: int = 5
    seconds: float = 1.0
    notes: Sequence[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.op}, {self.size}, {self.dtype}"


def relative_error(value: Any, reference: Any) -> float:
    """max abs(value - reference) / max abs(reference), in float64."""
    value = np.asarray(value)
    reference = np.asarray(reference)
    if value.shape != reference.shape:
        return math.inf
    kind = np.complex128 if np.iscomplexobj(reference) else np.float64
    error = np.max(np.abs(value.astype(kind) - reference), initial=0.0)
    error = float(error / max(float(np.max(np.abs(reference), initial=0.0)), 1e-300))
    return error if math.isfinite(error) else math.inf


def run_table(
    table: Table, context: Context, *, rounds: int | None = None, seconds=None
) -> list[dict]:
    """Rows of a table; one that fails on speed, or is noisy, is measured once more."""
    rows = measure(table, context, rounds=rounds, seconds=seconds)
    if any(row["verdict"] in RERUN and row["status"] == "ok" for row in rows):
        rows = measure(table, context, rounds=rounds, seconds=seconds)
        for row in rows:
            row["reruns"] = 1
    return rows


def measure(
    table: Table, context: Context, *, rounds: int | None = None, seconds=None
) -> list[dict]:
    """Times a table once. Returns one dict per case."""
    rounds = table.rounds if rounds is None else rounds
    seconds = table.seconds if seconds is None else seconds
    cases = list(table.cases)
    if table.roofline is not None:
        cases.append(table.roofline)
    rows = {case.name: _empty_row(table, case, context) for case in cases}
    samplers: dict[str, Callable[[], float]] = {}
    for case in cases:
        if case.missing is not None:
            rows[case.name]["status"] = case.missing
            continue
        try:
            samplers[case.name] = _prepare(table, case, context, rows[case.name])
        except Exception as error:  # one broken peer must not end the run
            rows[case.name]["status"] = _broken(error)

    times, foreign, errors = _rounds(samplers, rounds, seconds)
    for name, error in errors.items():
        rows[name]["status"] = _broken(error)
    load = _load(context, foreign)
    for case in cases:
        if case.name in times:
            _fill(rows[case.name], table, case, times)
            rows[case.name]["noisy"] = load or _spread(context, case.name, times)
    for case in cases:
        _judge(rows, case, table, times, context)
    return list(rows.values())


def _empty_row(table: Table, case: Case, context: Context) -> dict:
    numbers = (
        "median_s min_s q25_s q75_s rounds ratio_ref_over_this compile_s err gbps "
        "copy_fraction items_per_s"
    )
    return {
        "op": table.op,
        "size": table.size,
        "dtype": table.dtype,
        "case": case.name,
        "ref": table.ref,
        "mode": context.label,
        "status": "ok",
        **dict.fromkeys(numbers.split()),
        "tolerance": table.tolerance if table.reference is not None else None,
        "metrics": {},
        "gates": [],
        "noisy": "",
        "reruns": 0,
        "verdict": "-",
    }


def _prepare(table: Table, case: Case, context: Context, row: dict):
    """Builds and warms a case up, checks its value; returns its sampler."""
    if case.sample is not None:
        if table.rounds > 1:
            case.sample()
        return case.sample
    assert case.build is not None
    start = time.perf_counter()
    run = case.build()
    case.block(run())
    first = time.perf_counter() - start
    for _ in range(WARM_UPS - 1):
        start = time.perf_counter()
        result = case.block(run())
        again = time.perf_counter() - start
    row["compile_s"] = max(first - again, 0.0)
    if case.compare and table.reference is not None:
        row["err"] = relative_error(case.value(result), table.reference)
    del result
    # Asynchronous clocks tick in microseconds: repeat what is faster than a sample.
    repeats = min(max(round(SAMPLE_SECONDS / max(again, 1e-7)), 1), 10_000)
    clock, block, calls = context.clock, case.block, range(repeats)

    def sample() -> float:
        # One call apart from the clock: nobody pays for what the case before has left
        # in the caches and in the allocator.
        block(run())
        start = clock()
        for _ in calls:
            block(run())
        return (clock() - start) / repeats

    return sample


def _broken(error: Exception) -> str:
    return f"error: {type(error).__name__}: {error}"


def _rounds(samplers, rounds, seconds):
    """Times by case, the share of the machine that others took, errors by case."""
    shuffle = random.Random(0).shuffle
    times: dict[str, list[float]] = {name: [] for name in samplers}
    order, errors = list(samplers), {}
    gc.collect()
    gc.disable()
    try:
        foreign = foreign_seconds()
        start = time.perf_counter()
        done = 0
        while order and (done < rounds or time.perf_counter() - start < seconds):
            shuffle(order)
            for name in order:
                try:
                    times[name].append(samplers[name]())
                except Exception as error:
                    errors[name] = error
            order = [name for name in order if name not in errors]
            done += 1
        elapsed = time.perf_counter() - start
        if foreign is not None and elapsed > 0.2:
            foreign = (foreign_seconds() - foreign) / elapsed / (os.cpu_count() or 1)
        else:
            foreign = None
    finally:
        gc.enable()
    times = {name: values for name, values in times.items() if name not in errors}
    return times, foreign, errors


def _load(context: Context, foreign: float | None) -> str:
    """Says who else used the cores during wall-clock times, or nothing."""
    if context.mode == "steady" or context.backend != "cpu":
        return ""
    if foreign is not None and foreign > NOISY_LOAD:
        return f"others took {foreign:.0%} of the machine"
    return ""


def _spread(context: Context, name: str, times) -> str:
    """Says that wall-clock times of a case scatter, or nothing."""
    if context.mode == "steady" or len(times[name]) < 3:
        return ""
    low, _, high = statistics.quantiles(times[name], method="inclusive")
    return f"quartiles lie {high / low:.2f} apart" if high > NOISY_SPREAD * low else ""


def _per_unit(case: Case, times) -> list[float]:
    return [seconds / case.units for seconds in times[case.name]]


def _ratio(table: Table, case: Case, other: str, times) -> float | None:
    """Median over rounds of time(other) / time(case)."""
    if other not in times or case.name not in times:
        return None
    others = next(c for c in table.cases if c.name == other)
    pairs = zip(_per_unit(others, times), _per_unit(case, times), strict=True)
    return statistics.median(theirs / ours for theirs, ours in pairs)


def _fill(row: dict, table: Table, case: Case, times) -> None:
    values = _per_unit(case, times)
    quartiles = [values[0]] * 3
    if len(values) > 1:
        quartiles = statistics.quantiles(values, method="inclusive")
    row["q25_s"], row["median_s"], row["q75_s"] = quartiles
    row["min_s"], row["rounds"] = min(values), len(values)
    row["ratio_ref_over_this"] = _ratio(table, case, table.ref, times)
    row["metrics"] = dict(case.metrics())
    is_roofline = case is table.roofline
    traffic = table.roofline_traffic if is_roofline else table.traffic
    if traffic is not None:
        row["gbps"] = traffic / row["median_s"] / 1e9
    if is_roofline:
        return
    if table.items is not None:
        row["items_per_s"] = table.items / row["median_s"]
    copy = table.roofline
    if traffic is not None and copy is not None and copy.name in times:
        scale = traffic / (table.roofline_traffic or traffic)
        pairs = zip(times[copy.name], values, strict=True)
        row["copy_fraction"] = scale * statistics.median(a / b for a, b in pairs)


def _judge(rows, case: Case, table: Table, times, context: Context) -> None:
    row = rows[case.name]
    if row["status"].startswith("error"):
        row["verdict"] = "fail"
        return
    if row["status"] != "ok":
        return
    for gate in case.gates:
        if context.mode not in gate.modes:
            continue
        against, noisy = None, row["noisy"]
        if gate.quantity in ("speed", "cost"):
            against = gate.against or table.ref
            noisy = noisy or rows[against]["noisy"]
            value = _ratio(table, case, against, times)
            if value is not None and gate.quantity == "cost":
                value = 1 / value
        elif gate.quantity in ("rate", "copy_fraction"):
            value = row["items_per_s" if gate.quantity == "rate" else "copy_fraction"]
        else:
            noisy, value = "", row["metrics"].get(gate.quantity)
        verdict = gate.judge(value)
        if noisy and verdict != "not judged":
            verdict = "noisy"
        row["gates"].append(
            {
                "quantity": gate.quantity,
                "against": against,
                "value": value,
                "floor": gate.floor,
                "aim": gate.aim,
                "verdict": verdict,
            }
        )
    row["verdict"] = _worst([gate["verdict"] for gate in row["gates"]])
    if row["err"] is not None and not row["err"] <= table.tolerance:
        row["status"] = f"wrong: error {row['err']:.1e} above {table.tolerance:.0e}"
        row["verdict"] = "fail"


VERDICTS = ("-", "not judged", "pass", "warn", "noisy", "fail")
"""From harmless to serious; a row's is the worst of its gates'."""


def _worst(verdicts: Sequence[str]) -> str:
    return max(verdicts, key=VERDICTS.index, default="-")

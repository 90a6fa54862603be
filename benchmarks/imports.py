"""CPU time of importing physjax over that of the libraries it stands on.

Every sample is a fresh interpreter that counts the CPU seconds of its own imports, so
the mode of the harness does not matter.
"""

import subprocess
import sys
from collections.abc import Iterator

from .harness import Case, Gate, Table
from .launch import Context

_CODE = "import time; t = time.process_time(); {}; print(time.process_time() - t)"


def tables(context: Context) -> Iterator[Table]:
    base = "import jax, equinox, optax"
    gate = Gate("cost", 1.15, 1.05, against=base)
    yield Table(
        op="import",
        size="CPU seconds",
        dtype="-",
        ref=base,
        cases=[
            _case("import physjax.operators, physjax.solvers", [gate]),
            _case(base),
            _case("import jax"),
            _case("import physjax"),
            _case("import physjax.systems, physjax.cli"),
        ],
        rounds=9,
        seconds=0.0,
    )


def _case(statement: str, gates=()) -> Case:
    command = [sys.executable, "-c", _CODE.format(statement)]

    def sample() -> float:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
        return float(done.stdout)

    return Case(statement, sample=sample, gates=gates)

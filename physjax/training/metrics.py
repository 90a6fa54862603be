"""`metrics.jsonl`: one JSON object per logging interval, the record of a run."""

import json
import os
from pathlib import Path
from typing import Any


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All complete lines; one that a killed process left half written is dropped."""
    rows = []
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
    return rows


class MetricsLog:
    """Appends rows to a file; opening it drops the rows after `step`."""

    def __init__(self, path: Path, step: int):
        self.rows = [row for row in read_metrics(path) if row["step"] <= step]
        fresh = path.with_name(path.name + ".new")
        with open(fresh, "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in self.rows)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._file = open(path, "a")  # noqa: SIM115

    def append(self, row: dict[str, Any]) -> None:
        """Write one row."""
        self.rows.append(row)
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Force what was written to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

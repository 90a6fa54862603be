"""The command line: `python -m benchmarks NAME [options]`."""

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

from . import BENCHMARKS, launch, report


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Benchmarks of physjax. Judge by the ratios.",
        epilog="Exit code: 0 all gates passed, 1 a gate failed or a row was wrong, "
        "3 too noisy to judge.",
    )
    parser.add_argument("name", nargs="?", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--list", action="store_true", help="names, and what they do")
    parser.add_argument(
        "--mode",
        choices=("steady", "wall"),
        default=launch.default_mode(),
        help="steady: one pinned core, CPU clock; wall: all cores or the accelerator, "
        "wall clock (here: %(default)s)",
    )
    parser.add_argument(
        "--heap",
        action="store_true",
        help=f"run with GLIBC_TUNABLES={launch.HEAP_TUNABLES}",
    )
    parser.add_argument("--core", type=int, help="core to pin to; else the idlest one")
    parser.add_argument("--only", metavar="TEXT", help="tables whose title has TEXT")
    parser.add_argument(
        "--quick", action="store_true", help="shows that it runs; keeps no results"
    )
    parser.add_argument("--rounds", type=int, help="at least so many rounds per table")
    parser.add_argument("--seconds", type=float, help="at least so long per table")
    parser.add_argument(
        "--out", type=Path, help="folder of the results (benchmarks/results)"
    )
    arguments = parser.parse_args(argv)
    if arguments.name is None and not arguments.list:
        parser.error("name a benchmark, or ask for --list")
    return arguments


def _show(text: str) -> None:
    if sys.stdout.isatty():
        try:
            from rich.console import Console
            from rich.markdown import Markdown
        except ImportError:
            pass
        else:
            Console().print(Markdown(text))
            return
    print(text, flush=True)


def _run(arguments: argparse.Namespace) -> int:
    import jax

    from .harness import VERDICTS, run_table

    backend = jax.default_backend()
    if backend != "cpu" and arguments.mode == "steady":
        print(f"steady counts CPU time and cannot time a {backend}; use --mode wall")
        return 2
    context = launch.Context(
        mode=arguments.mode,
        heap=arguments.heap,
        threads=len(launch.cores()),
        backend=backend,
        quick=arguments.quick,
    )
    module = importlib.import_module(f"benchmarks.{arguments.name}")
    device = jax.devices()[0].device_kind
    meta = report.metadata(arguments.name, context, device)
    rounds, seconds = arguments.rounds, arguments.seconds
    if arguments.quick:
        rounds, seconds = rounds or 3, seconds or 0.05
    print(f"# {arguments.name} on {device}, {context.label}\n", flush=True)
    print(f"{meta['host']}; {context.threads} threads; load {meta['load_start']}\n")
    rows: list[dict] = []
    for table in module.tables(context):
        if arguments.only and arguments.only not in table.title:
            continue
        found = run_table(table, context, rounds=rounds, seconds=seconds)
        _show(report.markdown(found))
        rows += found
    meta["load_end"] = report.load()
    if arguments.out or not (arguments.quick or arguments.only):
        path = report.write(meta, rows, arguments.out or report.RESULTS)
        print(f"Written: {path}")
    worst = max((row["verdict"] for row in rows), key=VERDICTS.index, default="-")
    print(f"Verdict: {worst}")
    return {"fail": 1, "noisy": 3}.get(worst, 0)


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    arguments = _arguments(argv)
    if arguments.list:
        width = max(map(len, BENCHMARKS))
        for name, what in BENCHMARKS.items():
            print(f"{name:{width}}  {what}")
        return 0
    if arguments.name == "all":
        command = [sys.executable, "-m", "benchmarks"]
        rest = list(argv)
        rest.remove("all")
        return max(subprocess.call([*command, name, *rest]) for name in BENCHMARKS)
    if not launch.launched():
        launch.relaunch(argv, arguments.mode, arguments.heap, arguments.core)
    return _run(arguments)


if __name__ == "__main__":
    sys.exit(main())

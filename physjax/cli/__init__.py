"""The command line: a table of verbs, each imported when it is called.

`physjax --help` and `physjax --version` load neither jax nor tyro.
"""

import importlib
import os
import sys
from collections.abc import Sequence

from .._errors import PhysjaxError

VERBS = {
    "list": "systems, their presets and papers",
    "doctor": "check devices, versions, precision and one operation of each kind",
    "demo": "the two-minute tour of a system, with a report and pictures",
    "train": "train a system's model into a run folder",
    "resume": "go on with a training where it stopped",
    "evaluate": "figures of merit of a model, against what is known",
    "predict": "run a system over a file of your own",
    "unmix": "split a hyperspectral image into its materials",
}

_HELP = """\
usage: physjax VERB [SYSTEM] [OPTIONS]

Pure JAX physics functions, and the published systems built from them.

verbs:
{verbs}

options:
  -h, --help    this text; `physjax VERB --help` explains one verb
  --version     print the version

to begin with:
  physjax demo rampinn                                   the tour, about a minute
  physjax predict rampinn spectrum.csv --out raman.csv   your own measurement
  physjax predict pn_junction DEVICE.toml --out iv.csv   your own device
  physjax predict pg_moe CHAINS.csv --out energies.csv   your own spins
  physjax unmix SCENE.hdr --endmembers 4 --out maps      your own image
  physjax train rampinn --preset small                   your own training

exit codes: 0 done, 2 settings, 3 device, 4 data, 5 checkpoint, 6 numerics,
130 interrupted. PHYSJAX_DEBUG=1 shows tracebacks."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    A `PhysjaxError` becomes one line on standard error and its exit code; with
    PHYSJAX_DEBUG=1 in the environment it is raised instead.
    """
    # Not list(...): once `physjax list` has run, that name is the submodule here.
    args = [*(sys.argv[1:] if argv is None else argv)]
    if not args or args[0] in ("-h", "--help", "help"):
        print(_HELP.format(verbs="\n".join(f"  {v:10}{t}" for v, t in VERBS.items())))
        return 0
    if args[0] in ("-V", "--version"):
        print(f"physjax {_version()}")
        return 0
    try:
        return _dispatch(*args)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "interrupted", getattr(stop, "exit_code", 130))
    except SystemExit as stop:  # argument parsers leave this way
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BrokenPipeError:  # `physjax ... | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PhysjaxError, OSError) as error:  # OSError: disk full, no permission
        if os.environ.get("PHYSJAX_DEBUG", "0") not in ("", "0"):
            raise
        return _complain(f"error: {error}", getattr(error, "exit_code", 1))


def _dispatch(verb: str, *args: str) -> int:
    if verb not in VERBS:
        import difflib

        from .._errors import ConfigError

        close = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "see `physjax --help`."
        raise ConfigError(f"unknown verb {verb!r}; {hint}")
    return importlib.import_module(f"{__name__}.{verb}").run([*args])


def _complain(message: str, code: int) -> int:
    print("physjax:", " ".join(message.split()), file=sys.stderr)
    return code


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("physjax")
    except PackageNotFoundError:
        return "(not installed)"

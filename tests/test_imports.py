"""What each import may load, each in a fresh interpreter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import physjax

ROOT = Path(physjax.__file__).parent
CONFIGS = [
    ".".join(("physjax", *path.relative_to(ROOT).with_suffix("").parts))
    for path in sorted(ROOT.rglob("config.py"))
]
HEAVY = ("flax", "matplotlib", "orbax", "optimistix", "tyro", "rich", "safetensors")


def loaded(code: str) -> set[str]:
    """Modules in memory after the code."""
    code += "\nimport sys; print('MODULES', *sys.modules)"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PYTHONPATH"] = str(ROOT.parent)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split("MODULES", 1)[1].split())


def test_the_package_alone_loads_next_to_nothing():
    modules = loaded("import physjax")
    assert not modules & {"jax", "numpy", "equinox"}


def test_operators_and_solvers_load_only_what_they_need():
    modules = loaded("import physjax.operators, physjax.solvers")
    assert "jax" in modules
    assert not modules & {*HEAVY, "optax", "scipy.signal", "scipy.sparse"}
    systems = {m for m in modules if m.startswith(("physjax.systems", "physjax.nn"))}
    assert not systems


@pytest.mark.parametrize(
    "module", ["losses", "simulators", "nn", "testing", "_grids", "_boundaries"]
)
def test_the_floors_above_stay_light(module):
    modules = loaded(f"import physjax.{module}")
    assert not modules & {*HEAVY, "pytest", "hypothesis", "physjax.training"}


@pytest.mark.parametrize(
    "module",
    [
        "physjax.cli",
        "physjax.systems",
        "physjax._errors",
        "physjax._settings",
        *CONFIGS,
    ],
)
def test_commands_registry_and_settings_load_no_jax(module):
    assert "jax" not in loaded(f"import {module}")


def test_registry_finds_settings_without_jax():
    modules = loaded(
        "from physjax import systems\n"
        "for name in systems.names(): systems.config_module(name).Config()"
    )
    assert "jax" not in modules


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [(["--help"], {"jax", "tyro", "rich", "matplotlib"}), (["list"], {"jax"})],
)
def test_help_and_list_load_no_jax(arguments, absent):
    code = (
        "from physjax.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as end: assert not end.code"
    )
    assert not loaded(code) & absent


def test_names_of_the_package_are_found_when_used():
    for name in dir(physjax):
        getattr(physjax, name)
    assert physjax.Grid is physjax._grids.Grid
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = physjax.nonsense

"""Imports point down only, floor by floor."""

import ast
from pathlib import Path

import pytest

import physjax

ROOT = Path(physjax.__file__).parent
FLOORS = [
    {"core"},
    {"operators"},
    {"solvers"},
    {"simulators", "losses", "nn", "io", "interop"},
    {"training"},
    {"systems"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))


def room(parts: tuple[str, ...]) -> str:
    """Room of a module, by its path below the package."""
    return parts[0] if parts and parts[0] in LEVEL else "core"


def imports(path: Path) -> list[tuple[str, ...]]:
    """Modules of this package that a file imports, also inside its functions."""
    package = path.relative_to(ROOT).parts[:-1]
    found: list[tuple[str, ...]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found += [tuple(name[1:]) for name in names if name[0] == "physjax"]
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = package[: len(package) - node.level + 1] + module
            elif module[:1] == ("physjax",):
                base = module[1:]
            else:
                continue
            found += [(*base, alias.name) for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    parts = path.relative_to(ROOT).parts
    if parts in (("__init__.py",), ("__main__.py",)):
        return  # the lazy table of names, and the way into the command line
    here = room(parts)
    for module in imports(path):
        there = room(module)
        message = f"{here} imports {'.'.join(('physjax', *module))}"
        assert there == here or LEVEL[there] < LEVEL[here], message


def test_systems_do_not_import_each_other():
    systems = {path.parent.name for path in ROOT.glob("systems/*/config.py")}
    for path in FILES:
        parts = path.relative_to(ROOT).parts
        others = systems - {parts[1]} if parts[0] == "systems" else set()
        for module in imports(path):
            other = module[:1] == ("systems",) and others & set(module[1:2])
            assert not other, f"{'/'.join(parts)} imports {'.'.join(module)}"


def test_every_room_stands():
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(LEVEL) - {"core"}


def test_the_library_leaves_the_configuration_of_jax_alone():
    # The compilation cache is a function that only owners of a process call.
    owners = {"cli", "training/cache.py"}
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if not owners & {name, name.split("/")[0]}:
            assert "jax.config.update" not in path.read_text(), name


def test_nothing_is_pickled():
    for path in FILES:
        for word in ("import pickle", "pickle.load", "allow_pickle=True"):
            assert word not in path.read_text(), f"{path}: {word}"


def test_annotations_are_real():
    for path in FILES:
        assert "from __future__ import annotations" not in path.read_text(), path

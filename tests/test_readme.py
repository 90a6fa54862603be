"""The README and its companions tell the truth: examples, files, verbs and options."""

import contextlib
import doctest
import functools
import io
import re
import shlex
from pathlib import Path

import jax
import pytest

import benchmarks
from benchmarks import __main__ as benchmarks_main
from physjax import cli, systems

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
STORIES = [ROOT / "physjax" / "systems" / n / "README.md" for n in systems.names()]
PAGES = [README, CONTRIBUTING, ROOT / "CHANGELOG.md", *STORIES]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.parent.name + p.stem)


def fenced(page, language):
    """The blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def commands(page):
    """Commands of the shell blocks, and those in back quotes, as lists of words."""
    text = page.read_text()
    joined = "\n".join(fenced(page, "sh")).replace("\\\n", " ")
    lines = joined.splitlines()
    lines += re.findall(r"`((?:physjax|pip|pytest|python) [^`]*)`", text)
    for line in lines:
        words = shlex.split(line, comments=True)
        while "&&" in words:
            cut = words.index("&&")
            yield words[:cut]
            words = words[cut + 1 :]
        if words:
            yield words


@functools.cache
def help_text(*argv):
    """What `physjax ... --help` prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert cli.main([*argv, "--help"]) == 0
    return out.getvalue()


def system_of(words):
    return words[1] if len(words) > 1 and words[1] in systems.names() else None


@each_page
def test_python_examples_run(page):
    examples = [b for b in fenced(page, "python") if b.startswith(">>>")]
    if page == README:
        assert examples
        lines = [x for x in examples[0].splitlines() if x.strip()]
        assert 15 <= len(lines) <= 30
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for text in examples:
        test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
        with (
            jax.enable_x64(False),
            jax.numpy_dtype_promotion("standard"),
            jax.numpy_rank_promotion("allow"),
        ):
            failed, _ = runner.run(test)
        assert failed == 0


def test_the_skeletons_of_contributing_run():
    operator, tests = (b for b in fenced(CONTRIBUTING, "python"))
    scope = {"__name__": "moments"}
    exec(compile(operator, "moments.py", "exec"), scope)
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(
        scope["centroid"], "centroid", globs=scope, module=False
    ):
        assert runner.run(test).failed == 0
    import physjax.testing

    scope |= {k: v for k, v in vars(physjax.testing).items() if k[:7] == "assert_"}
    exec(compile(tests, "test_moments.py", "exec"), scope)
    for name in [name for name in scope if name.startswith("test_")]:
        scope[name]()


@each_page
def test_links_and_files_exist(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith(("https://", "http://")):
            assert (page.parent / target).exists(), target
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    paths = re.findall(
        r"`((?:\.ci|physjax|tests|benchmarks|notebooks)/[\w./*-]*)`", prose
    )
    for path in paths:
        new = path.endswith(("moments.py", "_*.py")) or path.startswith("physjax-demo")
        assert new or (ROOT / path.rstrip("/")).exists() or "NAME" in path, path


@each_page
def test_verbs_and_options_exist(page):
    for words in commands(page):
        if words[0] != "physjax":
            continue
        arguments = words[1:]
        if arguments[:1] in (["--help"], ["VERB"]):
            continue
        verb, system = arguments[0], system_of(arguments)
        assert verb in cli.VERBS, words
        own = verb in ("train", "demo", "evaluate", "predict") and system
        known = help_text(verb, *([system] if own else []))
        for flag in (word.split("=")[0] for word in arguments if word[:2] == "--"):
            assert flag == "--help" or re.search(rf"{re.escape(flag)}\b", known), words
        if "--preset" in arguments:
            preset = arguments[arguments.index("--preset") + 1]
            assert preset in systems.config_module(system).PRESETS


@each_page
def test_benchmarks_are_named_right(page):
    for words in commands(page):
        if words[:3] != ["python", "-m", "benchmarks"]:
            continue
        arguments = words[3:]
        names = [word for word in arguments[:1] if not word.startswith("--")]
        assert set(names) <= set(benchmarks.BENCHMARKS)
        # Parsing alone: nothing is measured here.
        benchmarks_main._arguments(arguments)


@each_page
def test_extras_exist(page):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"'\.\[([\w,]+)\]'", page.read_text()):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_exit_codes_are_those_of_the_errors():
    from physjax import _errors

    text = re.search(r"Exit codes: (.*?)\.", README.read_text(), re.S).group(1)
    named = {name: int(code) for code, name in re.findall(r"(\d+)\s+(\w+)", text)}
    kinds = {
        "settings": _errors.ConfigError,
        "device": _errors.DeviceError,
        "data": _errors.DataError,
        "checkpoint": _errors.CheckpointError,
        "numerics": _errors.NumericsError,
    }
    assert {name: kind.exit_code for name, kind in kinds.items()}.items() <= (
        named.items()
    )


def test_the_variables_that_tune_it_are_real():
    from benchmarks.launch import HEAP_TUNABLES

    text = README.read_text()
    assert f"GLIBC_TUNABLES={HEAP_TUNABLES}\n" in text
    cache = (ROOT / "physjax" / "training" / "cache.py").read_text()
    for name in ("PHYSJAX_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR"):
        assert name in text
        assert name in cache


def test_the_two_commands_stand_alone():
    blocks = [block.strip() for block in fenced(README, "sh")]
    assert blocks[:2] == [
        "pip install . && physjax demo rampinn",
        "pip install -e '.[dev]' && pytest",
    ]
    ci = (ROOT / ".ci" / "run").read_text()
    assert "pip install" in ci
    assert "-e '.[dev]'" in ci


def test_pictures_are_small():
    for page in PAGES:
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text()):
            assert (page.parent / target).stat().st_size < 150_000

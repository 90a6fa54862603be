"""Strictness for all tests: dtype and rank promotion, warnings, shapes and types.

`PHYSJAX_TEST_X64=0` runs them with 64-bit types off (`test_x64_off.py` does).
"""

import os
import re

os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import jax
import jax.numpy as jnp
import jaxtyping
import pytest

X64 = os.environ.get("PHYSJAX_TEST_X64", "1") != "0"
DTYPES = (jnp.float32, jnp.float64) if X64 else (jnp.float32,)

jax.config.update("jax_enable_x64", X64)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Many values, few shapes, and the same ones every time.
hypothesis.settings.register_profile(
    "physjax", max_examples=25, deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("physjax")


def pytest_configure(config):
    """Two thirds of the suite is compilation: less of it, in commands of tests too.

    Small programs run once gain nothing from LLVM's optimisation (XLA's own passes
    stay; `JAX_DISABLE_MOST_OPTIMIZATIONS=0` has both). What is compiled is kept for the
    other worker and for the next run.
    """
    settings = {}
    if "JAX_DISABLE_MOST_OPTIMIZATIONS" not in os.environ:
        settings["jax_disable_most_optimizations"] = True
    if (cache := getattr(config, "cache", None)) is not None:  # -p no:cacheprovider
        settings |= {
            "jax_compilation_cache_dir": str(cache.mkdir("jax")),
            "jax_persistent_cache_min_compile_time_secs": 0.0,
            "jax_persistent_cache_min_entry_size_bytes": -1,
        }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


@pytest.fixture(scope="module")
def optimised():
    """For the tests of a file whose programs run longer than they compile."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request):
    """Each floating type that the present mode has."""
    return request.param


@pytest.fixture
def unchecked():
    """Bad input reaches the function's own messages, not the type checker's."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def pytest_collection_modifyitems(config, items):
    """The longest first, or one worker would end with them while the other waits.

    With 64-bit types off, of parameters that differ in numbers alone the first and the
    last: what breaks there (a type that does not exist) breaks for all of them.
    """
    if not X64:
        named = [re.sub(r"[\d.]+", "", item.nodeid) for item in items]
        ends = {name: i for i, name in enumerate(named)}
        begins = {name: i for i, name in reversed(list(enumerate(named)))}
        keep = {*ends.values(), *begins.values()}
        left_out = [item for i, item in enumerate(items) if i not in keep]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for i, item in enumerate(items) if i in keep]
    long = ("test_x64_off.py", "test_notebooks.py", "test_readme.py", "test_systems.py")
    items.sort(key=lambda item: item.path.name not in long)

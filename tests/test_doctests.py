"""Every example in a docstring runs, with the settings that a user has."""

import doctest
import importlib
import pkgutil

import jax
import pytest

import physjax

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(physjax.__path__, "physjax.")
    if not module.name.endswith("__main__")
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", ["physjax", *MODULES])
def test_examples(name):
    module = importlib.import_module(name)
    with (
        jax.enable_x64(False),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        failed, _ = doctest.testmod(module, optionflags=FLAGS)
    assert failed == 0

"""Frozen dataclasses of settings, to and from TOML. Imports no jax.

Fields may be bool, int, float, str, `Literal`, `tuple[T, ...]`, `tuple[T, U]`, nested
dataclasses and `X | None`. TOML has no null: None is written as `"none"`.
"""

import ast
import dataclasses
import difflib
import functools
import inspect
import itertools
import json
import textwrap
import tomllib
import types
from collections.abc import Iterable
from os import PathLike
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ._errors import ConfigError

T = TypeVar("T")
_NONE = "none"


def to_toml(config: Any) -> str:
    """The settings as TOML, every key under a comment with its field's docstring.

    `from_toml(config, path)` of the written text gives an equal `config` back.

    >>> from physjax.training.config import TrainConfig
    >>> for line in to_toml(TrainConfig()).splitlines()[:2]:
    ...     print(line)
    # Number of optimiser steps.
    steps = 1000
    """
    return "\n".join(_tables(config, ())).strip() + "\n"


def from_toml(default: T, path: str | PathLike[str]) -> T:
    """`default` with the settings of a TOML file in place.

    Args:
        default: Instance of a frozen dataclass: a preset.
        path: TOML file; keys it does not name keep their value in `default`.

    Raises:
        ConfigError: The file is missing or no TOML, a key is unknown (with the closest
            known one), or a value is not of the field's type: an integer may stand for
            a float, nothing else is converted.
    """
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read settings {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    return from_table(default, table, str(path))


def from_table(default: T, table: dict[str, Any], name: str) -> T:
    """`default` with the settings of nested dicts, as TOML or JSON gives them.

    Args:
        default: Instance of a frozen dataclass.
        table: Values by key; lists stand for tuples.
        name: How messages call the source.

    Raises:
        ConfigError: As in `from_toml`.
    """
    return _replace(default, table, name, ())


def _replace(default: Any, table: dict[str, Any], file: str, at: tuple[str, ...]):
    hints = get_type_hints(type(default))
    known = [f.name for f in dataclasses.fields(default) if f.init]
    changes = {}
    for key, value in table.items():
        where = f"{file}: key {'.'.join((*at, key))!r}"
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = (
                f"did you mean {'.'.join((*at, close[0]))!r}?"
                if close
                else f"known here are {', '.join(known)}."
            )
            raise ConfigError(f"{where} is unknown; {hint}")
        old = getattr(default, key)
        if dataclasses.is_dataclass(old) and isinstance(value, dict):
            changes[key] = _replace(old, value, file, (*at, key))
            continue
        try:
            changes[key] = _convert(hints[key], value)
        except _Mismatch as wrong:
            raise ConfigError(
                f"{where} is {wrong.value!r}, but must be {wrong.wanted}."
            ) from None
    try:
        return dataclasses.replace(default, **changes)
    except ValueError as error:  # the dataclass's own checks of ranges
        place = f"{file}, table [{'.'.join(at)}]" if at else file
        raise ConfigError(f"{place}: {error}") from error


class _Mismatch(Exception):
    def __init__(self, value: Any, wanted: str):
        self.value, self.wanted = value, wanted


def _convert(kind: Any, value: Any) -> Any:
    """`value`, as tomllib made it, as a `kind`."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _convert_union(kind, args, value)
    if origin is Literal:
        if any(value == a and type(value) is type(a) for a in args):
            return value
        raise _Mismatch(value, "one of " + ", ".join(map(repr, args)))
    if origin is tuple:
        variadic = len(args) == 2 and args[1] is Ellipsis
        if not isinstance(value, list) or not (variadic or len(value) == len(args)):
            raise _Mismatch(value, _describe(kind))
        kinds: Iterable[Any] = [args[0]] * len(value) if variadic else args
        return tuple(_convert(k, v) for k, v in zip(kinds, value, strict=True))
    if kind is float and type(value) is int:
        return float(value)
    if kind in (bool, int, float, str):
        if type(value) is kind:
            return value
        raise _Mismatch(value, _describe(kind))
    if dataclasses.is_dataclass(kind):
        raise _Mismatch(value, "a table")
    raise TypeError(f"settings cannot hold a field of type {kind}")


def _convert_union(kind: Any, args: tuple[Any, ...], value: Any) -> Any:
    if type(None) in args and value in (_NONE, None):  # JSON has a null
        return None
    # A float swallows integers, so it is asked last.
    for one in sorted(
        (a for a in args if a is not type(None)), key=lambda a: a is float
    ):
        try:
            return _convert(one, value)
        except _Mismatch:
            continue
    raise _Mismatch(value, _describe(kind))


def _describe(kind: Any) -> str:
    names = {
        bool: "true or false",
        int: "an integer",
        float: "a number",
        str: "a string",
        type(None): f'"{_NONE}"',
    }
    if kind in names:
        return names[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return f"a list with {_describe(args[0])} in each place"
    if origin is tuple:
        return f"a list of {len(args)}: " + ", ".join(map(_describe, args))
    if origin in (Union, types.UnionType):
        return " or ".join(map(_describe, args))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, args))
    return "a table"


def _tables(config: Any, at: tuple[str, ...]) -> Iterable[str]:
    docs = _docstrings(type(config))
    fields = [(f.name, getattr(config, f.name)) for f in dataclasses.fields(config)]
    if at:
        yield f"[{'.'.join(at)}]"
    for name, value in fields:
        if not dataclasses.is_dataclass(value):
            yield from textwrap.wrap(
                docs.get(name, ""), 86, initial_indent="# ", subsequent_indent="# "
            )
            yield f"{name} = {_literal(value)}\n"
    for name, value in fields:
        if dataclasses.is_dataclass(value):
            yield from _tables(value, (*at, name))


def _literal(value: Any) -> str:
    if value is None:
        return f'"{_NONE}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_literal, value))}]"
    raise TypeError(f"settings cannot hold {value!r}")


@functools.cache
def _docstrings(cls: type) -> dict[str, str]:
    """Strings that stand right below a class's fields; none where source is missing."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
    except (OSError, TypeError, SyntaxError):
        return {}
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }

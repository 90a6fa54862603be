"""Settings survive TOML, and mistakes in it are named."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physjax import systems
from physjax._errors import ConfigError
from physjax._settings import from_table, from_toml, to_toml


@dataclass(frozen=True)
class Inner:
    kind: Literal["a", "b", 3] = "a"
    """Which
    one."""
    widths: tuple[int, ...] = (1, 2)
    pair: tuple[float, str] = (1.0, "x")


@dataclass(frozen=True)
class Outer:
    name: str = "n"
    """What it is called."""
    rate: float = 0.1
    count: int = 3
    flag: bool = False
    limit: float | None = None
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self):
        if self.count < 0:
            raise ValueError(f"count is {self.count}, but must not be negative.")


numbers = st.floats(allow_nan=False)
integers = st.integers(-(2**63), 2**63 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
inners = st.builds(
    Inner,
    kind=st.sampled_from(["a", "b", 3]),
    widths=st.lists(integers, max_size=4).map(tuple),
    pair=st.tuples(numbers, text),
)
outers = st.builds(
    Outer,
    name=text,
    rate=numbers,
    count=st.integers(0, 2**63 - 1),
    flag=st.booleans(),
    limit=st.none() | numbers,
    inner=inners,
)


@given(outers)
def test_round_trip(tmp_path_factory, config):
    path = tmp_path_factory.getbasetemp() / "config.toml"
    path.write_text(to_toml(config), encoding="utf-8")
    assert from_toml(Outer(), path) == config


@pytest.mark.parametrize("name", systems.names())
def test_presets_round_trip(name, tmp_path):
    presets = systems.config_module(name).PRESETS
    for preset in presets.values():
        (tmp_path / "c.toml").write_text(to_toml(preset))
        assert from_toml(presets["default"], tmp_path / "c.toml") == preset


@given(outers)
def test_tables_as_json_gives_them(config):
    table = dataclasses.asdict(config)
    table["inner"]["widths"] = list(table["inner"]["widths"])
    table["inner"]["pair"] = list(table["inner"]["pair"])
    assert from_table(Outer(), table, "metadata") == config


def test_docstrings_become_comments():
    assert '# What it is called.\nname = "n"\n' in to_toml(Outer())
    assert '# Which one.\nkind = "a"\n' in to_toml(Outer())


def test_keys_not_named_keep_their_preset(tmp_path):
    (tmp_path / "c.toml").write_text("[inner]\nwidths = [7]\n")
    got = from_toml(Outer(rate=9.0), tmp_path / "c.toml")
    assert got == Outer(rate=9.0, inner=Inner(widths=(7,)))


def test_an_integer_may_stand_for_a_float(tmp_path):
    (tmp_path / "c.toml").write_text("rate = 2\n")
    rate = from_toml(Outer(), tmp_path / "c.toml").rate
    assert type(rate) is float
    assert rate == 2.0


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("rat = 1.0", "'rat' is unknown; did you mean 'rate'?"),
        (
            "[inner]\nwidth = [1]",
            "'inner.width' is unknown; did you mean 'inner.widths'",
        ),
        ("zzzzz = 1", "known here are name, rate"),
        ("rate = '1'", "'rate' is '1', but must be a number"),
        ("count = 1.0", "must be an integer"),
        ("count = true", "must be an integer"),
        ("flag = 1", "must be true or false"),
        ("name = 1", "must be a string"),
        ("limit = 'all'", 'must be a number or "none"'),
        ("inner = 1", "must be a table"),
        ("[inner]\nkind = 'c'", "one of 'a', 'b', 3"),
        ("[inner]\nwidths = [1.5]", "1.5, but must be an integer"),
        ("[inner]\nwidths = 1", "a list with an integer in each place"),
        ("[inner]\npair = [1.0]", "a list of 2: a number, a string"),
        ("count = -1", "must not be negative"),
        ("count = ", "not valid TOML"),
    ],
)
def test_mistakes_name_file_and_key(toml, words, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(toml)
    with pytest.raises(ConfigError) as caught:
        from_toml(Outer(), path)
    assert words in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        from_toml(Outer(), tmp_path / "none.toml")

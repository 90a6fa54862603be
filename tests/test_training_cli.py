"""`physjax train` and `physjax resume`: preset < TOML < flags, into a run folder."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from physjax import cli, systems
from physjax._settings import from_toml
from physjax.training import progress


@pytest.fixture(autouse=True)
def toy(monkeypatch, tmp_path):
    """The toy in the registry; compiled programs are not kept."""
    monkeypatch.setattr(systems, "_SYSTEMS", {"toy": "toy"})
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def printed_config(capsys, tmp_path, *flags):
    assert cli.main(["train", "toy", "--print-config", *flags]) == 0
    path = tmp_path / "printed.toml"
    path.write_text(capsys.readouterr().out)
    return from_toml(systems.config_module("toy").PRESETS["default"], path)


def test_preset_then_toml_then_flags(capsys, tmp_path):
    (tmp_path / "my.toml").write_text("[train]\nseed = 7\nlearning_rate = 0.5\n")
    flags = ["--preset", "wide", "--config", "my.toml", "--train.learning-rate", "0.25"]
    config = printed_config(capsys, tmp_path, *flags)
    assert config.model.width == 32
    assert config.train.seed == 7
    assert config.train.learning_rate == 0.25
    assert config.train.batch_size == 16


def test_short_form_of_steps(capsys, tmp_path):
    assert printed_config(capsys, tmp_path, "--steps", "17").train.steps == 17


def test_train_then_resume(capsys, tmp_path):
    assert cli.main(["train", "toy", "--steps", "16", "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert "step 16/16" in out
    assert "physjax predict toy" in out
    rows = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert [json.loads(r)["step"] for r in rows.splitlines()] == [8, 16]

    assert cli.main(["resume", "run"]) == 0
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == rows

    assert cli.main(["train", "toy", "--out", "run"]) == 2
    assert "physjax resume run" in capsys.readouterr().err

    # What the run wrote trains the same run again.
    again = ["train", "toy", "--config", "run/config.toml", "--out", "again"]
    assert cli.main(again) == 0
    weights = "weights.safetensors"
    ours, theirs = (tmp_path / r / weights for r in ("again", "run"))
    assert ours.read_bytes() == theirs.read_bytes()


def test_interrupted_run_says_how_to_go_on(capsys, monkeypatch):
    class Stopper(progress.Plain):
        def advance(self, step):
            if step == 5:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(progress, "Plain", Stopper)
    assert cli.main(["train", "toy", "--out", "run"]) == 130
    captured = capsys.readouterr()
    assert "stopped at step 5 of 40, saved" in captured.err
    assert "physjax resume run" in captured.err
    monkeypatch.undo()


def test_default_folder_tells_date_system_preset_and_settings(tmp_path):
    assert cli.main(["train", "toy", "--preset", "wide", "--steps", "1"]) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    date, name, digest = folder.name.split("_")
    assert len(date) == 10
    assert name == "toy-wide"
    assert len(digest) == 8


@pytest.mark.parametrize(
    ("argv", "code", "word"),
    [
        (["train"], 2, "usage"),
        (["train", "tou"], 2, "did you mean 'toy'"),
        (["train", "toy", "--preset", "wid"], 2, "known are default, wide"),
        (["train", "toy", "--config", "none.toml"], 2, "none.toml"),
        (["train", "toy", "--train.stps", "3"], 2, "--train.steps"),
        (["train", "toy", "--steps", "0"], 2, "train.steps is 0"),
        (["train", "toy", "--train.seed", "one"], 2, "one"),
        (["resume"], 2, "run"),
        (["resume", "nowhere"], 5, "holds no run"),
        (["train", "toy", "--train.devices", "999", "--out", "x"], 3, "jax sees"),
    ],
)
def test_mistakes_cost_one_message_and_no_traceback(argv, code, word, capsys, tmp_path):
    assert cli.main(argv) == code
    captured = capsys.readouterr()
    assert word in captured.err.lower() + captured.err + captured.out
    assert "Traceback" not in captured.err
    assert not (tmp_path / "x").exists()


def test_parsing_settings_loads_no_jax():
    code = (
        "import sys\n"
        "from physjax import cli\n"
        "assert cli.main(['train', 'rampinn', '--print-config']) == 0\n"
        "assert 'jax' not in sys.modules\n"
    )
    root = Path(cli.__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, cwd=root
    )


def test_compilation_cache_is_where_it_is_told(monkeypatch, tmp_path):
    import jax

    from physjax.training import enable_compilation_cache

    told = {}
    monkeypatch.setattr(jax.config, "update", told.__setitem__)
    assert enable_compilation_cache() == tmp_path / "cache"
    assert told == {}

    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("PHYSJAX_CACHE_DIR", str(tmp_path / "mine"))
    assert enable_compilation_cache() == tmp_path / "mine" / "xla"
    assert told["jax_compilation_cache_dir"] == str(tmp_path / "mine" / "xla")

    (tmp_path / "file").touch()
    monkeypatch.setenv("PHYSJAX_CACHE_DIR", str(tmp_path / "file"))
    assert enable_compilation_cache() is None


def test_live_display_and_plain_lines(capsys, monkeypatch):
    row = {"step": 5, "loss": 0.5, "steps_per_s": 2.0}

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", screen)
    live = progress.make_progress("auto", 25)
    live.say("compiled in 1.0 s")
    live.advance(5)
    live.log(row, 25)
    live.close()
    text = screen.getvalue()
    for part in ("compiled in 1.0 s", "5/25", "loss 0.5", "2 steps/s", "ETA 0:10"):
        assert part in text
    assert "\x1b[3" not in text  # no colour

    lines = []
    plain = progress.Plain(lines.append)
    plain.log(row, 25)
    plain.warn("damaged")
    assert lines == ["step 5/25  loss 0.5  2 steps/s  ETA 0:10", "warning: damaged"]

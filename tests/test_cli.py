"""The command line: quick help, honest exit codes, nothing left behind."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from bad_files import AXIS, BAD, SPECTRA
from stand_in import StandIn

from physjax import cli
from physjax._errors import CheckpointError
from physjax._system import System
from physjax.io import read_pairs

FIGURES = {"1a": {"zero": {"MAE": 0.1}, "phase": {"MAE": 0.01, "PSNR": 30.0}}}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Leave the user's compilation cache, and jax's settings, alone."""
    folder = tmp_path_factory.getbasetemp() / "xla"
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(folder))


@pytest.fixture
def stand_in(monkeypatch):
    """The whole way from the command line to the files, but for a costly model."""
    from physjax import systems, training
    from physjax.systems.rampinn.predict import predict_file

    def evaluate(config, model, *, data):
        read_pairs(data)
        return FIGURES

    functions = dict.fromkeys(System._fields)
    functions |= {"name": "rampinn", "predict": predict_file, "evaluate": evaluate}
    monkeypatch.setattr(systems, "load", lambda name: System(**functions))
    load_model = lambda system, weights: (None, StandIn())
    monkeypatch.setattr(training, "load_model", load_model, raising=False)


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory):
    """An untrained small RamPINN in a weights file."""
    import dataclasses

    import jax

    from physjax import systems, training

    system = systems.load("rampinn")
    config = system.presets["small"]
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    model = system.make_model(config, jax.random.key(0))
    training.save_weights(path, model, {"config": dataclasses.asdict(config)})
    return path


def run_alone(*args, **environment):
    """`python -m physjax.cli ...` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "physjax.cli", *args],
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        timeout=120,
    )


def files_in(folder):
    return {p.relative_to(folder): p.stat().st_mtime_ns for p in folder.rglob("*")}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_nothing_left(name, tmp_path, capsys, stand_in):
    make, words = BAD[name]
    arguments = make(tmp_path)
    before = files_in(tmp_path)
    assert cli.main(["predict", "rampinn", *arguments]) == 4
    out, err = capsys.readouterr()
    assert err.startswith("physjax: error: ")
    assert err.count("\n") == 1, err
    assert words in err
    assert "Traceback" not in out + err
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("name", ["csv_text_cell", "npy_infinite"])
def test_bad_input_in_a_process_of_its_own(name, tmp_path, small_weights):
    arguments = BAD[name][0](tmp_path)
    before = files_in(tmp_path)
    arguments += ["--weights", str(small_weights)]
    done = run_alone("predict", "rampinn", *arguments)
    assert done.returncode == 4, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert BAD[name][1] in done.stderr
    assert files_in(tmp_path) == before


def test_help_is_quick_and_loads_neither_jax_nor_tyro():
    code = (
        "import sys; from physjax.cli import main; code = main(['--help']);"
        "print(*[m for m in ('jax', 'tyro', 'numpy') if m in sys.modules]);"
        "sys.exit(code)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    took = time.perf_counter() - start
    assert done.returncode == 0
    *text, loaded = done.stdout.splitlines()
    assert loaded == ""
    assert all(any(verb in line for line in text) for verb in cli.VERBS)
    assert took < 0.5


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("physjax ")


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "physjax", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stdout.startswith("physjax ")


def test_list_loads_no_jax():
    code = (
        "import sys; from physjax.cli import main; main(['list']);"
        "assert 'jax' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "rampinn" in done.stdout
    assert "2510.06020" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predcit"], "did you mean 'predict'?"),
        (["predict", "rampin", "a.csv", "--out", "b.csv"], "did you mean 'rampinn'?"),
        (["predict", "rampinn", "a.csv", "--uot", "b.csv"], "--uot"),
        (["predict", "rampinn", "a.csv"], "--out"),
        (["evaluate", "rampinn"], "--data"),
        (["list", "--everything"], "--everything"),
    ],
)
def test_wrong_arguments_exit_2(arguments, words, capsys):
    assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err


def test_batch_size_below_one_is_a_setting(tmp_path, capsys, stand_in):
    np.savez(tmp_path / "a.npz", cars=SPECTRA, wavenumber=AXIS)
    out = tmp_path / "b.npz"
    flags = ["--batch-size", "0"]
    assert run_predict(tmp_path / "a.npz", out, *flags) == 2
    assert "batch_size" in capsys.readouterr().err


def run_predict(source, out, *flags):
    return cli.main(["predict", "rampinn", str(source), "--out", str(out), *flags])


def test_predict_keeps_axes_and_writes_a_picture(tmp_path, capsys, stand_in):
    np.savez(tmp_path / "a.npz", cars=SPECTRA, wavenumber=AXIS[::-1])
    picture = tmp_path / "a.png"
    assert (
        run_predict(tmp_path / "a.npz", tmp_path / "b.npz", "--plot", str(picture)) == 0
    )
    assert "12 spectra of 32 points" in capsys.readouterr().out
    with np.load(tmp_path / "b.npz") as answer:
        assert set(answer) == {"wavenumber", "raman", "background"}
        assert answer["raman"].shape == answer["background"].shape == SPECTRA.shape
        assert answer["raman"].dtype == np.float32
        np.testing.assert_array_equal(answer["wavenumber"], AXIS[::-1])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_predict_subtracts_a_negative_dark_value(tmp_path, stand_in):
    np.savez(tmp_path / "a.npz", cars=SPECTRA, wavenumber=AXIS)
    np.savez(tmp_path / "shifted.npz", cars=SPECTRA - 5, wavenumber=AXIS)
    assert run_predict(tmp_path / "a.npz", tmp_path / "x.npz") == 0
    assert (
        run_predict(tmp_path / "shifted.npz", tmp_path / "y.npz", "--dark", "-5") == 0
    )
    with np.load(tmp_path / "x.npz") as x, np.load(tmp_path / "y.npz") as y:
        np.testing.assert_allclose(x["raman"], y["raman"], atol=1e-6)


def test_interrupt_leaves_nothing(tmp_path, capsys, stand_in, monkeypatch):
    from physjax.io.spectra import Spectra

    def chunks(self, size):
        yield from [SPECTRA[0]] * 2
        raise KeyboardInterrupt

    monkeypatch.setattr(Spectra, "chunks", chunks)
    np.savez(tmp_path / "a.npz", cars=SPECTRA, wavenumber=AXIS)
    before = files_in(tmp_path)
    assert (
        run_predict(tmp_path / "a.npz", tmp_path / "b.npz", "--batch-size", "4") == 130
    )
    assert capsys.readouterr().err == "physjax: interrupted\n"
    assert files_in(tmp_path) == before


def test_debug_raises(tmp_path, monkeypatch):
    monkeypatch.setenv("PHYSJAX_DEBUG", "1")
    missing = str(tmp_path / "no.safetensors")
    with pytest.raises(CheckpointError):
        run_predict("a.csv", "b.csv", "--weights", missing)


def test_missing_weights_exit_5(tmp_path, capsys):
    assert run_predict("a.csv", "b.csv", "--weights", str(tmp_path / "no")) == 5
    assert "no weights" in capsys.readouterr().err


def test_the_real_model_keeps_scale_and_direction(tmp_path, small_weights):
    answers = []
    for factor, step in ((1, 1), (4, 1), (1, -1)):
        arrays = {"cars": factor * SPECTRA[..., ::step], "wavenumber": AXIS[::step]}
        np.savez(tmp_path / "a.npz", **arrays)
        out, flags = tmp_path / "b.npz", ["--weights", str(small_weights)]
        assert run_predict(tmp_path / "a.npz", out, *flags) == 0
        with np.load(out) as answer:
            answers.append(answer["raman"])
    once, four, reverse = answers
    np.testing.assert_allclose(four, 2 * once, atol=1e-5 * np.abs(once).max())
    np.testing.assert_allclose(reverse[..., ::-1], once, atol=1e-6)


def test_weights_without_settings_are_refused(tmp_path, capsys):
    import jax.numpy as jnp

    from physjax import training

    path = tmp_path / "w.safetensors"
    training.save_weights(path, {"w": jnp.zeros(3)})
    np.savez(tmp_path / "a.npz", cars=SPECTRA, wavenumber=AXIS)
    out = tmp_path / "b.npz"
    assert run_predict(tmp_path / "a.npz", out, "--weights", str(path)) == 5
    assert "holds no 'config'" in capsys.readouterr().err


def test_evaluate_writes_what_it_prints(tmp_path, capsys, stand_in):
    np.savez(tmp_path / "pairs.npz", cars=SPECTRA, raman=SPECTRA, axis=AXIS)
    out = tmp_path / "figures.json"
    arguments = ["evaluate", "rampinn", "--data", str(tmp_path / "pairs.npz")]
    assert cli.main([*arguments, "--out", str(out)]) == 0
    assert json.loads(out.read_text()) == FIGURES
    assert "PSNR" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"1a_cars": SPECTRA[0], "wavenumber": AXIS}, "no '1a_raman'"),
        ({"cars": SPECTRA, "raman": SPECTRA}, "no 'wavenumber'"),
        ({"spectra": SPECTRA, "axis": AXIS}, "no 'cars'"),
        ({"cars": SPECTRA, "raman": SPECTRA[1:], "axis": AXIS}, "12 spectra"),
        ({"cars": SPECTRA, "raman": SPECTRA * np.nan, "axis": AXIS}, "nan at"),
    ],
)
def test_evaluate_refuses_bad_pairs(arrays, words, tmp_path, capsys, stand_in):
    np.savez(tmp_path / "pairs.npz", **arrays)
    data = str(tmp_path / "pairs.npz")
    assert cli.main(["evaluate", "rampinn", "--data", data]) == 4
    assert words in capsys.readouterr().err


def test_doctor_finds_this_machine_well(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("FFT", "eigh", "all is well", "jaxlib"))


def test_doctor_exits_3_when_an_operation_is_wrong(capsys, monkeypatch):
    import jax.numpy as jnp

    monkeypatch.setattr(jnp.linalg, "eigvalsh", lambda x: jnp.ones(64))
    assert cli.main(["doctor"]) == 3
    assert "eigh" in capsys.readouterr().err

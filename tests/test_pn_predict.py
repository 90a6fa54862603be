"""DEVICE.toml to CSV: by drift-diffusion and by particles, and what bad files say."""

import numpy as np
import pytest

from physjax import cli, systems, training
from physjax._errors import DataError
from physjax.systems.pn_junction.demo import SILICON
from physjax.systems.pn_junction.device import read_device
from physjax.systems.pn_junction.predict import predict_file
from physjax.systems.pn_junction.user_device import forward, particle_setup

# DEVSIM on a fine mesh, A/cm^2.
DEVSIM = {0.5: 7.268174e-02, 0.8: 4.531679e03, 1.0: 1.049211e05}


@pytest.fixture(scope="module")
def model():
    return training.load_model(systems.load("pn_junction"))[1]


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "DEVICE.toml"
        path.write_text(text)
        return path

    return write


def volts(text: str, values) -> str:
    lines = text.splitlines()
    lines[-1] = f"volts = {list(values)}"
    return "\n".join(lines) + "\n"


def turned(text: str) -> str:
    """The same device with donors on the left, and the other contact biased."""
    text = text.replace("acceptor", "x").replace("donor", "acceptor")
    return text.replace("x_cm3", "donor_cm3").replace('contact = "p"', 'contact = "n"')


UPRIGHT = (
    SILICON.replace("length_um = 0.4", "length_um = 0.08")
    .replace("height_um = 0.08", "height_um = 0.4")
    .replace("[41, 9]", "[9, 41]")
    .replace("x_um = [0.0, 0.2]", "x_um = [0.0, 0.08]\ny_um = [0.0, 0.2]")
    .replace("x_um = [0.2, 0.4]", "x_um = [0.0, 0.08]\ny_um = [0.2, 0.4]")
    .replace('"left"', '"bottom"')
    .replace('"right"', '"top"')
)


@pytest.mark.parametrize("text", [SILICON, turned(SILICON)], ids=["p left", "p right"])
def test_drift_diffusion_meets_devsim_with_forward_currents_positive(
    text, write, tmp_path, model
):
    source = write(volts(text, DEVSIM))
    summary = predict_file(
        None, model, source, tmp_path / "iv.csv", plot=tmp_path / "iv.png"
    )
    assert summary["method"] == "drift-diffusion"
    rows = np.genfromtxt(tmp_path / "iv.csv", delimiter=",", names=True)
    assert rows.dtype.names == ("V", "J_A_per_cm2", "standard_error")
    np.testing.assert_allclose(rows["J_A_per_cm2"], list(DEVSIM.values()), rtol=3e-3)
    assert (tmp_path / "iv.png").stat().st_size > 1e4


def test_particles_meet_drift_diffusion_at_high_bias(write, tmp_path, model):
    """Upright, so that axes are exchanged; 3.53e4 A/cm^2 by DEVSIM at 0.9 V."""
    source = write(volts(UPRIGHT, [0.9]))
    out = tmp_path / "iv.csv"
    predict_file(
        None, model, source, out, solver="learned", per_cell=4.0, steps=1500,
        progress=False,
    )  # fmt: skip
    _, current, error = np.loadtxt(out, delimiter=",", skiprows=1)
    assert 0 < error < 0.1 * 3.53e4
    assert abs(current - 3.53e4) < 3 * error + 0.05 * 3.53e4


def test_the_axes_of_an_upright_device_are_exchanged(write):
    lying, upright = (
        particle_setup(read_device(write(text)).lying, 8.0)
        for text in (SILICON, UPRIGHT)
    )
    assert lying.device.shape == upright.device.shape == (41, 9)
    np.testing.assert_allclose(lying.device.doping, upright.device.doping)
    np.testing.assert_allclose(lying.permittivity, upright.permittivity)
    assert lying.dt == pytest.approx(upright.dt)


def test_a_device_of_one_dimension_gets_a_height(write):
    text = SILICON.replace("height_um = 0.08\n", "").replace("[41, 9]", "[41]")
    flat = particle_setup(read_device(write(text)), 8.0)
    assert flat.device.shape == (41, 2)
    full = particle_setup(read_device(write(SILICON)), 8.0)
    # As many particles per area.
    assert flat.device.weight == pytest.approx(full.device.weight)


def test_forward_is_from_acceptors_to_donors(write):
    assert forward(read_device(write(SILICON))) == 1.0
    assert forward(read_device(write(turned(SILICON)))) == -1.0


TRAPS = SILICON.replace("mu_p_cm2_Vs = 300\n", "mu_p_cm2_Vs = 300\ntau_n_s = 1e-7\n")
SLOW = SILICON.replace("mu_n_cm2_Vs = 800", "mu_n_cm2_Vs = 700", 1)
BARE = SILICON.replace("donor_cm3 = 1e17\n", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [(TRAPS, "do not recombine"), (SLOW, "one mobility"), (BARE, "one doping")],
    ids=["traps", "mobilities", "no doping"],
)
def test_what_particles_cannot_do_is_said(text, message, write, tmp_path, model):
    with pytest.raises(DataError, match=message):
        predict_file(
            None,
            model,
            write(text),
            tmp_path / "iv.csv",
            solver="exact",
            progress=False,
        )
    assert not (tmp_path / "iv.csv").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("donor_cm3 = 1e17", "donor_cm3 = -1e17", "donor_cm3"),
        ("donor_cm3 = 1e17", "donor_cm3 = nan", "donor_cm3"),
        ("eps_r = 11.7", "eps_r = 11.7\nepsilon = 1", "epsilon"),
        ('side = "right"', 'side = "top"', "touch"),
        ("[bias]", "[biases]", "biases"),
        ("volts = [", "volts = [nan, ", "volts"),
    ],
)
def test_bad_files_end_the_command_with_code_4_and_one_sentence(
    old, new, message, write, tmp_path, capfd
):
    out = tmp_path / "iv.csv"
    source = write(SILICON.replace(old, new))
    code = cli.main(["predict", "pn_junction", str(source), "--out", str(out)])
    err = capfd.readouterr().err.strip()
    assert code == 4
    assert message in err
    assert len(err.splitlines()) == 1
    assert not out.exists()


def test_the_command_writes_the_curve(write, tmp_path, capfd):
    out = tmp_path / "iv.csv"
    source = write(SILICON)
    assert cli.main(["predict", "pn_junction", str(source), "--out", str(out)]) == 0
    assert "8 biases by drift-diffusion" in capfd.readouterr().out
    assert len(out.read_text().splitlines()) == 9

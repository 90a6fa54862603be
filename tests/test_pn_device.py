"""DEVICE.toml: what is right is read, what is wrong is said."""

import math

import numpy as np
import pytest

from physjax._errors import DataError
from physjax.systems.pn_junction.device import read_device
from physjax.systems.pn_junction.layers import layered_device, layers_mesh

GOOD = """
[device]
length_um = 0.4
height_um = 0.08
nodes = [41, 9]
n_i_cm3 = 1e10

[[region]]
x_um = [0, 0.2]
acceptor_cm3 = 1e17
eps_r = 11.7
mu_n_cm2_Vs = 800
mu_p_cm2_Vs = 300

[[region]]
x_um = [0.2, 0.4]
y_um = [0.0, 0.08]
donor_cm3 = 1e17
eps_r = 11.7
mu_n_cm2_Vs = 800
mu_p_cm2_Vs = 300
tau_n_s = 1e-7
tau_p_s = 1e-6

[[contact]]
name = "p"
side = "left"

[[contact]]
name = "n"
side = "right"

[bias]
contact = "p"
volts = [0.0, 0.8, -1]
"""
FLAT = (
    GOOD.replace("height_um = 0.08\n", "")
    .replace("[41, 9]", "[41]")
    .replace("y_um = [0.0, 0.08]\n", "")
)


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes):
        path = tmp_path / "DEVICE.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_device(path)

    return read


def test_a_good_file_is_read(read):
    device = read(GOOD)
    assert device.device.nodes == (41, 9)
    assert device.device.temperature_K == 300.0
    assert [contact.name for contact in device.contacts] == ["p", "n"]
    assert device.bias.volts == (0.0, 0.8, -1.0)
    p, n = device.regions
    assert (p.acceptor_cm3, p.donor_cm3, p.tau_n_s) == (1e17, 0.0, math.inf)
    assert (n.donor_cm3, n.tau_n_s, n.tau_p_s) == (1e17, 1e-7, 1e-6)


def test_one_dimension_needs_no_height(read):
    device = read(FLAT)
    assert device.device.height_um is None
    assert device.is_layered


def test_a_point_belongs_to_the_last_region_that_covers_it(read):
    device = read(GOOD)
    p, n = device.regions
    assert device.region_at(0.0) is device.region_at(0.1999, 0.08) is p
    assert device.region_at(0.2) is device.region_at(0.4, 0.08) is n
    covered = read(GOOD.replace("x_um = [0.2, 0.4]", "x_um = [0.1, 0.4]"))
    assert covered.region_at(0.15) is covered.regions[1]


def test_only_what_varies_with_y_needs_two_dimensions(read):
    assert read(GOOD).is_layered
    sides = GOOD.replace('"left"', '"bottom"').replace('"right"', '"top"')
    assert not read(sides).is_layered
    half = GOOD.replace("x_um = [0, 0.2]", "x_um = [0, 0.4]").replace(
        "[0.0, 0.08]", "[0.0, 0.04]"
    )
    assert not read(half).is_layered


BAD = {
    "negative doping": (("donor_cm3 = 1e17", "donor_cm3 = -1e17"), "0 or more"),
    "doping NaN": (("donor_cm3 = 1e17", "donor_cm3 = nan"), "donor_cm3 must be"),
    "doping inf": (("acceptor_cm3 = 1e17", "acceptor_cm3 = inf"), "0 or more"),
    "mobility zero": (("mu_n_cm2_Vs = 800", "mu_n_cm2_Vs = 0"), "must be positive"),
    "permittivity NaN": (("eps_r = 11.7", "eps_r = nan"), "eps_r must be positive"),
    "lifetime negative": (("tau_n_s = 1e-7", "tau_n_s = -1"), "positive, or inf"),
    "length zero": (("length_um = 0.4", "length_um = 0"), "length_um must be"),
    "n_i missing": (("n_i_cm3 = 1e10", ""), "key 'n_i_cm3' is missing"),
    "eps_r missing": (
        ("eps_r = 11.7", ""),
        r"\[\[region\]\] 1: key 'eps_r' is missing",
    ),
    "side missing": (('side = "left"', ""), "key 'side' is missing"),
    "unknown key": (("eps_r = 11.7", "epsr = 11.7\neps_r = 1"), "did you mean 'eps_r'"),
    "unknown table": (("[bias]", "[biases]"), "key 'biases' is unknown"),
    "unknown side": (('"left"', '"front"'), "one of 'left', 'right'"),
    "wrong type": (("nodes = [41, 9]", 'nodes = "41"'), "must be a list"),
    "truth is no number": (("n_i_cm3 = 1e10", "n_i_cm3 = true"), "must be a number"),
    "few nodes": (("[41, 9]", "[41, 2]"), "each 3 or more"),
    "three axes": (("[41, 9]", "[41, 9, 9]"), "nodes must hold one number"),
    "no height": (("height_um = 0.08", ""), "height_um is missing"),
    "no nodes along y": (("[41, 9]", "[41]"), "a number for y too"),
    "range reversed": (("[0.2, 0.4]", "[0.4, 0.2]"), "x_um must rise"),
    "range of three": (("[0.2, 0.4]", "[0.2, 0.3, 0.4]"), "a list of 2"),
    "range outside": (("[0.2, 0.4]", "[0.2, 0.5]"), "ends at x_um 0.5, but the device"),
    "range above": (("[0.0, 0.08]", "[0.0, 0.1]"), "ends at y_um 0.1"),
    "range negative": (("[0, 0.2]", "[-0.1, 0.2]"), "x_um must rise from 0"),
    "range NaN": (("[0, 0.2]", "[nan, 0.2]"), "x_um must rise from 0"),
    "bare part": (("[0.2, 0.4]", "[0.2, 0.3]"), r"no \[\[region\]\] covers .* 0.35"),
    "bare corner": (("[0.0, 0.08]", "[0.0, 0.04]"), "x_um 0.3, y_um 0.06"),
    "contacts touch": (('"right"', '"top"'), "'p' .left. and 'n' .top. touch"),
    "same side": (('"right"', '"left"'), "touch"),
    "same name": (('"n"', '"p"'), "two contacts are called 'p'"),
    "empty name": (('"n"', '""'), "name must not be empty"),
    "unknown contact": (('contact = "p"', 'contact = "q"'), "known are 'p', 'n'"),
    "volts NaN": (("[0.0, 0.8, -1]", "[0.0, nan]"), "volts must be finite"),
    "no volts": (("[0.0, 0.8, -1]", "[]"), "one number or more"),
    "one volt": (("[0.0, 0.8, -1]", "0.8"), "must be a list"),
    "cold": (("n_i_cm3 = 1e10", "n_i_cm3 = 1e10\ntemperature_K = 0"), "temperature_K"),
    "truncated": (("volts = [0.0, 0.8, -1]", "volts = [0.0, 0."), "not valid TOML"),
    "key twice": (("eps_r = 11.7", "eps_r = 11.7\neps_r = 12"), "not valid TOML"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_in_one_sentence(read, case):
    (old, new), message = BAD[case]
    assert old in GOOD
    with pytest.raises(DataError, match=message) as caught:
        read(GOOD.replace(old, new, 1))
    sentence = str(caught.value)
    assert "DEVICE.toml" in sentence
    assert "\n" not in sentence
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("end", range(0, len(GOOD) - 2, 37))
def test_a_file_cut_short_is_refused(read, end):
    with pytest.raises(DataError, match=r"DEVICE\.toml"):
        read(GOOD[:end])


def test_what_is_no_text_or_not_there(read, tmp_path):
    with pytest.raises(DataError, match="not valid TOML"):
        read(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="No such file"):
        read_device(tmp_path / "nothing.toml")
    with pytest.raises(DataError, match="must be a table"):
        read("device = 1\nregion = 1\ncontact = 1\nbias = 1")
    with pytest.raises(DataError, match="one table"):
        read(FLAT.replace("[[region]]", "[region]", 1).split("[[region]]")[0])


def test_one_dimension_has_two_sides(read):
    with pytest.raises(DataError, match="only left and right"):
        read(FLAT.replace('"left"', '"top"').replace('"right"', '"bottom"'))
    with pytest.raises(DataError, match="no height_um"):
        read(FLAT.replace("x_um = [0.2, 0.4]", "x_um = [0.2, 0.4]\ny_um = [0, 1]"))
    one = FLAT.replace('[[contact]]\nname = "n"\nside = "right"\n', "")
    with pytest.raises(DataError, match="two tables"):
        read(one)


def test_layers_for_drift_diffusion(read):
    file = read(GOOD)
    x = layers_mesh(file)
    assert {0.0, 0.2, 0.4} <= set(x)
    device = layered_device(file)
    middle = int(np.flatnonzero(x == 0.2)[0])
    doping = np.asarray(device.doping)[[0, middle - 1, middle, middle + 1, -1]]
    np.testing.assert_allclose(doping, [-1e17, -1e17, 0.0, 1e17, 1e17])
    tau = np.asarray(device.electron_lifetime)[[0, middle, -1]]
    np.testing.assert_allclose(tau, [np.inf, 2e-7, 1e-7])
    np.testing.assert_allclose(device.x[-1], 4e-5)
    given = layered_device(file, np.linspace(0.0, 0.4, 41))
    assert np.shape(given.x) == (41,)
    with pytest.raises(DataError, match="one-dimensional"):
        layered_device(
            read(GOOD.replace('"left"', '"top"').replace('"right"', '"bottom"'))
        )


def test_two_junctions_have_coarse_nodes_between_them(read):
    three = GOOD.replace("x_um = [0, 0.2]", "x_um = [0, 0.1]") + (
        "[[region]]\nx_um = [0.1, 0.2]\neps_r = 11.7\n"
        "mu_n_cm2_Vs = 800\nmu_p_cm2_Vs = 300\n"
    )
    x = layers_mesh(read(three))
    between = np.diff(x[(x >= 0.1) & (x <= 0.2)])
    assert between[0] < between[-1] * 2 < 1e-3 < 4e-3 < np.max(between) < 0.0101

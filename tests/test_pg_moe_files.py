"""Files of chains through the command line: answers, pictures, and refusals."""

import csv

import numpy as np
import pytest

from physjax import cli
from physjax._errors import DataError
from physjax.systems.pg_moe.chain_files import read_chains

RINGS = "n,h,J,g,boundary\n8,0.5,1,0,periodic\n6,-1.2,,,open\n"
CHAINS = """
[[chain]]
name = "four, of which one is turned"
h = [0.5, -0.4, 1.0, 0.7]
J = [1.0, -0.8, 1.2]
boundary = "open"

[[chain]]
n = 5
h = 0.9
g = 0.2
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dense(given):
    """The Hamiltonian by Kronecker products, site 0 the lowest bit."""
    x, z = np.array([[0.0, 1], [1, 0]]), np.diag([1.0, -1])
    n = given.num_sites
    site = lambda op, i: np.kron(np.kron(np.eye(2 ** (n - 1 - i)), op), np.eye(2**i))
    total = np.zeros((2**n, 2**n))
    for i in range(n):
        pair = site(z, i) @ site(z, (i + 1) % n)
        total -= given.coupling[i] * pair
        total -= given.field[i] * site(x, i) + given.longitudinal[i] * site(z, i)
    return total


@pytest.mark.parametrize(("name", "text"), [("a.csv", RINGS), ("a.toml", CHAINS)])
def test_answers_enclose_the_exact_energy(folder, name, text):
    (folder / name).write_text(text)
    command = ["predict", "pg_moe", name, "--out", "out.csv", "--amplitudes", "a.npz"]
    assert cli.main([*command, "--plot", "a.png", "--polish", "2"]) == 0
    chains = read_chains(name)
    rows = list(csv.DictReader((folder / "out.csv").read_text().splitlines()))
    assert [row["chain"] for row in rows] == [given.name for given in chains]
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    with np.load("a.npz") as archive:
        states = dict(archive)
    for k, (row, given) in enumerate(zip(rows, chains, strict=True), start=1):
        matrix = dense(given)
        values, vectors = np.linalg.eigh(matrix)
        assert float(row["lower"]) <= values[0] + 1e-9
        assert values[0] <= float(row["upper"]) + 1e-9
        assert float(row["energy"]) == pytest.approx(values[0], rel=1e-2)
        psi = states[f"amplitudes_{k}"].astype(float)
        assert psi @ psi == pytest.approx(1, abs=1e-5)
        assert psi @ matrix @ psi == pytest.approx(float(row["energy"]), abs=1e-5)
        fidelity = (psi @ vectors[:, 0]) ** 2
        assert float(row["fidelity"]) == pytest.approx(fidelity, abs=1e-5)


BAD = {
    "unknown column": ("a.csv", "n,h,gap\n8,1,2\n", "'gap'"),
    "no field": ("a.csv", "n,J\n8,1\n", "'h'"),
    "no rows": ("a.csv", "n,h\n", "no chain"),
    "NaN": ("a.csv", "n,h\n8,nan\n", "finite"),
    "text": ("a.csv", "n,h\n8,strong\n", "number"),
    "half a spin": ("a.csv", "n,h\n8.5,1\n", "whole number"),
    "one spin": ("a.csv", "n,h\n1,1\n", "out of range"),
    "too many": ("a.csv", "n,h\n40,1\n", "out of range"),
    "cells": ("a.csv", "n,h\n8\n", "cells"),
    "boundary": ("a.csv", "n,h,boundary\n8,1,closed\n", "boundary"),
    "no fields": ("a.csv", "n,h\n8,0\n", "classical"),
    "twice": ("a.csv", "n,h,h\n8,1,1\n", "twice"),
    "unknown key": ("a.toml", "[[chain]]\nh=[1,1,1,1]\nK=1\n", "'K'"),
    "unknown table": ("a.toml", "[lattice]\nh=1\n", "'lattice'"),
    "not TOML": ("a.toml", "[[chain\n", "not TOML"),
    "length": ("a.toml", "[[chain]]\nh=[1,1,1,1]\nJ=[1,1]\n", "needs 4"),
    "infinite": ("a.toml", "[[chain]]\nh=[1,1,inf,1]\n", "finite"),
    "a word": ("a.toml", '[[chain]]\nn=4\nh="one"\n', "numbers"),
    "no n": ("a.toml", "[[chain]]\nh=1.0\n", "n is needed"),
    "ending": ("a.txt", "n,h\n8,1\n", ".csv nor .toml"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_in_a_sentence(folder, kind, capsys):
    name, text, clue = BAD[kind]
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=clue.replace("[", r"\[")) as error:
        read_chains(name)
    assert "\n" not in str(error.value)


def test_a_bad_file_leaves_nothing_and_exits_with_4(folder, capsys):
    (folder / "a.csv").write_text("n,h\n8,nan\n")
    assert cli.main(["predict", "pg_moe", "a.csv", "--out", "out.csv"]) == 4
    assert cli.main(["predict", "pg_moe", "none.csv", "--out", "out.csv"]) == 4
    assert [path.name for path in folder.iterdir()] == ["a.csv"]
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert "h is nan" in lines[0]


def test_fields_the_weights_do_not_know_are_said_to_be(folder, capsys):
    (folder / "a.csv").write_text("n,h,g\n8,1,0.3\n")
    command = ["predict", "pg_moe", "a.csv", "--out", "b.csv", "--weights", "ring"]
    assert cli.main(command) == 4
    assert "weights of `default`" in capsys.readouterr().err


def test_rings_are_taken_by_their_symmetry(folder):
    (folder / "a.csv").write_text("n,h\n16,0.7\n")
    assert cli.main(["predict", "pg_moe", "a.csv", "--out", "b.csv"]) == 0
    (row,) = csv.DictReader((folder / "b.csv").read_text().splitlines())
    momenta = (2 * np.arange(16) + 1) * np.pi / 16
    exact = -np.sqrt(1 + 0.49 + 1.4 * np.cos(momenta)).sum()
    assert float(row["lower"]) <= exact <= float(row["upper"])
    assert row["lower_from"] == "temple"
    assert float(row["fidelity"]) > 0.9

"""Sums of Pauli strings from products of matrices on sites, and from whole matrices."""

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..operators.hamiltonians import PauliSum, pauli_sum

I, X, Z = np.eye(2), np.array([[0, 1], [1, 0]]), np.diag([1, -1])
Y = np.array([[0, -1j], [1j, 0]])
RAISE, LOWER = (X + 1j * Y) / 2, (X - 1j * Y) / 2
PAULI = {"I": I, "X": X, "Y": Y, "Z": Z}

Product = Iterable[tuple[np.ndarray, int]]
"""Matrices of two rows and the sites they act on, the left one first."""


def product(
    letters: Mapping[str, np.ndarray], names: Iterable[str], sites: Iterable[int]
) -> list[tuple[np.ndarray, int]]:
    """The matrices of the letters, each on its site."""
    factors = []
    for name, site in zip(names, sites, strict=True):
        if name not in letters:
            raise ValueError(
                f"{name!r} is no operator of a spin 1/2 known here; expected one of "
                f"{', '.join(letters)}."
            )
        factors.append((letters[name], int(site)))
    return factors


def collected(num_sites: int, terms: Iterable[tuple[Any, Product]]) -> PauliSum:
    """Equal strings once; those that cancel not at all."""
    sums: dict[tuple[str, tuple[int, ...]], complex] = {}
    for value, product in terms:
        at: dict[int, np.ndarray] = {}
        for matrix, site in product:
            at[site] = at.get(site, I) @ matrix
        sites = sorted(at)
        parts = [
            [(letter, np.trace(p @ at[site]) / 2) for letter, p in PAULI.items()]
            for site in sites
        ]
        for choice in itertools.product(*parts):
            weight = complex(value) * math.prod(complex(c) for _, c in choice)
            if weight:
                kept = [
                    (l, i) for (l, _), i in zip(choice, sites, strict=True) if l != "I"
                ]
                key = "".join(l for l, _ in kept), tuple(i for _, i in kept)
                sums[key] = sums.get(key, 0) + weight
    scale = max(map(abs, sums.values()), default=0.0)
    if any(abs(c.imag) > 1e-12 * scale for c in sums.values()):
        raise ValueError(
            "the sum is not Hermitian: a Pauli string has an imaginary part."
        )
    kept = [(*key, c.real) for key, c in sums.items() if abs(c) > 1e-14 * scale]
    return pauli_sum(num_sites, kept or [("", (), 0.0)])


def from_matrix(matrix: Any) -> PauliSum:
    """Of a matrix whose most significant bit is site 0."""
    dense = np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix)
    size = dense.shape[0]
    n = size.bit_length() - 1
    if dense.shape != (2**n, 2**n) or not np.allclose(dense, dense.conj().T):
        raise ValueError(
            f"`operator` must be Hermitian, of 2^n rows; got shape {dense.shape}."
        )
    order = reversed_index(n)
    dense = dense[order][:, order]
    states = np.arange(size)
    terms = []
    tiny = 1e-12 * max(np.abs(dense).max(), 1e-300)
    for flip in states:
        values = dense[states, states ^ flip].astype(complex)
        if np.abs(values).max() <= tiny:
            continue
        for bit in range(n):  # sums over the signs of all phase masks
            pairs = values.reshape(-1, 2, 2**bit)
            values = np.stack(
                [pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], 1
            ).reshape(-1)
        for phase in np.flatnonzero(np.abs(values) > tiny * size):
            count = int(flip & phase).bit_count()
            value = (values[phase] * 1j**count).real / size
            terms.append((*letters_of(int(flip), int(phase)), float(value)))
    return pauli_sum(n, terms or [("", (), 0.0)])


def terms_of(hamiltonian: PauliSum) -> list[tuple[str, tuple[int, ...], float]]:
    """Label, sites and coefficient of every string."""
    values = np.asarray(hamiltonian.coefficients, np.float64)
    return [
        (*letters_of(*string), float(value))
        for string, value in zip(hamiltonian.strings, values, strict=True)
    ]


def letters_of(flip: int, phase: int) -> tuple[str, tuple[int, ...]]:
    sites = [i for i in range((flip | phase).bit_length()) if (flip | phase) >> i & 1]
    letter = lambda i: ".XZY"[(flip >> i & 1) + 2 * (phase >> i & 1)]
    return "".join(map(letter, sites)), tuple(sites)


def reversed_index(num_sites: int) -> np.ndarray:
    """Indices with their bits in the other order."""
    states = np.arange(2**num_sites)
    turned = np.zeros_like(states)
    for i in range(num_sites):
        turned |= (states >> i & 1) << (num_sites - 1 - i)
    return turned

"""Conventions of other packages: by explicit matrices, and by them where installed.

`pip install 'physjax[spins]'` brings all four.
"""

import warnings
from functools import reduce
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import X64
from test_hamiltonians import PAULI, random_terms
from walls import WIDE

from physjax.interop import spins as S
from physjax.operators import hamiltonians as H

TIGHT = 1e-12 if X64 else 1e-5
RAISE = np.array([[0, 1], [0, 0]])
LETTERS = {**PAULI, "+": RAISE, "-": RAISE.T}
number = lambda x: jnp.asarray(x, WIDE)


def kron(num_sites, terms, letters=LETTERS):
    """The matrix as the others write it: site 0 is the first factor."""
    total = np.zeros((2**num_sites,) * 2, complex)
    for label, sites, value in terms:
        at = dict(zip(sites, label, strict=True))
        factors = [letters[at.get(i, "I")] for i in range(num_sites)]
        total += value * reduce(np.kron, factors)
    return total


def theirs(h):
    """Our matrix in their order."""
    rows = np.asarray(S.reversed_sites(h.to_dense()))
    return np.asarray(S.reversed_sites(jnp.asarray(rows.T))).T


def close(a, b):
    np.testing.assert_allclose(a, b, atol=TIGHT)


@pytest.fixture
def terms():
    rng = np.random.default_rng(0)
    made = random_terms(rng, 4, 9)
    unique = {(label, sites): value for label, sites, value in made}
    return [(*key, value) for key, value in unique.items()]


def test_site_0_is_the_most_significant_bit_of_others(terms):
    close(theirs(H.pauli_sum(4, terms)), kron(4, terms))
    psi = jnp.arange(16.0)
    close(S.reversed_sites(S.reversed_sites(psi)), psi)


def test_matrices_become_sums(terms):
    close(theirs(S.from_quimb(kron(4, terms))), kron(4, terms))
    with pytest.raises(ValueError, match="Hermitian"):
        S.from_quimb(np.array([[0.0, 1.0], [0.0, 0.0]]))


@pytest.mark.parametrize(
    ("pauli", "spin", "ladder"), [(1, 1, 2), (0, 0.5, 1), (-1, 1, 1)]
)
def test_lists_of_quspin(pauli, spin, ladder):
    static = [
        ["zz", [[-1.0, 0, 1], [0.5, 1, 2]]],
        ["+-", [[0.3 + 0.1j, 0, 2]]],
        ["-+", [[0.3 - 0.1j, 0, 2]]],
        ["xzy", [[0.7, 0, 1, 2]]],
        ["I", [[0.25, 0]]],
        ["xx", [[0.5, 1, 1]]],  # the same site twice: 1, or 1 / 4
    ]
    letters = {
        "I": np.eye(2),
        **{a: spin * PAULI[a.upper()] for a in "xyz"},
        "+": ladder * RAISE,
        "-": ladder * RAISE.T,
    }
    flat = [(label, tuple(at), c) for label, items in static[:5] for c, *at in items]
    expected = kron(3, flat, letters) + 0.5 * spin**2 * np.eye(8)
    h = S.from_quspin(3, static, pauli=pauli)
    close(theirs(h), expected)
    close(theirs(S.from_quspin(3, S.to_quspin(h))), expected)


def test_what_no_sum_can_be_is_refused():
    with pytest.raises(ValueError, match="Hermitian"):
        S.from_quspin(2, [["+-", [[1.0, 0, 1]]]])
    with pytest.raises(ValueError, match="no operator"):
        S.from_quspin(2, [["q", [[1.0, 0]]]])
    with pytest.raises(ValueError, match="static"):
        S.from_quspin(2, [["zz", [[1.0, 0]]]])
    with pytest.raises(TypeError, match="Pauli strings"):
        S.from_netket(object())


def test_strings_of_netket_and_terms_of_tenpy():
    """Stand-ins that hold what the packages' objects hold."""
    strings = SimpleNamespace(
        operators=["ZZI", "IXI"],
        weights=np.array([1.0, -0.5 + 0j]),
        hilbert=SimpleNamespace(size=3),
    )
    close(
        theirs(S.from_netket(strings)), kron(3, [("ZZ", (0, 1), 1), ("X", (1,), -0.5)])
    )
    group = lambda *terms: SimpleNamespace(
        to_TermList=lambda: SimpleNamespace(
            terms=[factors for factors, _ in terms], strength=[c for _, c in terms]
        )
    )
    model = SimpleNamespace(
        lat=SimpleNamespace(bc_MPS="finite", N_sites=2),
        exp_decaying_terms=SimpleNamespace(exp_decaying_terms=[]),
        explicit_plus_hc=True,
        all_onsite_terms=lambda: group(([("Sz", 0)], 0.5)),
        all_coupling_terms=lambda: group(([("Sp", 0), ("Sm", 1)], 0.5)),
    )
    # (S+ S- + S- S+) / 2, and Sz once for each of the two.
    expected = [("+-", (0, 1), 0.5), ("-+", (0, 1), 0.5), ("Z", (0,), 0.5)]
    close(theirs(S.from_tenpy(model)), kron(2, expected))
    model.lat.bc_MPS = "infinite"
    with pytest.raises(ValueError, match="finite"):
        S.from_tenpy(model)


def test_turned_axes_are_turned_matrices(terms):
    h = H.pauli_sum(4, [(a, b, number(c)) for a, b, c in terms])
    hadamard = reduce(np.kron, [np.array([[1, 1], [1, -1]]) / np.sqrt(2)] * 4)
    dense = np.asarray(h.to_dense())
    close(S.exchanged_axes(h).to_dense(), hadamard @ dense @ hadamard)
    signs = np.asarray(S.marshall_signs(4, [0, 2]))
    turned = S.sublattice_rotated(h, [0, 2]).to_dense()
    close(turned, signs[:, None] * dense * signs)
    # Marshall: after the turn the ground state of the antiferromagnet is positive.
    levels, states = np.linalg.eigh(np.asarray(H.heisenberg(6).to_dense(), float))
    signed = states[:, 0] * np.asarray(S.marshall_signs(6, [0, 2, 4]))
    assert levels[1] > levels[0] + 0.1
    assert (signed * np.sign(signed.sum()) > -1e-6).all()


def test_spins_have_four_times_the_exchange_in_pauli_matrices():
    """S.S of a bond has the levels -3/4 and 1/4."""
    bond = [[a + a, [[1.0, 0, 1]]] for a in "xyz"]
    levels = np.linalg.eigvalsh(theirs(S.from_quspin(2, bond, pauli=False)))
    close(levels, [-3 / 4, 1 / 4, 1 / 4, 1 / 4])
    close(
        S.from_quspin(2, bond, pauli=False).to_dense(), H.heisenberg(2, 0.25).to_dense()
    )


@pytest.fixture
def peer():
    """Another package, left to its own number types and warnings."""

    def load(name):
        return pytest.importorskip(name, reason="needs physjax[spins]")

    with (
        warnings.catch_warnings(),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        warnings.simplefilter("ignore")
        yield load


def dense_of(operator):
    return np.asarray(operator.to_dense())


def test_netket_itself(peer, terms):
    netket = peer("netket")
    hilbert = netket.hilbert.Spin(0.5, 4)
    ring = netket.graph.Chain(4)
    ising = netket.operator.Ising(hilbert, ring, h=0.7, J=-1.0)
    h = S.from_netket(ising)
    close(theirs(h), dense_of(ising))
    close(h.to_dense(), H.transverse_field_ising(4, 1.0, 0.7).to_dense())
    heisenberg = netket.operator.Heisenberg(hilbert, ring)
    h = S.from_netket(heisenberg)
    close(theirs(h), dense_of(heisenberg))
    close(S.sublattice_rotated(h, [0, 2]).to_dense(), H.heisenberg(4).to_dense())
    h = H.pauli_sum(4, terms)
    for inverted in (False, True):
        space = netket.hilbert.Spin(0.5, 4, inverted_ordering=inverted)
        operator = S.to_netket(h, space)
        close(dense_of(operator), theirs(h))
        close(S.from_netket(operator).to_dense(), h.to_dense())


@pytest.mark.parametrize("pauli", [1, 0, -1])
def test_quspin_itself(peer, terms, pauli):
    operators, basis = peer("quspin.operators"), peer("quspin.basis")
    static = [
        ["zz", [[-1.0, 0, 1], [0.5, 1, 2]]],
        ["+-", [[0.3, 0, 2]]],
        ["-+", [[0.3, 0, 2]]],
        ["y", [[0.7, 1]]],
    ]
    quiet = {"check_symm": False, "check_herm": False, "check_pcon": False}

    def matrix(n, static, pauli):
        space = basis.spin_basis_1d(n, pauli=pauli)
        made = operators.hamiltonian(
            static, [], basis=space, dtype=np.complex128, **quiet
        )
        return made.toarray()

    close(theirs(S.from_quspin(3, static, pauli=pauli)), matrix(3, static, pauli))
    h = H.pauli_sum(4, terms)
    close(matrix(4, S.to_quspin(h), 1), theirs(h))


def test_quimb_itself(peer, terms):
    quimb = peer("quimb")
    ising = quimb.ham_ising(4, jz=-4.0, bx=2 * 0.7, cyclic=True)
    expected = H.transverse_field_ising(4, 1.0, 0.7)
    close(S.from_quimb(ising).to_dense(), expected.to_dense())
    exchange = quimb.ham_heis(4, cyclic=True)
    close(S.from_quimb(exchange).to_dense(), H.heisenberg(4, 0.25).to_dense())
    h = H.pauli_sum(4, terms)
    builder = S.to_quimb(h)
    close(builder.build_dense(), theirs(h))
    close(S.from_quimb(builder).to_dense(), h.to_dense())
    builder = peer("quimb.operator").SparseOperatorBuilder(
        [(0.5, ("+", 0), ("-", 2)), (0.5, ("-", 0), ("+", 2)), (0.3, ("sz", 1))]
    )
    close(theirs(S.from_quimb(builder)), builder.build_dense())


def test_tenpy_itself(peer):
    ising = peer("tenpy.models.tf_ising").TFIChain
    model = ising({"L": 4, "J": 1.0, "g": 0.7, "bc_MPS": "finite", "conserve": None})
    h = S.from_tenpy(model)
    ours = H.transverse_field_ising(4, 1.0, 0.7, periodic=False)
    close(S.exchanged_axes(h).to_dense(), ours.to_dense())
    close(theirs(h), matrix_of(peer, model))
    spins = peer("tenpy.models.spins").SpinChain
    options = {"L": 3, "S": 0.5, "bc_MPS": "finite", "conserve": None}
    model = spins({**options, "Jx": 1.0, "Jy": 0.5, "Jz": 0.7, "hx": 0.3, "hz": 0.2})
    lowest = np.linalg.eigvalsh(theirs(S.from_tenpy(model)))
    close(lowest, np.linalg.eigvalsh(matrix_of(peer, model)))
    xxz = peer("tenpy.models.xxz_chain").XXZChain
    model = xxz({"L": 4, "Jxx": 1.0, "Jz": 0.7, "hz": 0.0, "bc_MPS": "finite"})
    expected = H.xxz(4, 0.25, 0.7, periodic=False)
    close(S.from_tenpy(model).to_dense(), expected.to_dense())


def matrix_of(peer, model):
    exact = peer("tenpy.algorithms.exact_diag").ExactDiag(model)
    exact.build_full_H_from_mpo()
    n = model.lat.N_sites
    return exact.full_H.to_ndarray().reshape(2**n, 2**n)

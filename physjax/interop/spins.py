r"""Spin Hamiltonians of other packages, and states in their order.

Sites keep their numbers. Where packages agree and where they do not:

* A matrix or state of NetKet, QuSpin, quimb or TeNPy has site 0 as its *most*
  significant bit, ours as its least; the first of both states of a site has Z = +1 in
  all of them. `reversed_sites` turns one vector into the other.
* S = sigma/2: an exchange J of spins is J/4 of Pauli matrices, a field h is h/2.
  `quimb.ham_ising(n, jz=-4, bx=2h)` is the model with J = 1 and h.
* NetKet's `Ising(h, J)` has $+J\,ZZ - h\,X$: its J is minus ours. Its `Heisenberg` is
  in Pauli matrices, and on bipartite graphs turned by Marshall's rule:
  `sublattice_rotated`.
* TeNPy's `TFIChain(J, g)` is $-J\,XX - g\,Z$: ours with the axes exchanged,
  `exchanged_axes`. Its `XXZChain` has $J_{xx}/2\,(S^+S^- + S^-S^+)$.
* QuSpin with `pauli=True` has $\sigma^\pm = X \pm iY$, without the 1/2.
* quimb's "+" takes the first state to the second, and so lowers Z.

The packages themselves are needed only where one of their objects is made.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..operators.hamiltonians import PauliSum
from . import _pauli_terms as paulis
from ._spin_orders import exchanged_axes as exchanged_axes
from ._spin_orders import marshall_signs as marshall_signs
from ._spin_orders import reversed_sites as reversed_sites
from ._spin_orders import sublattice_rotated as sublattice_rotated

_TENPY = {
    "Id": paulis.I,
    "Sigmax": paulis.X,
    "Sigmay": paulis.Y,
    "Sigmaz": paulis.Z,
    "Sx": paulis.X / 2,
    "Sy": paulis.Y / 2,
    "Sz": paulis.Z / 2,
    "Sp": paulis.RAISE,
    "Sm": paulis.LOWER,
}


def from_quspin(
    num_sites: int,
    static: Sequence[Sequence[Any]],
    *,
    pauli: bool | int = True,
) -> PauliSum:
    r"""A sum of Pauli strings from QuSpin's static list.

    Args:
        num_sites: Number of spins.
        static: `[[operators, [[coefficient, *sites], ...]], ...]` with the letters
            I, x, y, z, + and -.
        pauli: As given to the basis: True or 1 for Pauli matrices with
            $\sigma^\pm = X \pm iY$, -1 with half of that, False or 0 for spins 1/2.

    Raises:
        ValueError: If a letter is unknown, sites do not fit, or the sum is not
            Hermitian.

    Example:
        >>> import jax.numpy as jnp
        >>> h = from_quspin(2, [["zz", [[-1.0, 0, 1]]], ["x", [[-0.5, 0], [-0.5, 1]]]])
        >>> h.apply(jnp.array([1.0, 0.0, 0.0, 0.0])).tolist()
        [-1.0, -0.5, -0.5, 0.0]
    """
    if pauli not in (True, 1, 0, -1):
        raise ValueError(f"`pauli` must be True, False, 1, 0 or -1; got {pauli!r}.")
    half = 1 if pauli else 2
    double = 2 if pauli == 1 else 1
    letters = {
        "I": paulis.I,
        "x": paulis.X / half,
        "y": paulis.Y / half,
        "z": paulis.Z / half,
        "+": double * paulis.RAISE,
        "-": double * paulis.LOWER,
    }
    terms = []
    for label, couplings in static:
        for value, *sites in couplings:
            if len(sites) != len(label):
                raise ValueError(f"`static` has {label!r} on the sites {sites}.")
            terms.append((value, paulis.product(letters, label, sites)))
    return paulis.collected(num_sites, terms)


def to_quspin(hamiltonian: PauliSum) -> list[list[Any]]:
    """QuSpin's static list, for a basis with `pauli=True`. Outside of transformations.

    Example:
        >>> from physjax.operators.hamiltonians import pauli_sum
        >>> to_quspin(pauli_sum(2, [("ZZ", (0, 1), -1.0), ("X", (1,), -0.5)]))
        [['zz', [[-1.0, 0, 1]]], ['x', [[-0.5, 1]]]]
    """
    groups: dict[str, list[list[Any]]] = {}
    for label, sites, value in paulis.terms_of(hamiltonian):
        if not sites:
            label, sites = "I", (0,)
        groups.setdefault(label.lower().replace("i", "I"), []).append([value, *sites])
    return [[label, couplings] for label, couplings in groups.items()]


def from_netket(operator: Any) -> PauliSum:
    """A sum of Pauli strings from an operator of NetKet on spins 1/2 or qubits.

    Args:
        operator: `PauliStrings`, `LocalOperator`, or what has `to_local_operator`, as
            `Ising`.

    Raises:
        TypeError: If there is no way to Pauli strings.
        ValueError: If the operator is not Hermitian.
    """
    if hasattr(operator, "to_local_operator"):
        operator = operator.to_local_operator()
    if hasattr(operator, "to_pauli_strings"):
        operator = operator.to_pauli_strings()
    if not hasattr(operator, "weights"):
        raise TypeError(f"`operator` has no Pauli strings; got {type(operator)}.")
    weights, words = np.asarray(operator.weights), list(map(str, operator.operators))
    size = operator.hilbert.size
    terms = [
        (value, paulis.product(paulis.PAULI, word, range(size)))
        for value, word in zip(weights, words, strict=True)
    ]
    return paulis.collected(size, terms)


def to_netket(hamiltonian: PauliSum, hilbert: Any = None) -> Any:
    """NetKet's `PauliStrings`. Outside of transformations.

    Args:
        hamiltonian: The sum.
        hilbert: Their space; spins 1/2 if not given.

    Raises:
        ImportError: If NetKet is not installed.
    """
    netket = _imported("netket")
    n = hamiltonian.num_sites
    hilbert = netket.hilbert.Spin(0.5, n) if hilbert is None else hilbert
    words, values = [], []
    for label, sites, value in paulis.terms_of(hamiltonian):
        at = dict(zip(sites, label, strict=True))
        words.append("".join(at.get(i, "I") for i in range(n)))
        values.append(value)
    return netket.operator.PauliStrings(hilbert, words, values)


def from_quimb(operator: Any) -> PauliSum:
    """A sum of Pauli strings from quimb: a matrix, or a `SparseOperatorBuilder`.

    Args:
        operator: Hermitian matrix of 2^n rows, dense or sparse, as `quimb.ham_ising`
            makes it, for small n; or a builder on sites that are numbers.

    Raises:
        ImportError: If a builder is given and quimb is not installed.
        ValueError: If it is not Hermitian, or the matrix not of 2^n rows.

    Example:
        >>> from_quimb(np.diag([1.0, -1.0, -1.0, 1.0])).strings
        (PauliString(flip=0, phase=3),)
    """
    if not hasattr(operator, "nsites"):
        return paulis.from_matrix(operator)
    matrix_of = _imported("quimb.operator").get_mat
    terms = []
    for value, factors in operator.terms:
        product = [
            (np.asarray(matrix_of(name)), operator.site_to_reg(site))
            for name, site in factors
        ]
        terms.append((value, product))
    return paulis.collected(operator.nsites, terms)


def to_quimb(hamiltonian: PauliSum) -> Any:
    """quimb's `SparseOperatorBuilder`. Outside of transformations.

    Raises:
        ImportError: If quimb is not installed.
    """
    quimb = _imported("quimb.operator")
    builder = quimb.SparseOperatorBuilder(
        hilbert_space=quimb.HilbertSpace(hamiltonian.num_sites)
    )
    for label, sites, value in paulis.terms_of(hamiltonian):
        factors = zip(label.lower(), sites, strict=True)
        builder.add_term(value, *(factors if sites else [("I", 0)]))
    return builder


def from_tenpy(model: Any) -> PauliSum:
    """A sum of Pauli strings from a finite `CouplingModel` of TeNPy on spins 1/2.

    Sites are numbered as in its matrix product states. States are in our order if the
    sites conserve nothing; else TeNPy sorts the states of a site by their charges.

    Args:
        model: As `TFIChain`, `XXZChain` or `SpinChain` with S = 1/2.

    Raises:
        ValueError: If the model is infinite, has exponentially decaying terms, or
            operators other than those of spins 1/2.
    """
    if model.lat.bc_MPS != "finite":
        raise ValueError(f"`model` must be finite; got {model.lat.bc_MPS!r}.")
    if model.exp_decaying_terms.exp_decaying_terms:
        raise ValueError(
            "`model` has exponentially decaying terms, which are not read."
        )
    terms = []
    for group in (model.all_onsite_terms(), model.all_coupling_terms()):
        found = group.to_TermList()
        for factors, value in zip(found.terms, found.strength, strict=True):
            names, sites = zip(*factors, strict=True)
            terms.append((value, paulis.product(_TENPY, names, map(int, sites))))
            if model.explicit_plus_hc:
                adjoint = [(m.conj().T, i) for m, i in terms[-1][1]]
                terms.append((np.conj(value), adjoint[::-1]))
    return paulis.collected(model.lat.N_sites, terms)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ImportError(
            f"this needs {package}: pip install 'physjax[spins]', or {package} alone."
        ) from error

r"""Hamiltonians as functions of a state, and what the energy of a state says.

Spins: Pauli matrices, not spin-1/2 operators; bit i of the index of an amplitude is
site i, least significant first, and bit 0 is the eigenvalue +1 of Z. The models are

$$H = -\sum J\,Z_i Z_j - \sum h\,X_i - \sum g\,Z_i.$$

What others write as S = sigma/2 has J four times and h, g twice as large.

One particle in a potential, on a grid of one to three axes: `GridHamiltonian`.
"""

from ._anderson import anderson_bound as anderson_bound
from ._energies import EnergyBounds as EnergyBounds
from ._energies import energy as energy
from ._energies import energy_and_residual as energy_and_residual
from ._energies import energy_bounds as energy_bounds
from ._energies import residual_norm as residual_norm
from ._grid_hamiltonians import GridHamiltonian as GridHamiltonian
from ._pauli_sums import PauliSum as PauliSum
from ._pauli_sums import pauli_sum as pauli_sum
from ._potentials import double_well_potential as double_well_potential
from ._potentials import harmonic_potential as harmonic_potential
from ._potentials import radial_coulomb_potential as radial_coulomb_potential
from ._potentials import soft_coulomb_potential as soft_coulomb_potential
from ._sharded import ShardedPauliSum as ShardedPauliSum
from ._sharded import sharded_apply as sharded_apply
from ._spin_models import chain_edges as chain_edges
from ._spin_models import heisenberg as heisenberg
from ._spin_models import j1_j2 as j1_j2
from ._spin_models import long_range_ising as long_range_ising
from ._spin_models import transverse_field_ising as transverse_field_ising
from ._spin_models import xxz as xxz

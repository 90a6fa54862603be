"""Mathematics: pure functions of arrays, without iteration and without jit inside."""

from . import differences as differences
from . import free_fermions as free_fermions
from . import hamiltonians as hamiltonians
from . import mixing as mixing
from . import pointwise as pointwise
from . import spectral as spectral
from .differences import biharmonic as biharmonic
from .differences import cell_volumes as cell_volumes
from .differences import dirichlet_energy as dirichlet_energy
from .differences import div_sigma_grad as div_sigma_grad
from .differences import divergence as divergence
from .differences import gradient as gradient
from .differences import integrate as integrate
from .differences import laplacian as laplacian
from .hilbert import analytic_signal as analytic_signal
from .hilbert import envelope as envelope
from .hilbert import hilbert_transform as hilbert_transform
from .hilbert import instantaneous_phase as instantaneous_phase
from .junctions import built_in_potential as built_in_potential
from .junctions import depletion_width as depletion_width
from .junctions import short_diode_current as short_diode_current
from .kramers_kronig import imag_from_real as imag_from_real
from .kramers_kronig import real_from_imag as real_from_imag

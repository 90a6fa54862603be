"""Algorithms: they iterate, factor or search."""

from ._meshes import graded_mesh as graded_mesh
from .baseline import asymmetric_least_squares as asymmetric_least_squares
from .baseline import whittaker_smoother as whittaker_smoother
from .drift_diffusion import Device1D as Device1D
from .drift_diffusion import DriftDiffusion as DriftDiffusion
from .drift_diffusion import solve_drift_diffusion as solve_drift_diffusion
from .eigen import GroundState as GroundState
from .eigen import ground_state as ground_state
from .green import GreenFunction as GreenFunction
from .phase_retrieval import kramers_kronig_retrieval as kramers_kronig_retrieval
from .poisson import solve_poisson as solve_poisson
from .poisson_solvers import MultigridSolver as MultigridSolver
from .poisson_solvers import PoissonSolver as PoissonSolver
from .poisson_solvers import Refined as Refined
from .sectors import SymmetricSector as SymmetricSector
from .sectors import ring_sector as ring_sector

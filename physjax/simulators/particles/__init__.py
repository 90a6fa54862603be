r"""Charge carriers as particles in their own field: one step, and the run.

A step is: deposit the charge on the nodes, solve Poisson's equation, gather the field,
let the transport model kick, scatter and move the particles, settle the contacts. The
Poisson solver is any callable `solver(charge_density, contact_potentials) ->
potential`, C/cm^3 and V to V on all nodes: a Green's function, a network, a refined
network. A run is one `lax.scan`; `jax.vmap` over biases and replicas makes a batch with
the numbers of its members. The random numbers of a step follow from the key and the
number of the step: a run that is continued gives the bits of one that was not
interrupted.

A capacity too small for the carriers is an error, never silent: `check` raises.
"""

from .batches import by_capacity as by_capacity
from .batches import side_by_side as side_by_side
from .contacts import Closed as Closed
from .contacts import GhostSlab as GhostSlab
from .current import Current as Current
from .current import block_average as block_average
from .devices import GAAS_INTRINSIC as GAAS_INTRINSIC
from .devices import GAAS_PERMITTIVITY as GAAS_PERMITTIVITY
from .devices import PUBLISHED_BIASES as PUBLISHED_BIASES
from .devices import PUBLISHED_STEP as PUBLISHED_STEP
from .devices import gaas_device as gaas_device
from .devices import gaas_slots as gaas_slots
from .devices import pn_device as pn_device
from .gaas import GalliumArsenide as GalliumArsenide
from .overdamped import Overdamped as Overdamped
from .poisson import WALLS as WALLS
from .poisson import contact_labels as contact_labels
from .poisson import exact_solver as exact_solver
from .refill import Refill as Refill
from .relaxation import RelaxationTime as RelaxationTime
from .simulation import Fields as Fields
from .simulation import PoissonSolver as PoissonSolver
from .simulation import Run as Run
from .simulation import begin as begin
from .simulation import check as check
from .simulation import fields as fields
from .simulation import neutral_density as neutral_density
from .simulation import simulate as simulate
from .simulation import step as step
from .state import ParticleDevice as ParticleDevice
from .state import Particles as Particles

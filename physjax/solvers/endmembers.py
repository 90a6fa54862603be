"""Endmembers of a scene, and how many it has.

| if | then |
|---|---|
| nothing is known | `blind_endmembers` |
| every material has a pure pixel | `vca`, `nfindr`, `atgp`, `ppi` |
| no pure pixels, white noise | `simplex_likelihood`; `sisal` |
| spectra of a material vary | `archetypes` |
| how many there are | `noise_edge`, `hysime`, `hfc` |
"""

from ._endmembers import Endmembers as Endmembers
from ._endmembers_archetypes import archetypes as archetypes
from ._endmembers_blind import blind_endmembers as blind_endmembers
from ._endmembers_likelihood import simplex_likelihood as simplex_likelihood
from ._endmembers_number import hfc as hfc
from ._endmembers_number import hysime as hysime
from ._endmembers_number import noise_edge as noise_edge
from ._endmembers_pure import atgp as atgp
from ._endmembers_pure import nfindr as nfindr
from ._endmembers_pure import ppi as ppi
from ._endmembers_pure import vca as vca
from ._endmembers_volume import sisal as sisal

"""Hyperspectral unmixing: what pixels are made of, and how much of it is in each.

Spectra have bands on their last axis, endmembers are (members, bands), abundances have
members on their last axis.
"""

from ._abundances import fcls as fcls
from ._abundances import nonnegative as nonnegative
from ._abundances import normalized_nonnegative as normalized_nonnegative
from ._abundances import sum_to_one as sum_to_one
from ._abundances import sunsal as sunsal
from ._abundances import unconstrained as unconstrained
from ._chunks import in_chunks as in_chunks
from ._nonnegative_steps import nonnegative_in_steps as nonnegative_in_steps
from ._sunsal_tv import sunsal_tv as sunsal_tv

"""Readers and writers that keep the axis with the data and refuse bad files.

NumPy only: nothing here loads jax; h5py, scipy and matplotlib load when needed.
"""

from .atomic import atomic_output, check_output
from .checks import check_axis, check_finite
from .pairs import read_pairs
from .spectra import Spectra, read_spectra
from .writers import write_spectra

__all__ = [
    "Spectra",
    "atomic_output",
    "check_axis",
    "check_finite",
    "check_output",
    "read_pairs",
    "read_spectra",
    "write_spectra",
]

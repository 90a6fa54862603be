"""Readers and writers that keep the axis with the data and refuse bad files.

NumPy only: nothing here loads jax; h5py, scipy and matplotlib load when needed.
"""

from .atomic import atomic_output, check_output
from .checks import check_axis, check_finite
from .cubes import Cube, SpectralLibrary, read_cube, read_library
from .envi import read_envi
from .envi_writer import create_envi, write_envi, write_envi_library
from .library_files import write_csv_library
from .pairs import read_pairs
from .spectra import Spectra, read_spectra
from .writers import write_spectra

__all__ = [
    "Cube",
    "SpectralLibrary",
    "Spectra",
    "atomic_output",
    "check_axis",
    "check_finite",
    "check_output",
    "create_envi",
    "read_cube",
    "read_envi",
    "read_library",
    "read_pairs",
    "read_spectra",
    "write_csv_library",
    "write_envi",
    "write_envi_library",
    "write_spectra",
]

"""Mathematics: pure functions of arrays, without iteration and without jit inside."""

from .hilbert import analytic_signal as analytic_signal
from .hilbert import envelope as envelope
from .hilbert import hilbert_transform as hilbert_transform
from .hilbert import instantaneous_phase as instantaneous_phase
from .kramers_kronig import imag_from_real as imag_from_real
from .kramers_kronig import real_from_imag as real_from_imag

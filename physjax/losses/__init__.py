"""Small loss terms, element-wise: weights, masks and reductions are the caller's."""

from ..operators.mixing import spectral_angle as spectral_angle
from .mixing import abundance_smoothness as abundance_smoothness
from .mixing import mixing_residual as mixing_residual
from .mixing import simplex_volume as simplex_volume
from .regression import absolute_error as absolute_error
from .regression import huber_error as huber_error
from .regression import squared_error as squared_error
from .spectral import intensity_residual as intensity_residual
from .spectral import kramers_kronig_residual as kramers_kronig_residual
from .spectral import smoothness as smoothness

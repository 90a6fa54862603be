"""Algorithms: they iterate, factor or search."""

from .baseline import asymmetric_least_squares as asymmetric_least_squares
from .baseline import whittaker_smoother as whittaker_smoother
from .phase_retrieval import kramers_kronig_retrieval as kramers_kronig_retrieval

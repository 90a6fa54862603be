"""Hyperspectral unmixing: what pixels are made of, and how much of it is in each.

Spectra have bands on their last axis, endmembers are (members, bands), abundances have
members on their last axis.
"""

from ._abundances import fcls as fcls

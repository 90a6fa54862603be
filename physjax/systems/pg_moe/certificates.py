r"""What is proven of the second level of a chain: Temple's bound stands on it.

Chains without fields along Z are free fermions. An open one has the levels
$E_0 + 2\sigma_i + 2\sigma_j + \dots$ with the singular values of the matrix of its
fields and couplings, an even number of them where the state stays the same if all
spins turn. Everything else is compared with such a chain: a term V moves no level by
more than its norm (Weyl).
"""

import numpy as np
from jaxtyping import Float


def next_level(
    coupling: Float[np.ndarray, " n"],
    field: Float[np.ndarray, " n"],
    longitudinal: Float[np.ndarray, " n"],
) -> float:
    """A number that the second level is proven not to lie below.

    Without fields along Z, the second level among states that do not change if all
    spins turn; with them, of all. Float64.

    Args:
        coupling: J of the bonds; the last one closes the ring, 0 leaves it open.
        field: h of the sites, of any sign.
        longitudinal: g of the sites.

    Example:
        >>> ring = np.ones(10), np.ones(10), np.zeros(10)
        >>> round(next_level(*ring) - (-12.784906), 3)  # the gap of the sector
        1.251
    """
    j, h, g = (np.asarray(x, float) for x in (coupling, np.abs(field), longitudinal))
    even = not g.any()
    known = [_decoupled(j, h, g), _open_chain(j, h, g, even)]
    if even and h.size % 2 == 0 and np.ptp(np.abs(j)) == 0 and np.ptp(h) == 0:
        known.append(_even_ring(abs(j[0]), h[0], h.size))
    return max(known)


def _even_ring(j: float, h: float, n: int) -> float:
    """Two excitations of momenta k and -k; the sign of J is a turn of every other
    spin."""
    k = (2 * np.arange(n) + 1) * np.pi / n
    levels = np.sqrt(j**2 + h**2 + 2 * j * h * np.cos(k))
    return float(-levels.sum() + 4 * levels.min())


def _open_chain(j: np.ndarray, h: np.ndarray, g: np.ndarray, even: bool) -> float:
    """The ring without its weakest bond, and without the fields along Z."""
    cut = int(np.argmin(np.abs(j)))
    j, h = np.roll(j, -1 - cut), np.roll(h, -1 - cut)
    values = np.linalg.svd(np.diag(h) + np.diag(j[:-1], 1), compute_uv=False)
    lowest = np.sort(values)[: 2 if even else 1]
    moved = abs(j[-1]) + np.abs(g).sum()
    return float(-values.sum() + 2 * lowest.sum() - moved)


def _decoupled(j: np.ndarray, h: np.ndarray, g: np.ndarray) -> float:
    """Single spins, and no bonds."""
    levels = np.sqrt(h**2 + g**2)
    return float(-levels.sum() + 2 * levels.min() - np.abs(j).sum())

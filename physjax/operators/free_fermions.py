r"""Closed forms of spin chains that are free fermions (Jordan and Wigner).

$H = -\sum J_i Z_i Z_{i+1} - \sum h_i X_i$ and the XX ring, in Pauli matrices, without a
state: exact for hundreds of sites, and the reference for everything that has one.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._numerics import as_real
from ._ising_bounds import ising_floor as ising_floor
from ._ising_bounds import ising_next_level_floor as ising_next_level_floor


def ising_ring_levels(
    num_sites: int,
    coupling: Float[ArrayLike, ""] | float | int = 1.0,
    field: Float[ArrayLike, ""] | float | int = 1.0,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    r"""Lowest levels of the transverse-field ring with even and with odd flip parity.

    $$E_+ = -\sum_k \sqrt{J^2 + h^2 + 2Jh\cos k},\quad k = \pi (2m + 1 - n)/n$$

    $$E_- = (h - J) - \sum_k \sqrt{J^2 + h^2 - 2Jh\cos k},\quad k = 2\pi m/n \ne 0$$

    The ground state is the even one; the odd one lies above it by what becomes
    exponentially small in n where J > h.

    Args:
        num_sites: n, even.
        coupling: J, above 0.
        field: h, above 0.

    Returns:
        `(even, odd)`.

    Raises:
        ValueError: If n is odd: the momenta are others then.

    Example:
        >>> even, odd = ising_ring_levels(4, 1.0, 1.0)
        >>> round(float(even), 6), round(float(odd), 6)
        (-5.226252, -4.828427)
    """
    _check_even(num_sites)
    j, h = _alike(coupling, field)
    m = np.arange(num_sites)
    even = jnp.asarray(np.cos((2 * m + 1 - num_sites) * np.pi / num_sites), j.dtype)
    odd = jnp.asarray(np.cos(2 * np.pi * m[1:] / num_sites), j.dtype)
    dispersion = lambda cosine: jnp.sqrt(j**2 + h**2 + 2 * j * h * cosine)
    return -jnp.sum(dispersion(even)), h - j - jnp.sum(dispersion(-odd))


def ising_chain_levels(
    couplings: Float[ArrayLike, " bonds"] | Sequence[float],
    fields: Float[ArrayLike, " sites"] | Sequence[float],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    r"""Ground energy and gap of the open chain with any couplings and fields.

    $E_0 = -\sum_k \sigma_k$ and $\Delta = 2\sigma_{\min}$, the singular values of the
    matrix with the fields on its diagonal and the couplings beside it.

    Args:
        couplings: J of the n - 1 bonds.
        fields: h of the n sites.

    Returns:
        `(ground_energy, gap)`.

    Raises:
        ValueError: If there is not one coupling fewer than fields.

    Example:
        >>> energy, gap = ising_chain_levels([1.0], [0.5, 0.5])
        >>> round(float(energy), 6), round(float(gap), 6)
        (-1.414214, 0.414214)
    """
    j, h = _alike(couplings, fields)
    if h.ndim != 1 or j.shape != (h.size - 1,):
        raise ValueError(
            f"`couplings` must be one fewer than `fields`; got shapes {j.shape}, "
            f"{h.shape}."
        )
    values = jnp.linalg.svd(jnp.diag(h) + jnp.diag(j, 1), compute_uv=False)
    return -jnp.sum(values), 2 * jnp.min(values)


def ising_fidelity_susceptibility(
    num_sites: int,
    coupling: Float[ArrayLike, ""] | float | int = 1.0,
    field: Float[ArrayLike, ""] | float | int = 1.0,
) -> Float[Array, ""]:
    r"""$\langle\partial_h\psi|\partial_h\psi\rangle$ of the ring's real ground state.

    $$\chi = \frac14 \sum_{k > 0}
      \left(\frac{J \sin k}{J^2 + h^2 + 2Jh\cos k}\right)^2$$

    Args:
        num_sites: n, even.
        coupling: J, above 0.
        field: h, above 0.

    Raises:
        ValueError: If n is odd.

    Example:
        >>> float(ising_fidelity_susceptibility(10)).__round__(4)  # n (n - 1) / 32
        2.8125
    """
    _check_even(num_sites)
    j, h = _alike(coupling, field)
    k = (2 * np.arange(num_sites // 2) + 1) * np.pi / num_sites
    sine, cosine = jnp.asarray(np.sin(k), j.dtype), jnp.asarray(np.cos(k), j.dtype)
    return jnp.sum((j * sine / (j**2 + h**2 + 2 * j * h * cosine)) ** 2) / 4


def xx_ring_energy(
    num_sites: int, coupling: Float[ArrayLike, ""] | float | int = 1.0
) -> Float[Array, ""]:
    r"""Ground energy of $\sum J\,(X_i X_{i+1} + Y_i Y_{i+1})$ on a ring of even n.

    The best filling of $4J\cos k$: momenta are odd multiples of $\pi/n$ where the
    number of fermions is even, else even ones.

    Args:
        num_sites: n, even.
        coupling: J; its sign does not matter.

    Raises:
        ValueError: If n is odd.

    Example:
        >>> float(xx_ring_energy(6, 0.25)).__round__(6)
        -2.0
    """
    _check_even(num_sites)
    (j,) = _alike(coupling)
    m = np.arange(num_sites)
    best = 0.0
    for shift in (0, 1):
        levels = np.sort(np.cos((2 * m + 1 - shift) * np.pi / num_sites))
        sums = np.concatenate([[0.0], np.cumsum(levels)])
        best = min(best, sums[shift::2].min())
    return 4 * jnp.abs(j) * best


def _check_even(num_sites: int) -> None:
    if num_sites % 2 or num_sites < 2:
        raise ValueError(f"`num_sites` is {num_sites}; expected an even number.")


def _alike(*values: ArrayLike | Sequence[float]) -> tuple[Float[Array, "..."], ...]:
    arrays = [as_real(value, "coupling or field") for value in values]
    dtype = jnp.result_type(*arrays)
    return tuple(a.astype(dtype) for a in arrays)

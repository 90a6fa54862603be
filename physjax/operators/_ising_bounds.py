r"""What is proven of the two lowest levels of an Ising chain, without its states.

Without fields along Z it is free fermions. Everything else is compared with such a
chain: a term V moves no level by more than its norm (Weyl).
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float


def ising_floor(
    coupling: Float[ArrayLike, " n"],
    field: Float[ArrayLike, " n"],
    longitudinal: Float[ArrayLike, " n"],
) -> Float[Array, ""]:
    r"""A number below all levels of an Ising chain.

    $H = -\sum J_i Z_i Z_{i+1} - \sum h_i X_i - \sum g_i Z_i$. With g = 0 the lowest
    level is that of free fermions, $-\operatorname{tr}\sqrt{A}$ with
    $A_{ii} = h_i^2 + J_{i-1}^2$ and $A_{i,i+1} = h_i J_i$. Cutting A into blocks can
    only raise the trace of its concave square root; a block of two has
    $\sqrt{\operatorname{tr} + 2\sqrt{\det}}$. Both ways to pair neighbours are
    averaged. Fields along Z take their norm off. Cheap, and without LAPACK: for use in
    loops; `hamiltonians.anderson_bound` is nearer to the level.

    Args:
        coupling: J of the bonds between i and i + 1; the last one closes the ring, 0
            leaves it open.
        field: h of the sites.
        longitudinal: g of the sites.

    Example:
        >>> ring = jnp.ones(10), jnp.ones(10), jnp.zeros(10)  # lowest level -12.785
        >>> round(float(ising_floor(*ring)), 2)
        -13.66
    """
    j, h, g = (jnp.asarray(x) for x in (coupling, field, longitudinal))
    n = h.shape[0]
    own = h**2 + jnp.roll(j, 1) ** 2
    beside = jnp.roll(own, -1)
    determinant = jnp.maximum(own * beside - (h * j) ** 2, 0)
    pairs = jnp.sum(jnp.sqrt(own + beside + 2 * jnp.sqrt(determinant)))
    # A ring of odd length leaves one site over, each of them in turn.
    alone = jnp.sum(jnp.sqrt(own)) / n if n % 2 else 0.0
    return -((n // 2) / n * pairs + alone + jnp.sum(jnp.abs(g)))


def ising_next_level_floor(
    coupling: Float[ArrayLike, " n"],
    field: Float[ArrayLike, " n"],
    longitudinal: Float[ArrayLike, " n"],
) -> Float[Array, ""]:
    r"""A number that the second level is proven not to lie below.

    With g = 0 the second level among states that do not change if all spins turn, with
    g that of all. An open chain of free fermions has the levels
    $E_0 + 2\sigma_i + 2\sigma_j + \dots$, $\sigma$ the singular values of
    `ising_chain_levels`, an even number of them in that sector: this is exact for open
    chains, and for uniform rings of even length, where momenta k and -k are excited. A
    ring loses its weakest bond, and what is lost counts with its norm.

    Args:
        coupling: As in `ising_floor`.
        field: As there.
        longitudinal: As there.

    Returns:
        The `next_level` of `hamiltonians.energy_bounds`.

    Example:
        >>> ring = jnp.ones(10), jnp.ones(10), jnp.zeros(10)
        >>> round(float(ising_next_level_floor(*ring)) + 12.785, 2)  # its gap
        1.25
    """
    j, h, g = (jnp.asarray(x) for x in (coupling, jnp.abs(field), longitudinal))
    even = jnp.all(g == 0)
    single = jnp.sqrt(h**2 + g**2)
    apart = -jnp.sum(single) + 2 * jnp.min(single) - jnp.sum(jnp.abs(j))
    known = jnp.maximum(apart, _opened(j, h, g, even))
    if h.shape[0] % 2:
        return known
    # A turn of every other spin changes the sign of all J; their product it leaves.
    alike = jnp.all(jnp.abs(j) == jnp.abs(j[0])) & jnp.all(h == h[0])
    frustrated = jnp.sum((j < 0).astype(jnp.int32)) % 2 == 1
    ring = _even_ring(jnp.abs(j[0]), h[0], h.shape[0])
    exact = even & alike & ~frustrated
    return jnp.where(exact, jnp.maximum(known, ring), known)


def _even_ring(j: Array, h: Array, n: int) -> Array:
    cosines = jnp.asarray(np.cos((2 * np.arange(n) + 1) * np.pi / n), h.dtype)
    levels = jnp.sqrt(j**2 + h**2 + 2 * j * h * cosines)
    return -jnp.sum(levels) + 4 * jnp.min(levels)


def _opened(j: Array, h: Array, g: Array, even: Array) -> Array:
    """The ring without its weakest bond, and without the fields along Z."""
    after = -1 - jnp.argmin(jnp.abs(j))
    j, h = jnp.roll(j, after), jnp.roll(h, after)
    values = jnp.linalg.svd(jnp.diag(h) + jnp.diag(j[:-1], 1), compute_uv=False)
    lowest = values[-1] + jnp.where(even, values[-2], 0)
    return -jnp.sum(values) + 2 * lowest - jnp.abs(j[-1]) - jnp.sum(jnp.abs(g))

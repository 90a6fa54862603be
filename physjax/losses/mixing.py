"""Terms that know how spectra mix."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..operators.mixing import linear_mixing


def mixing_residual(
    spectra: Float[Array, "*pixels bands"],
    abundances: Float[Array, "*pixels members"],
    endmembers: Float[Array, "members bands"],
    brightness: Float[Array, "*pixels"] | None = None,
) -> Float[Array, "*pixels bands"]:
    r"""$s \sum_i a_i m_i - y$: what the linear mixture leaves of the spectra.

    Args:
        spectra: Measured spectra y, in the unit of the endmembers.
        abundances: The shares a of the members.
        endmembers: One spectrum m per member.
        brightness: The factor s of every pixel; 1 by default.

    Returns:
        The residual of every band, in the unit of the spectra.

    Example:
        >>> endmembers = jnp.array([[0.2, 0.4], [1.0, 0.5]])
        >>> spectra = jnp.array([1.0, 0.5])
        >>> mixing_residual(spectra, jnp.array([0.0, 1.0]), endmembers).tolist()
        [0.0, 0.0]
    """
    return linear_mixing(abundances, endmembers, brightness) - spectra


def simplex_volume(
    endmembers: Float[Array, "members bands"], *, relative_floor: float = 1e-6
) -> Float[Array, ""]:
    r"""Logarithm of the volume of the simplex that the endmembers span.

    $\frac{1}{2n} \ln\det(D D^T + \epsilon)$, D being the n endmembers less the last, n
    their number less one: the logarithm of a mean edge, in which all scenes and numbers
    of members are alike. The constant $n!$ is left out.

    Args:
        endmembers: One spectrum per row, two or more.
        relative_floor: $\epsilon$ as a part of the mean squared edge; it keeps
            value and gradient finite where members coincide.

    Returns:
        The term; less for tighter endmembers, by ln 2 for a simplex of half the edges.

    Raises:
        ValueError: If there are fewer than two endmembers.

    Example:
        >>> corners = jnp.eye(3)
        >>> halved = simplex_volume(corners) - simplex_volume(corners / 2)
        >>> round(float(halved), 4)
        0.6931

    References:
        Craig, IEEE Trans. Geosci. Remote Sens. 32, 542 (1994).
    """
    n = endmembers.shape[0] - 1
    if n < 1:
        raise ValueError(
            f"`endmembers` of shape {endmembers.shape} must hold two or more."
        )
    edges = endmembers[:-1] - endmembers[-1:]
    gram = jnp.matmul(edges, edges.T, precision="highest")
    size = jnp.trace(gram) / n
    size = jnp.where(size > 0, size, jnp.finfo(gram.dtype).tiny)
    gram = gram / size + relative_floor * jnp.eye(n, dtype=gram.dtype)
    return (_log_determinant(gram) / n + jnp.log(size)) / 2


def _log_determinant(matrix: Array) -> Array:
    """Of a positive matrix of a few rows, by elimination: no LAPACK, which programs for
    CPUs bear once only."""
    total = jnp.zeros((), matrix.dtype)
    while matrix.shape[0]:
        pivot = matrix[0, 0]
        total = total + jnp.log(pivot)
        column = matrix[1:, 0]
        matrix = matrix[1:, 1:] - column[:, None] * (column / pivot)[None]
    return total


def abundance_smoothness(
    abundances: Float[Array, "rows columns members"],
) -> Float[Array, ""]:
    r"""Mean squared difference of abundances between neighbours, down and across.

    Args:
        abundances: Maps, two rows and columns or more.

    Returns:
        The mean over pixels and both directions of $\sum_i (\Delta a_i)^2$.

    Raises:
        ValueError: If there is only one row or column.

    Example:
        >>> maps = jnp.stack([jnp.eye(2), 1 - jnp.eye(2)], -1)
        >>> float(abundance_smoothness(maps))
        2.0
    """
    if min(abundances.shape[:2]) < 2:
        raise ValueError(
            f"`abundances` of shape {abundances.shape} need two rows and columns."
        )
    across = [jnp.diff(abundances, axis=axis) for axis in (0, 1)]
    means = [jnp.mean(jnp.sum(change**2, -1)) for change in across]
    return (means[0] + means[1]) / 2

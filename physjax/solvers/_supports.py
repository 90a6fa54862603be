"""Least squares on the faces of a cone or simplex: one small affine map per support.

The answer of a problem with abundances >= 0 is that of an equality-constrained one on
the members that are not zero, the support. For few members all supports are tried; the
KKT conditions, all affine in the data, tell which one is right.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float

LANES = 8
"""Columns to which thin factors are padded: products with fewer are four times slower
on CPUs."""


class Reduced(NamedTuple):
    """A mixing problem in the span of its endmembers: as many numbers as members.

    Distances to a point of the span are those of the bands less a constant, and the
    products are those with an orthonormal basis, not with the endmembers, whose squared
    condition number would cost half of the digits.
    """

    data: Float[Array, "rank pixels"]
    members: Float[Array, "members rank"]


class Face(NamedTuple):
    """Minimiser and multipliers on one support, affine in the reduced data."""

    slope: Float[Array, "*supports members rank"]
    """Rows of the support: abundances; other rows: multipliers, scaled so that they are
    minus the abundance the member would take alone."""
    offset: Float[Array, "*supports members"]
    valid: Bool[Array, "*supports"]
    """Whether the members are independent."""


def reduce(
    spectra: Float[Array, "pixels bands"],
    endmembers: Float[Array, "members bands"],
    *,
    sum_to_one: bool,
) -> Reduced:
    """Coordinates in an orthonormal basis; seen from the last endmember, which saves
    one, if abundances sum to one."""
    if sum_to_one:
        origin = endmembers[-1]
        members = endmembers - origin[None]
        basis, _, _ = orthonormal(members[:-1])
    else:
        origin = jnp.zeros_like(endmembers[0])
        members = endmembers
        basis, _, _ = orthonormal(members)
    rank = basis.shape[0]
    padded = jnp.pad(basis, ((0, -rank % LANES), (0, 0)))
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")
    data = dot(spectra, padded.T)[:, :rank] - dot(basis, origin)[None]
    return Reduced(data.T, dot(members, basis.T))


def orthonormal(
    rows: Float[Array, "n k"], keep: Bool[Array, " n"] | None = None
) -> tuple[Float[Array, "n k"], Float[Array, "n n"], Bool[Array, ""]]:
    """Gram and Schmidt's process, each step twice: `rows = lower @ basis`.

    Rows not kept, and those that depend on the ones before, get a row of zeros, and one
    on the diagonal. Returns basis, the lower triangle and whether all kept rows are
    independent.
    """
    n = rows.shape[0]
    keep = jnp.ones(n, bool) if keep is None else keep
    rows = jnp.where(keep[:, None], rows, 0)
    tolerance = 16 * n * float(jnp.finfo(rows.dtype).eps)
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")

    def step(basis, inputs):
        row, kept, unit = inputs
        first = dot(basis, row)
        rest = row - dot(first, basis)
        second = dot(basis, rest)
        rest = rest - dot(second, basis)
        size, norm = jnp.sum(row**2), jnp.sum(rest**2)
        fine = kept & (norm > tolerance**2 * size)
        length = jnp.sqrt(jnp.where(fine, norm, 1))
        direction = jnp.where(fine, rest / length, 0)
        basis = basis + unit[:, None] * direction[None]
        coefficients = jnp.where(fine, first + second + unit * length, unit)
        return basis, (coefficients, fine | ~kept)

    start = jnp.zeros_like(rows)
    units = jnp.eye(n, dtype=rows.dtype)
    basis, (lower, fine) = lax.scan(step, start, (rows, keep, units))
    return basis, lower, jnp.all(fine)


def all_supports(num_members: int, *, empty: bool) -> np.ndarray:
    """(supports, members): support number i holds the members of the bits of i."""
    numbers = np.arange(0 if empty else 1, 2**num_members)
    return (numbers[:, None] >> np.arange(num_members) & 1).astype(bool)


def face(
    members: Float[Array, "members rank"],
    support: Bool[Array, " members"],
    penalty: Float[Array, ""],
    *,
    sum_to_one: bool,
) -> Face:
    """The affine maps of one support. `vmap` over supports.

    The penalty is that of the sum of abundances, which no penalty moves once it is one.
    """
    dot = lambda x, y: jnp.matmul(x, y, precision="highest")
    n = members.shape[0]
    if sum_to_one:
        last = jnp.argmax(jnp.where(support, jnp.arange(n), -1))
        corner = jnp.arange(n) == last
        origin = members[last]
        free = support & ~corner
    else:
        corner = jnp.zeros(n, bool)
        origin = jnp.zeros_like(members[0])
        free = support
    apart = members - origin[None]
    basis, lower, valid = orthonormal(apart, free)
    slope = _back_substitution(lower, basis)
    slope = jnp.where(free[:, None], slope, 0)
    # The corner takes the rest of the sum.
    slope = jnp.where(corner[:, None], -jnp.sum(slope, 0)[None], slope)
    # Outside: -(n . x) / (n . n), n being what of the member the support cannot make.
    normal = apart - dot(dot(apart, basis.T), basis)
    normal = normal - dot(dot(normal, basis.T), basis)
    size = jnp.sum(normal**2, -1)
    eps = float(jnp.finfo(members.dtype).eps)
    some = size > (16 * n * eps) ** 2 * jnp.sum(apart**2, -1)
    outside = jnp.where(some[:, None], -normal / jnp.where(some, size, 1)[:, None], 0)
    slope = jnp.where(support[:, None], slope, outside)
    offset = corner.astype(members.dtype) - dot(slope, origin)
    if not sum_to_one:
        inner = jnp.where(support[:, None], slope, 0)
        pull = dot(inner, jnp.sum(inner, 0))
        push = (1 - dot(members, dot(pull, members))) / jnp.where(some, size, 1)
        offset = offset + penalty * jnp.where(support, -pull, jnp.where(some, push, 0))
    return Face(slope, offset, valid)


def _back_substitution(
    lower: Float[Array, "n n"], right: Float[Array, "n k"]
) -> Float[Array, "n k"]:
    """`x` in `lower.T @ x = right`, in plain products."""

    def step(x, inputs):
        column, row, unit = inputs
        rest = row - jnp.matmul(column, x, precision="highest")
        return x + unit[:, None] * (rest / jnp.sum(column * unit))[None], None

    units = jnp.eye(lower.shape[0], dtype=lower.dtype)
    inputs = (lower.T, right, units)
    return lax.scan(step, jnp.zeros_like(right), inputs, reverse=True)[0]


def best_face(
    data: Float[Array, "rank pixels"],
    faces: Face,
    supports: Bool[Array, "supports members"],
) -> tuple[
    Float[Array, "members pixels"],
    Bool[Array, "members pixels"],
    Float[Array, " pixels"],
]:
    """Abundances and support where the KKT conditions hold best, and by how much.

    The objective would not do: near a face of the simplex it is flat to second order,
    and float32 sees ties.
    """
    rank, pixels = data.shape
    n = supports.shape[1]

    def try_support(best, this):
        margin, abundances, members = best
        (slope, offset, valid), support = this
        values = []
        for i in range(n):
            value = jnp.broadcast_to(offset[i], (pixels,))
            for k in range(rank):
                value = value + slope[i, k] * data[k]
            values.append(value)
        here = values[0]
        for value in values[1:]:
            here = jnp.minimum(here, value)
        better = valid & (here > margin)
        abundances = tuple(
            jnp.where(better, jnp.where(support[i], values[i], 0), abundances[i])
            for i in range(n)
        )
        members = tuple(jnp.where(better, support[i], members[i]) for i in range(n))
        return (jnp.where(better, here, margin), abundances, members), None

    nothing = jnp.full(pixels, -jnp.inf, data.dtype)
    start = (
        nothing,
        (jnp.full(pixels, jnp.nan, data.dtype),) * n,
        (jnp.zeros(pixels, bool),) * n,
    )
    (margin, abundances, members), _ = lax.scan(try_support, start, (faces, supports))
    return jnp.stack(abundances), jnp.stack(members), margin

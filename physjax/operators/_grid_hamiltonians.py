"""One particle on a grid: kinetic energy by differences or spectrally, and a potential.

Derivatives of both kinds are symmetric and never positive, so that levels lie between
the lowest potential and the highest potential plus the largest kinetic energy.
"""

import functools as ft
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Float, Inexact, PRNGKeyArray

from .._boundaries import (
    AbstractBoundary,
    Dirichlet,
    Faces,
    Neumann,
    Periodic,
    check_faces,
    is_zero,
)
from .._grids import Grid
from .._numerics import as_real, real_dtype
from ._laplacians import STENCILS, laplacian
from ._transforms import Modes, forward, inverse, matrix, modes

Kinetic: TypeAlias = Literal["spectral", 2, 4, 6, 8]
"""Kinetic energy: exact on the modes of the box, or differences of an order."""

_MATRIX = 128
"""Points along an axis up to which a matrix product beats two fast transforms."""


class GridHamiltonian(eqx.Module):
    r"""$H = -\frac{1}{2m}\Delta + V$ on a grid of one to three axes, in atomic units.

    The potential and the mass are leaves, the geometry is static. States are sampled at
    the points; their norm is the plain sum of squares, so that probability densities
    are squares over the `cell_volume` of the grid.

    Levels, and bounds on them, are those of the discrete operator. Differences see less
    kinetic energy than there is: their levels approach the true ones from below, with
    the error $O(h^p)$. The spectral ones do so faster than any power of h where state
    and potential are smooth, from either side.

    Args:
        potential: V at the points.
        grid: Their place.
        bc: A (low, high) pair per axis: `Periodic`, `Dirichlet` or, with walls half
            a cell away, `Neumann`; all homogeneous. `Dirichlet(wall="node")` has its
            wall one spacing beyond the last point, the default half a spacing.
        kinetic: `"spectral"`, or the order 2, 4, 6 or 8 of `laplacian`.
        mass: m, in units of the electron's.

    Raises:
        TypeError: If the potential is not real, or `bc` holds no conditions.
        ValueError: If potential, grid and conditions do not fit each other, or the
            kinetic energy is of another kind.

    Example:
        >>> from physjax import Grid, Periodic
        >>> grid = Grid((64,), (0.25,), (-8.0,))
        >>> h = GridHamiltonian(grid.points(0) ** 2 / 2, grid, [(Periodic(),) * 2])
        >>> levels = jnp.linalg.eigvalsh(h.to_dense())[:2]
        >>> [round(float(level), 3) for level in levels]
        [0.5, 1.5]

    References:
        Colbert and Miller, J. Chem. Phys. 96, 1982 (1992), for spectral kinetic energy
        as a matrix.
    """

    potential: Float[Array, "..."]
    mass: Float[Array, ""]
    grid: Grid
    bc: tuple[tuple[AbstractBoundary, AbstractBoundary], ...] = eqx.field(static=True)
    kinetic: Kinetic = eqx.field(static=True)

    def __init__(
        self,
        potential: Float[ArrayLike, "..."],
        grid: Grid,
        bc: Faces,
        *,
        kinetic: Kinetic = "spectral",
        mass: Float[ArrayLike, ""] | float | int = 1.0,
    ):
        self.potential = as_real(potential, "potential")
        if self.potential.shape != grid.shape or len(grid.shape) > 3:
            raise ValueError(
                "`potential` must have the shape of the grid, of one to three axes; "
                f"got {self.potential.shape} on {grid.shape}."
            )
        if kinetic not in get_args(Kinetic):
            raise ValueError(
                f'`kinetic` must be "spectral", 2, 4, 6 or 8; got {kinetic!r}.'
            )
        self.mass = jnp.asarray(mass).astype(self.potential.dtype)
        self.grid = grid
        self.bc = check_faces(bc, len(grid.shape))
        self.kinetic = kinetic
        _check_walls(self.bc)
        if kinetic != "spectral":  # what the differences themselves refuse
            like = jax.ShapeDtypeStruct(grid.shape, self.potential.dtype)
            jax.eval_shape(lambda u: self._laplacian(u, range(u.ndim)), like)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a state: that of the grid."""
        return self.grid.shape

    def apply(
        self, psi: Inexact[Array, "*batch_and_grid"]
    ) -> Inexact[Array, "*batch_and_grid"]:
        r"""$H\psi$, in the type of the state; batch axes come first.

        Raises:
            ValueError: If the last axes are not those of the grid.
        """
        batch = psi.ndim - len(self.shape)
        if psi.shape[max(batch, 0) :] != self.shape:
            raise ValueError(
                f"`psi` must end with the axes {self.shape} of the grid; got shape "
                f"{psi.shape}."
            )
        potential = self.potential.astype(psi.dtype).reshape((1,) * batch + self.shape)
        factor = (-0.5 / self.mass).astype(psi.dtype)
        return factor * self._laplacian(psi, range(len(self.shape))) + potential * psi

    def diagonal(self) -> Float[Array, "..."]:
        """The diagonal of the matrix, in the shape of the grid."""
        total = self.potential
        for axis, n in enumerate(self.shape):
            shape = [1] * len(self.shape)
            shape[axis] = n
            part = jnp.diagonal(self._axis_matrix(axis)).reshape(shape)
            total = total + jnp.broadcast_to(part, self.shape)
        return total

    def floor(self) -> Float[Array, ""]:
        """The lowest potential: no level lies below it."""
        return jnp.min(self.potential)

    def bound(self) -> Float[Array, ""]:
        """No level of the discrete operator is larger in size."""
        most = 0.0
        for axis, spacing in enumerate(self.grid.spacing):
            if self.kinetic == "spectral":
                symbol = float(np.max(self._modes(axis).wavenumbers) ** 2)
            else:
                middle, *others = STENCILS[self.kinetic]
                symbol = abs(middle) + 2 * sum(abs(c) for c in others)
            most += symbol / (2 * spacing**2)
        top = jnp.max(self.potential) + most / self.mass
        return jnp.maximum(jnp.abs(self.floor()), jnp.abs(top))

    def start(self, key: PRNGKeyArray) -> Float[Array, "..."]:
        """A state to begin a search for the ground state with: the uniform one."""
        del key
        return jnp.ones_like(self.potential)

    def to_sparse(self) -> Any:
        """The matrix as `scipy.sparse.csr_array`. Outside of transformations only."""
        import scipy.sparse

        size = int(np.prod(self.shape))
        total = scipy.sparse.diags_array(np.asarray(self.potential).reshape(-1))
        for axis in range(len(self.shape)):
            before, after = (
                scipy.sparse.eye_array(int(np.prod(part)))
                for part in (self.shape[:axis], self.shape[axis + 1 :])
            )
            part = scipy.sparse.csr_array(np.asarray(self._axis_matrix(axis)))
            total = total + scipy.sparse.kron(scipy.sparse.kron(before, part), after)
        return scipy.sparse.csr_array(total.reshape(size, size))

    def to_dense(self) -> Float[Array, "points points"]:
        """The matrix, for small grids."""
        size = int(np.prod(self.shape))
        states = jnp.eye(size, dtype=self.potential.dtype).reshape(size, *self.shape)
        return self.apply(states).reshape(size, size)

    def _axis_matrix(self, axis: int) -> Float[Array, "n n"]:
        """Kinetic energy along one axis."""
        identity = jnp.eye(self.shape[axis], dtype=self.potential.dtype)
        return -0.5 / self.mass * self._laplacian(identity, (axis,))

    def _laplacian(self, u: Array, axes: Sequence[int]) -> Array:
        """That of the given axes of the grid, which are the last ones of the field."""
        spacings = [self.grid.spacing[a] for a in axes]
        if self.kinetic != "spectral":
            faces = [self.bc[a] for a in axes]
            return laplacian(u, spacings, faces, order=self.kinetic)
        total = jnp.zeros_like(u)
        for place, (axis, spacing) in enumerate(zip(axes, spacings, strict=True)):
            turned = jnp.moveaxis(u, place - len(axes), -1)
            image = _minus_squares(turned, self._modes(axis), spacing)
            total = total + jnp.moveaxis(image, -1, place - len(axes))
        return total

    def _modes(self, axis: int) -> Modes:
        low, high = self.bc[axis]
        name = lambda side: type(side).__name__.lower()
        wall = getattr(low, "wall", "half")
        return modes(self.shape[axis], name(low), name(high), wall)


def _minus_squares(u: Array, m: Modes, spacing: float) -> Array:
    r"""$-k^2$ on the modes of the last axis."""
    if jnp.iscomplexobj(u):
        parts = [_minus_squares(part, m, spacing) for part in (u.real, u.imag)]
        return lax.complex(*parts)
    dtype = real_dtype(u.dtype)
    if m.n <= _MATRIX:
        product = jnp.asarray(_matrix(m) / spacing**2, dtype)
        return jnp.matmul(u, product, precision="highest")
    symbol = -((m.wavenumbers / spacing) ** 2) / m.norms
    scaled = forward(u, m) * jnp.asarray(symbol, dtype).reshape(
        (1,) * (u.ndim - 1) + (-1,)
    )
    return inverse(scaled, m)


@ft.lru_cache(maxsize=64)
def _matrix(m: Modes) -> np.ndarray:
    u = matrix(m)
    product = -(u.T * m.wavenumbers**2) @ u
    return (product + product.T) / 2


def _check_walls(bc: Faces) -> None:
    for axis, pair in enumerate(bc):
        for side in pair:
            fits = isinstance(side, Periodic)
            fits |= isinstance(side, Dirichlet) and is_zero(side.value)
            fits |= isinstance(side, Neumann) and is_zero(side.slope)
            if not fits or side.half_cell:
                raise ValueError(
                    "`bc` must be periodic, or Dirichlet or Neumann walls with the "
                    "Python number 0 as value, Neumann ones half a cell away; got "
                    f"{side!r} in `bc` {axis}."
                )

"""Uniform grids: static geometry."""

import math

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class Grid(eqx.Module):
    r"""Uniform Cartesian grid, point $i$ of axis $a$ at $x_a = o_a + i\,h_a$.

    Static and hashable: a pytree without leaves, which may be closed over, passed
    through `jax.jit` or given as a static argument.

    Attributes:
        shape: Number of points along each axis.
        spacing: Distance of neighbours along each axis, in the user's unit of length.
        origin: Position of the first point; zero if not given.

    Raises:
        ValueError: If the numbers of axes differ, or a size or spacing is not positive.

    Example:
        >>> grid = Grid(shape=(3,), spacing=(0.5,))
        >>> grid.points(0).tolist()
        [0.0, 0.5, 1.0]
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    spacing: tuple[float, ...] = eqx.field(static=True)
    origin: tuple[float, ...] = eqx.field(static=True)

    def __init__(
        self,
        shape: tuple[int, ...],
        spacing: tuple[float, ...],
        origin: tuple[float, ...] | None = None,
    ):
        self.shape = tuple(int(n) for n in shape)
        self.spacing = tuple(float(h) for h in spacing)
        self.origin = tuple(float(o) for o in origin or (0.0,) * len(self.shape))
        if not len(self.shape) == len(self.spacing) == len(self.origin):
            raise ValueError(
                "`shape`, `spacing` and `origin` must have one entry per axis; got "
                f"{self.shape}, {self.spacing} and {self.origin}."
            )
        if any(n < 1 for n in self.shape):
            raise ValueError(f"`shape` must be positive; got {self.shape}.")
        if not all(0 < h < math.inf for h in self.spacing):
            raise ValueError(f"`spacing` must be positive; got {self.spacing}.")

    @property
    def cell_volume(self) -> float:
        """Product of the spacings."""
        return math.prod(self.spacing)

    def points(self, axis: int, dtype: DTypeLike = float) -> Float[Array, " n"]:
        """Coordinates along one axis, in the default float unless `dtype` says else."""
        dtype = jnp.result_type(dtype)
        index = jnp.arange(self.shape[axis], dtype=dtype)
        return self.origin[axis] + self.spacing[axis] * index

    def mesh(self, dtype: DTypeLike = float) -> tuple[Float[Array, "..."], ...]:
        """Coordinates of all points, one array of the grid's shape per axis."""
        axes = [self.points(a, dtype) for a in range(len(self.shape))]
        return tuple(jnp.meshgrid(*axes, indexing="ij"))

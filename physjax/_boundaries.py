r"""Boundary conditions: the kind is the type, the values are leaves.

One `(low, high)` pair per axis. Where the wall lies is static, by the field `wall`:

* `"half"`: unknowns are cell centres, the wall is half a spacing beyond the last one.
* `"node"`: for `Neumann` and `Robin` the last unknown lies on the wall and owns half a
  cell; for `Dirichlet` the node on the wall is known and no part of the array, one
  spacing beyond the last unknown.

Every condition is used through its `closure`: the spacing times the derivative along
the outward normal, at the outer face of the outermost cell, is `source - keep * inner`.
Values are numbers, or arrays that broadcast to the face (and to the batch before it).
"""

import abc
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Inexact, Num

Wall = Literal["half", "node"]
Value = Num[ArrayLike, "..."]


class AbstractBoundary(eqx.Module):
    """A condition on one face."""

    @abc.abstractmethod
    def closure(self, spacing: Any, dtype: Any) -> tuple[Any, Any]:
        """`(keep, source)`: spacing times outward slope is `source - keep * inner`.

        Python numbers stay Python numbers, so that what is zero can be left out.
        """

    @property
    def half_cell(self) -> bool:
        """Whether the outermost unknown lies on the wall and owns half a cell."""
        return False

    def outward(
        self, inner: Inexact[Array, "..."], far: Inexact[Array, "..."], spacing: Any
    ) -> Inexact[Array, "..."]:
        """Derivative along the outward normal at the outer face of the last cell.

        Args:
            inner: Field in the cell at this wall.
            far: Field in the cell at the opposite wall.
            spacing: Distance of neighbouring unknowns.
        """
        del far
        keep, source = self.closure(spacing, inner.dtype)
        return _affine(-keep, inner, source) / as_value(spacing, inner)

    def ghost(
        self,
        inner: Inexact[Array, "..."],
        far: Inexact[Array, "..."],
        spacing: Any,
        mirror: Inexact[Array, "..."] | None = None,
    ) -> Inexact[Array, "..."]:
        """Field one spacing beyond the outermost unknown, to second order.

        Args:
            inner: Outermost unknown at this wall.
            far: Outermost unknown at the opposite wall.
            spacing: Distance of neighbouring unknowns.
            mirror: The unknown before the outermost; only where that lies on the wall.
        """
        del far
        keep, source = self.closure(spacing, inner.dtype)
        if not self.half_cell:
            return _affine(1 - keep, inner, source)
        if mirror is None:
            raise ValueError(
                "`mirror` is needed where the last unknown is on the wall."
            )
        return mirror + 2 * _affine(-keep, inner, source)

    def extend(
        self, inner: Inexact[Array, "..."], far: Inexact[Array, "..."]
    ) -> Inexact[Array, "..."]:
        """Coefficient one cell beyond the wall."""
        del far
        return inner

    def homogeneous(self) -> "AbstractBoundary":
        """The same condition with the value zero."""
        return self


Faces: TypeAlias = Sequence[tuple[AbstractBoundary, AbstractBoundary]]
"""One `(low, high)` pair per axis."""


class Periodic(AbstractBoundary):
    """The opposite wall is the same place. Both faces of an axis must be periodic.

    Example:
        >>> Periodic().ghost(jnp.array([1.0]), jnp.array([3.0]), 0.1).tolist()
        [3.0]
    """

    def closure(self, spacing, dtype):
        raise ValueError("A periodic wall has no closure: it has a neighbour.")

    def outward(self, inner, far, spacing):
        return (far - inner) / as_value(spacing, inner)

    def ghost(self, inner, far, spacing, mirror=None):
        del inner, spacing, mirror
        return far

    def extend(self, inner, far):
        del inner
        return far


class Dirichlet(AbstractBoundary):
    """The field at the wall is `value`.

    Example:
        >>> Dirichlet(2.0).ghost(jnp.array([1.0]), jnp.array([0.0]), 0.1).tolist()
        [3.0]
        >>> wall = Dirichlet(2.0, wall="node")
        >>> wall.ghost(jnp.array([1.0]), jnp.array([0.0]), 0.1).tolist()
        [2.0]
    """

    value: Value = 0.0
    wall: Wall = eqx.field(default="half", static=True)

    def __check_init__(self):
        _check_wall(self.wall)

    def closure(self, spacing, dtype):
        del spacing
        value = as_number(self.value, dtype)
        return (1.0, value) if self.wall == "node" else (2.0, 2 * value)

    def homogeneous(self):
        return Dirichlet(0.0, self.wall)


class Neumann(AbstractBoundary):
    """The derivative along the outward normal is `slope`.

    Example:
        >>> Neumann(2.0).ghost(jnp.array([1.0]), jnp.array([0.0]), 0.5).tolist()
        [2.0]
        >>> wall, last = Neumann(2.0, wall="node"), jnp.array([1.0])
        >>> wall.ghost(last, jnp.array([0.0]), 0.5, mirror=jnp.array([0.0])).tolist()
        [2.0]
    """

    slope: Value = 0.0
    wall: Wall = eqx.field(default="half", static=True)

    def __check_init__(self):
        _check_wall(self.wall)

    @property
    def half_cell(self):
        return self.wall == "node"

    def closure(self, spacing, dtype):
        slope = as_number(self.slope, dtype)
        return 0.0, 0.0 if is_zero(slope) else slope * as_number(spacing, dtype)

    def homogeneous(self):
        return Neumann(0.0, self.wall)


class Robin(AbstractBoundary):
    r"""$\alpha u + \beta\,\partial u/\partial n = \gamma$ at the wall.

    With `wall="node"` `beta` must not be zero: that is a `Dirichlet`.

    Example:
        >>> Robin(1.0, 0.0, 2.0).ghost(jnp.array([1.0]), jnp.array([0.0]), 0.1).tolist()
        [3.0]
    """

    alpha: Value
    beta: Value
    gamma: Value = 0.0
    wall: Wall = eqx.field(default="half", static=True)

    def __check_init__(self):
        _check_wall(self.wall)
        if self.wall == "node" and is_zero(self.beta):
            raise ValueError(
                '`beta` must not be zero for wall "node"; got 0: use `Dirichlet`.'
            )

    @property
    def half_cell(self):
        return self.wall == "node"

    def closure(self, spacing, dtype):
        alpha, beta, gamma, h = (
            as_number(x, dtype) for x in (self.alpha, self.beta, self.gamma, spacing)
        )
        scale = h / (beta if self.half_cell else h * alpha / 2 + beta)
        return scale * alpha, scale * gamma

    def homogeneous(self):
        return Robin(self.alpha, self.beta, 0.0, self.wall)


def check_faces(
    bc: Faces, axes: int
) -> tuple[tuple[AbstractBoundary, AbstractBoundary], ...]:
    """One pair of conditions per axis that fit each other.

    Raises:
        ValueError: If there is not one pair per axis, if one wall of an axis is
            periodic and the other is not, or if one is `"half"` and the other `"node"`.
        TypeError: If something is not a boundary condition.

    Example:
        >>> check_faces([(Dirichlet(), Neumann(wall="node"))], 1)
        Traceback (most recent call last):
        ValueError: `bc` 0 has walls "half" and "node"; they must be the same.
    """
    pairs = tuple(tuple(pair) for pair in bc)
    if len(pairs) != axes or any(len(pair) != 2 for pair in pairs):
        raise ValueError(
            f"`bc` must hold one (low, high) pair per entry of `spacing`; got "
            f"{len(pairs)} of lengths {[len(pair) for pair in pairs]} for {axes} axes."
        )
    for axis, (low, high) in enumerate(pairs):
        for side in (low, high):
            if not isinstance(side, AbstractBoundary):
                raise TypeError(
                    f"`bc` {axis} must hold boundary conditions; got {side!r}."
                )
        if isinstance(low, Periodic) != isinstance(high, Periodic):
            raise ValueError(
                f"`bc` {axis} is periodic on one side only; got "
                f"{type(low).__name__} and {type(high).__name__}."
            )
        walls = [getattr(side, "wall", None) for side in (low, high)]
        if walls[0] != walls[1]:
            raise ValueError(
                f'`bc` {axis} has walls "{walls[0]}" and "{walls[1]}"; '
                "they must be the same."
            )
    return pairs  # pyright: ignore[reportReturnType]


def is_zero(x: Any) -> bool:
    """Whether `x` is known to be zero while tracing: a Python number, not an array.

    Example:
        >>> is_zero(0.0), is_zero(jnp.zeros(()))
        (True, False)
    """
    return isinstance(x, (int, float, complex)) and x == 0


def as_value(x: Any, inner: Inexact[Array, "..."]) -> Any:
    """A value in the type of `inner`, with leading axes added until it has its rank.

    Raises:
        ValueError: If it has more axes than `inner`.
        TypeError: If it is complex and `inner` is real.
    """
    x = as_number(x, inner.dtype)
    if not isinstance(x, Array):
        return x
    if x.ndim > inner.ndim:
        raise ValueError(
            f"a boundary value of shape {x.shape} does not broadcast to its face, "
            f"which has shape {inner.shape}."
        )
    return x.reshape((1,) * (inner.ndim - x.ndim) + x.shape)


def as_number(x: Any, dtype: Any) -> Any:
    """Python numbers as they are (weakly typed), all else as an array of the type."""
    if isinstance(x, np.generic):
        x = x.item()
    is_complex = jnp.iscomplexobj(x)
    if is_complex and not jnp.issubdtype(dtype, jnp.complexfloating):
        raise TypeError(f"a boundary value is complex, but the field is {dtype}.")
    if isinstance(x, (int, float, complex)):
        return x
    return jnp.asarray(x).astype(dtype)


def _affine(factor: Any, inner: Array, source: Any) -> Array:
    """`factor * inner + source`, in the shape of `inner`."""
    factor, source = as_value(factor, inner), as_value(source, inner)
    if is_zero(factor):
        return jnp.broadcast_to(jnp.asarray(source, inner.dtype), inner.shape)
    product = factor * inner
    return product if is_zero(source) else product + source


def _check_wall(wall: str) -> None:
    if wall not in get_args(Wall):
        raise ValueError(f"`wall` must be one of {get_args(Wall)}; got {wall!r}.")

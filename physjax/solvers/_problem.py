"""One Poisson equation: its stencil, what holds it, and what makes an answer of it."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .._boundaries import Neumann
from .._solution import (
    INCOMPATIBLE,
    MAX_ITERATIONS,
    NON_FINITE,
    RESIDUAL,
    SUCCESS,
    Label,
    Solution,
)
from ..operators._stencils import Axis
from ._stencil import Stencil, as_permittivity, assemble, hold, norm, shares
from .green import as_labels, as_voltages
from .multigrid import relative

BALANCE = 1e3  # times the precision: sources that add up to less balance


class Problem(eqx.Module):
    """Arrays of the rank of the density, of size 1 where they repeat."""

    outer: Stencil
    """Of all nodes."""
    inner: Stencil
    """Of the free nodes, the others held at zero."""
    walls: Float[Array, "..."]
    """Source of the walls."""
    cells: Float[Array, "..."]
    """Part of a cell that every node owns."""
    free: Float[Array, "..."] | None
    """1 at free nodes and 0 at electrodes; None without electrodes."""
    labels: Int[Array, "..."] | None
    """Contact of every node, 0 for none."""
    num_contacts: int = eqx.field(static=True)
    singular: bool = eqx.field(static=True)
    """Whether nothing holds the potential."""

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of space, counted from the end."""
        return self.outer.axes

    def lifted(self, rank: int) -> "Problem":
        """With batch axes of size 1, up to a rank."""
        extra = rank - self.cells.ndim
        lift = lambda x: x.reshape((1,) * extra + x.shape)
        return Problem(
            jax.tree.map(lift, self.outer),
            jax.tree.map(lift, self.inner),
            lift(self.walls),
            lift(self.cells),
            None if self.free is None else lift(self.free),
            self.labels,
            self.num_contacts,
            self.singular,
        )

    def source(
        self, rho: Float[Array, "..."], voltages: Any
    ) -> tuple[Float[Array, "..."], Float[Array, "..."] | None]:
        """Right-hand side of the free nodes, and the potential of the others."""
        source = rho * self.cells + self.walls
        if self.free is None:
            if voltages is not None and jnp.size(voltages):
                raise ValueError("`voltages` was given, but there are no electrodes.")
            return source, None
        assert self.labels is not None
        batch = rho.shape[: rho.ndim - len(self.axes)]
        v = as_voltages(voltages, batch, self.num_contacts, rho.dtype)
        v = jnp.concatenate([jnp.zeros_like(v[..., :1]), v], axis=-1)
        held = jnp.take(v, self.labels, axis=-1)
        return self.free * (source - self.outer(held)), held

    def balanced(
        self, source: Float[Array, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The nearest source that adds up to zero, and what it added up to before,
        relative to the sum of sizes."""
        total = jnp.sum(source, axis=self.axes, keepdims=True)
        sizes = jnp.sum(jnp.abs(source), axis=self.axes, keepdims=True)
        cells = jnp.broadcast_to(
            self.cells, (*self._ones(source), *self._space(source))
        )
        volume = jnp.sum(cells, axis=self.axes, keepdims=True)
        imbalance = jnp.abs(total) / jnp.where(sizes > 0, sizes, 1)
        return source - self.cells * (total / volume), imbalance

    def centred(self, phi: Float[Array, "..."]) -> Float[Array, "..."]:
        """With mean zero over the cells."""
        cells = jnp.broadcast_to(self.cells, (*self._ones(phi), *self._space(phi)))
        mean = jnp.sum(phi * cells, axis=self.axes, keepdims=True)
        return phi - mean / jnp.sum(cells, axis=self.axes, keepdims=True)

    def _space(self, x: Array) -> tuple[int, ...]:
        return x.shape[x.ndim - len(self.axes) :]

    def _ones(self, x: Array) -> tuple[int, ...]:
        return (1,) * (x.ndim - len(self.axes))

    def solution(
        self,
        phi: Float[Array, "..."],
        source: Float[Array, "..."],
        held: Float[Array, "..."] | None,
        method: str,
        *,
        num_iterations: Any = 0,
        converged: Bool[Array, "..."] | None = None,
        imbalance: Float[Array, "..."] | None = None,
        rtol: Any = None,
    ) -> Solution[Float[Array, "..."]]:
        """Judges a potential of the free nodes, and puts the electrodes in.

        Args:
            phi: Potential of the free nodes.
            source: What it answers to.
            held: Potential of the electrodes.
            method: What found it.
            num_iterations: How long it took.
            converged: Whether it says so itself.
            imbalance: As `balanced` gives it.
            rtol: Residual above which it is not accepted, or None.
        """
        residual = relative(
            source - self.inner(phi), norm(source, self.axes), self.axes
        )
        result = jnp.full(residual.shape, SUCCESS)
        if rtol is not None:
            result = jnp.where(residual <= rtol, result, RESIDUAL)
        if converged is not None:
            result = jnp.where(converged, result, MAX_ITERATIONS)
        stats: dict[str, Any] = {"method": Label(method)}
        if imbalance is not None:
            limit = BALANCE * float(jnp.finfo(phi.dtype).eps)
            result = jnp.where(imbalance <= limit, result, INCOMPATIBLE)
            stats["imbalance"] = jnp.squeeze(imbalance, self.axes)
            phi = self.centred(phi)
        finite = jnp.all(jnp.isfinite(phi), axis=self.axes, keepdims=True)
        result = jnp.where(finite, result, NON_FINITE)
        stats["residual"] = jnp.squeeze(residual, self.axes)
        stats["num_iterations"] = jnp.asarray(num_iterations, jnp.int32)
        value = phi if held is None else phi + held
        return Solution(value, jnp.squeeze(result, self.axes).astype(jnp.int32), stats)


def make_problem(
    rho: Float[Array, "..."],
    axes: tuple[Axis, ...],
    permittivity: Any,
    electrodes: Any,
) -> Problem:
    """The equation of a density's grid.

    Raises:
        TypeError: If `electrodes` is traced.
        ValueError: If a shape does not fit.
    """
    d = len(axes)
    space = rho.shape[rho.ndim - d :]
    epsilon = as_permittivity(permittivity, rho)
    outer, walls = assemble(jnp.zeros((1,) * rho.ndim, rho.dtype), axes, epsilon)
    cells = shares(axes, rho.ndim, rho.dtype)
    quiet = all(axis.periodic or isinstance(axis.low, Neumann) for axis in axes)
    quiet = quiet and all(
        axis.periodic or isinstance(axis.high, Neumann) for axis in axes
    )
    if electrodes is None:
        return Problem(outer, outer, walls, cells, None, None, 0, quiet)
    labels = as_labels(electrodes, space)
    if not np.any(labels == 0):
        raise ValueError("`electrodes` must leave a node free; got none.")
    contacts = int(labels.max())
    free = jnp.asarray((labels == 0).reshape((1,) * (rho.ndim - d) + space), rho.dtype)
    inner = hold(outer, free) if contacts else outer
    return Problem(
        outer,
        inner,
        walls,
        cells,
        free if contacts else None,
        jnp.asarray(labels, jnp.int32) if contacts else None,
        contacts,
        quiet and not contacts,
    )

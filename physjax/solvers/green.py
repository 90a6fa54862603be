"""Green's function of Poisson's equation on a small grid, as a matrix."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from .._boundaries import Faces
from .._numerics import as_real
from ..operators._stencils import Spacing, make_axes
from ._mirrors import fold, half_shapes, mirrors_of, parts_of, unfold
from ._stencil import Stencil, as_permittivity, assemble, shares

MOST = 8192  # unknowns: 0.5 GB in float64
FEW = 128  # nodes below which one product is faster than several smaller ones


class GreenFunction(eqx.Module):
    r"""Dense inverse of -div(permittivity grad), with the weights of the contacts.

    $$\phi = G \rho + \sum_c V_c w_c + \phi_0 ,$$

    with $w_c$ the potential of a unit voltage on contact c alone: its discrete harmonic
    measure, which is also its Ramo-Shockley weight. Where walls are not held at
    potentials of their own, the $w_c$ add up to one. G times the cell volumes is
    symmetric.

    Made once, on the host and in float64: as matrix of a diagonally dominant stencil it
    keeps its accuracy when it is rounded to the `dtype` it is used in. One application
    is one matrix product, of the right size up to a few thousand nodes, and a batch of
    densities is one too. Where a device is its own mirror image along an axis, even and
    odd densities have matrices of their own, half as large together: reading them is
    what the time goes into.

    A `PoissonSolver`: `green(rho, voltages) -> phi`.

    Attributes:
        matrices: From free nodes to all nodes: one, or of two halves along every axis
            in `mirrors`, the even one first.
        weights: Potential of a unit voltage on each contact, all else at zero.
        offset: Potential of the walls' own values, or None.
        nodes: Flat indices of the free nodes; None if they are the block `block`.
        shape: Nodes along each axis.
        block: First free node along each axis, and the last plus one.
        mirrors: Axes along which the device is its own mirror image.

    Example:
        >>> from physjax import Neumann
        >>> wall = Neumann(wall="node")
        >>> contacts = np.zeros((5, 3), int)
        >>> contacts[0], contacts[-1] = 1, 2
        >>> green = GreenFunction(
        ...     (5, 3), (1.0, 1.0), [(wall, wall)] * 2, electrodes=contacts
        ... )
        >>> green(jnp.zeros((5, 3)), jnp.array([0.0, 4.0]))[:, 1].round(5).tolist()
        [0.0, 1.0, 2.0, 3.0, 4.0]
    """

    matrices: tuple[Float[Array, "inputs outputs"], ...]
    weights: Float[Array, "contacts ..."]
    offset: Float[Array, "..."] | None
    nodes: Int[Array, " free"] | None
    shape: tuple[int, ...] = eqx.field(static=True)
    block: tuple[tuple[int, int], ...] | None = eqx.field(static=True)
    num_contacts: int = eqx.field(static=True)
    mirrors: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        shape: tuple[int, ...],
        spacing: Spacing,
        bc: Faces,
        *,
        permittivity: ArrayLike | None = None,
        electrodes: ArrayLike | None = None,
        dtype: Any = float,
        mirrored: bool | None = None,
    ):
        """
        Args:
            shape: Nodes along each axis.
            spacing: Distance of neighbours along each axis.
            bc: A (low, high) pair of conditions per axis.
            permittivity: Positive, broadcasts to `shape`; 1 if not given.
            electrodes: Integers of that shape, 0 at free nodes and c at those of
                contact c = 1, 2 ...
            dtype: Type of the matrix, the default float if not given.
            mirrored: Whether to make use of mirror symmetry, for smaller matrices and
                more operations. By default on a CPU, from 128 nodes on.

        Raises:
            TypeError: If something is traced: it is made outside of transformations.
            ValueError: If there are more than 8192 nodes, if nothing holds the
                potential, or if the shapes do not fit.
        """
        self.shape = tuple(int(n) for n in shape)
        count = int(np.prod(self.shape))
        if count > MOST:
            raise ValueError(
                f"`shape` must hold at most {MOST} nodes for a dense inverse; got "
                f'{self.shape}: use `solve_poisson` with method "multigrid".'
            )
        dtype = jnp.result_type(dtype)
        try:
            with jax.ensure_compile_time_eval():
                stencil, source = _equation(self.shape, spacing, bc, permittivity)
                labels = as_labels(electrodes, self.shape)
        except jax.errors.ConcretizationTypeError as error:
            raise TypeError(
                "`GreenFunction` must be made of numbers, not of traced arrays: make "
                'it outside, or use `solve_poisson` with method "multigrid".'
            ) from error
        matrix, leak, cells = stencil
        free = np.flatnonzero(labels.ravel() == 0)
        self.num_contacts = int(labels.max(initial=0))
        held = [
            np.flatnonzero(labels.ravel() == c + 1) for c in range(self.num_contacts)
        ]
        if self.num_contacts == 0 and not np.any(leak > 0):
            raise ValueError(
                "nothing holds the potential: `bc` must hold one wall, or `electrodes` "
                "one contact."
            )
        inverse = np.linalg.inv(matrix[np.ix_(free, free)])
        full = np.zeros((len(free), count))
        full[:, free] = cells[free, None] * inverse.T
        weights = np.zeros((self.num_contacts, count))
        for weight, nodes in zip(weights, held, strict=True):
            weight[nodes] = 1
            weight[free] = inverse @ -matrix[np.ix_(free, nodes)].sum(axis=1)
        self.weights = jnp.asarray(
            weights.reshape(self.num_contacts, *self.shape).astype(dtype)
        )
        self.offset = None
        if np.any(source):
            offset = np.zeros(count)
            offset[free] = inverse @ source[free]
            self.offset = jnp.asarray(offset.reshape(self.shape).astype(dtype))
        self.block = _block(labels == 0)
        self.nodes = None if self.block else jnp.asarray(free.astype(np.int32))
        self.mirrors = ()
        parts = [full]
        if mirrored is None:
            mirrored = jax.default_backend() == "cpu" and count >= FEW
        if self.block and mirrored:
            self.mirrors = mirrors_of(matrix, cells, labels == 0)
            sizes = [stop - start for start, stop in self.block]
            parts = parts_of(full.reshape(*sizes, -1), self.shape, self.mirrors)
        self.matrices = tuple(jnp.asarray(part.astype(dtype)) for part in parts)

    def __call__(
        self,
        rho: Float[Array, "..."],
        voltages: Float[Array, "... contacts"] | None = None,
        guess: Any = None,
    ) -> Float[Array, "..."]:
        """Potential of all nodes, contacts included.

        Args:
            rho: Density, batch axes first; what lies on contacts is ignored.
            voltages: Of the contacts, with the batch axes of `rho` or none.
            guess: Ignored; there for the other solvers' sake.

        Raises:
            ValueError: If the shapes do not fit.
        """
        del guess
        rho = as_real(rho, "rho")
        d = len(self.shape)
        batch = rho.shape[: rho.ndim - d]
        if rho.shape[rho.ndim - d :] != self.shape or rho.ndim < d:
            raise ValueError(
                f"`rho` must end in the shape {self.shape}; got {rho.shape}."
            )
        dtype = self.weights.dtype
        rho = rho.astype(dtype)
        if self.block is not None:
            for a, (start, stop) in enumerate(self.block):
                axis = len(batch) + a
                rho = jax.lax.slice_in_dim(rho, start, stop, axis=axis)
            parts = [rho]
        else:
            parts = [rho.reshape(*batch, -1)[..., self.nodes]]
        for a in self.mirrors:
            parts = [half for part in parts for half in fold(part, a - d)]
        flat = lambda x: x.reshape(*batch, -1)
        parts = [
            jnp.matmul(flat(part), matrix, precision="highest")
            for part, matrix in zip(parts, self.matrices, strict=True)
        ]
        shapes = [self.shape]
        for a in self.mirrors:
            shapes = [half for shape in shapes for half in half_shapes(shape, a)]
        parts = [
            part.reshape(*batch, *shape)
            for part, shape in zip(parts, shapes, strict=True)
        ]
        for a in reversed(self.mirrors):
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [unfold(even, odd, a - d) for even, odd in pairs]
        phi = parts[0]
        if self.num_contacts:
            v = as_voltages(voltages, batch, self.num_contacts, dtype)
            weights = self.weights.reshape(self.num_contacts, -1)
            phi = phi + jnp.matmul(v, weights, precision="highest").reshape(phi.shape)
        elif voltages is not None and jnp.size(voltages):
            raise ValueError("`voltages` was given, but there are no electrodes.")
        if self.offset is not None:
            phi = phi + self.offset.reshape((1,) * len(batch) + self.shape)
        return phi

    @property
    def matrix(self) -> Float[Array, "inputs nodes"]:
        """From free nodes and contacts to all nodes, as one."""
        count = int(np.prod(self.shape))
        if self.block is None:
            places = self.nodes
        else:
            box = tuple(slice(*ends) for ends in self.block)
            places = np.arange(count).reshape(self.shape)[box].ravel()
        units = jnp.eye(count, dtype=self.weights.dtype)[places]
        dark = eqx.tree_at(lambda g: g.offset, self, None, is_leaf=lambda x: x is None)
        volts = jnp.zeros(self.num_contacts, units.dtype)
        rows = dark(units.reshape(-1, *self.shape), volts).reshape(-1, count)
        return jnp.concatenate([rows, self.weights.reshape(-1, count)])


def as_labels(electrodes: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of the contacts on the host, 0 where there is none.

    Raises:
        TypeError: If they are traced.
        ValueError: If they are no integers of the shape, skip a number, or leave no
            node free.
    """
    if electrodes is None:
        return np.zeros(shape, int)
    try:
        labels = np.asarray(electrodes)
    except jax.errors.TracerArrayConversionError as error:
        raise TypeError(
            "`electrodes` must be known while tracing: close over them."
        ) from error
    if labels.shape != shape or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`electrodes` must hold integers of shape {shape}; got {labels.dtype} of "
            f"shape {labels.shape}."
        )
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(len(present))):
        raise ValueError(
            "`electrodes` must hold 0 for free nodes and 1, 2 ... for contacts, all "
            f"of them; got {present.tolist()}."
        )
    return labels


def as_voltages(
    voltages: Any, batch: tuple[int, ...], count: int, dtype: Any
) -> Float[Array, "... contacts"]:
    """Voltages with the batch axes.

    Raises:
        ValueError: If there is not one per contact, or the batch does not fit.
    """
    if voltages is None:
        raise ValueError(f"`voltages` must hold one per contact, {count}; got None.")
    v = as_real(voltages, "voltages").astype(dtype)
    if v.ndim == 0 or v.shape[-1] != count or v.ndim > len(batch) + 1:
        raise ValueError(
            f"`voltages` must end in {count}, one per contact, after the batch axes "
            f"{batch}; got shape {v.shape}."
        )
    v = v.reshape((1,) * (len(batch) + 1 - v.ndim) + v.shape)
    return jnp.broadcast_to(v, (*batch, count))


def _equation(shape, spacing, bc, permittivity):
    """Matrix and leaks of all nodes, cell shares, and source of the walls, in NumPy."""
    rho = jnp.zeros(shape)
    axes = make_axes(shape, spacing, bc, rho.dtype, "shape")
    if len(axes) != len(shape):
        raise ValueError(
            f"`shape` must have one entry per entry of `spacing`; got {shape} for "
            f"{len(axes)} of them."
        )
    epsilon = as_permittivity(permittivity, rho)
    stencil, source = assemble(rho, axes, epsilon)
    cells = jnp.broadcast_to(shares(axes, rho.ndim, rho.dtype), shape)
    wide = lambda x: np.asarray(x, np.float64)
    matrix, leak = _matrix(jax.tree.map(wide, stencil.full(shape)), shape)
    return (matrix, leak, wide(cells).ravel()), wide(source).ravel()


def _matrix(stencil: Stencil, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of links and leaks in float64: exactly singular where nothing leaks."""
    n = int(np.prod(shape))
    index = np.arange(n).reshape(shape)
    matrix = np.zeros((n, n))

    def link(i, j, c):
        i, j, c = i.ravel(), j.ravel(), np.asarray(c).ravel()
        np.add.at(matrix, (i, j), -c)
        np.add.at(matrix, (j, i), -c)
        np.add.at(matrix, (i, i), c)
        np.add.at(matrix, (j, j), c)

    for a, (c, wrap) in enumerate(zip(stencil.links, stencil.wraps, strict=True)):
        last = shape[a] - 1
        link(index.take(range(last), a), index.take(range(1, last + 1), a), c)
        if wrap is not None:
            link(index.take([last], a), index.take([0], a), wrap)
    leak = np.sum([np.asarray(x) for x in stencil.leaks], axis=0).ravel()
    matrix[np.arange(n), np.arange(n)] += leak
    return matrix, leak


def _block(free: np.ndarray) -> tuple[tuple[int, int], ...] | None:
    """The box of the free nodes, if they fill one."""
    if not free.any():
        raise ValueError("`electrodes` must leave a node free; got none.")
    box = []
    for a in range(free.ndim):
        others = tuple(b for b in range(free.ndim) if b != a)
        hit = np.flatnonzero(free.any(axis=others))
        box.append((int(hit[0]), int(hit[-1]) + 1))
    full = np.prod([stop - start for start, stop in box]) == free.sum()
    return tuple(box) if full else None

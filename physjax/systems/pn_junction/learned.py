r"""Ours: a linear network on several grids, for any grid, permittivity and contact.

On a grid with links and leaks (the conservative five-point scheme), the network answers
to a source f with what is left after a few cycles from the finest grid down and up
again. On every grid it reads the residual $r = f - A\phi$, scaled by the diagonal, and
adds

$$\phi \leftarrow \phi + w\,z + B\,(g \odot C\,z), \qquad z = D^{-1} r,$$

with 3 x 3 convolutions C (one channel to many) and B (back to one) without bias, and
gates g made from the links around each node, relative to the diagonal. No gate sees the
charge, so the answer is linear in charge and voltages; nothing is as large as a grid,
so the same weights serve all grids. Nodes on contacts keep the contact's voltage: what
they do to the others comes in through f.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from ..._boundaries import Faces
from ...operators._stencils import Spacing, prepare
from ...solvers._problem import Problem, make_problem
from ...solvers._stencil import Stencil
from ...solvers.multigrid import Multigrid, make_multigrid

_FEATURES = 5  # four links and the leak


class Correction(eqx.Module):
    """One step on one grid."""

    spread: Float[Array, "c 9"]
    collect: Float[Array, "9 c"]
    gate_in: Float[Array, "c 5"]
    gate_offset: Float[Array, " c"]
    gate_out: Float[Array, "c c"]
    weight: Float[Array, ""]

    def __init__(self, channels: int, *, key: PRNGKeyArray):
        c = channels
        k1, k2, k3, k4 = jax.random.split(key, 4)
        self.spread = jax.random.normal(k1, (c, 9)) / 3
        self.collect = 0.1 * jax.random.normal(k2, (9, c)) / c**0.5
        self.gate_in = jax.random.normal(k3, (c, _FEATURES)) / _FEATURES**0.5
        self.gate_offset = jnp.zeros(c)
        self.gate_out = 0.1 * jax.random.normal(k4, (c, c)) / c**0.5
        self.weight = jnp.array(0.6)

    def gate(self, features: Float[Array, "5 nx ny"]) -> Float[Array, "c nx ny"]:
        """What each channel counts at each node."""
        inner = jnp.einsum("cf,fxy->cxy", self.gate_in, features)
        inner = jnp.tanh(inner + self.gate_offset[:, None, None])
        return 1 + jnp.einsum("oc,cxy->oxy", self.gate_out, inner)

    def __call__(
        self, z: Float[Array, "nx ny"], gate: Float[Array, "c nx ny"]
    ) -> Float[Array, "nx ny"]:
        # As products of matrices: XLA's convolutions are slow inside loops, and on a
        # CPU they can wait for each other for ever.
        channels = gate * jnp.einsum("ck,kxy->cxy", self.spread, _neighbourhood(z))
        parts = jnp.einsum("kc,cxy->kxy", self.collect, channels)
        return self.weight * z + _gathered(parts)


def _neighbourhood(x: Float[Array, "nx ny"]) -> Float[Array, "9 nx ny"]:
    """A node and its eight neighbours, zero beyond the grid."""
    nx, ny = x.shape
    wide = jnp.pad(x, 1)
    shift = lambda i, j: lax.slice(wide, (i, j), (i + nx, j + ny))
    return jnp.stack([shift(i, j) for i in range(3) for j in range(3)])


def _gathered(parts: Float[Array, "9 nx ny"]) -> Float[Array, "nx ny"]:
    """The transpose of `_neighbourhood`."""
    _, nx, ny = parts.shape
    wide = jnp.zeros((nx + 2, ny + 2), parts.dtype)
    for k in range(9):
        i, j = divmod(k, 3)
        wide = wide + jnp.pad(parts[k], ((i, 2 - i), (j, 2 - j)))
    return wide[1:-1, 1:-1]


class MultilevelNet(eqx.Module):
    """The weights: corrections before and after the coarser grid.

    Every array has the axes (cycle, grid) before its own: one cycle is compiled, and
    scanned.

    `net.on(shape, spacing, bc, ...)` is a `PoissonSolver` for a grid.

    Example:
        >>> from physjax import Dirichlet, Neumann
        >>> net = MultilevelNet(2, 1, 2, key=jax.random.key(0))
        >>> held, wall = Dirichlet(1.0, wall="node"), Neumann(wall="node")
        >>> solver = net.on((9, 7), (1.0, 1.0), [(held, held), (wall, wall)])
        >>> solver(jnp.zeros((9, 7))).shape
        (9, 7)
    """

    before: Correction
    after: Correction
    depth: int = eqx.field(static=True)

    def __init__(self, channels: int, cycles: int, depth: int, *, key: PRNGKeyArray):
        make = jax.vmap(jax.vmap(lambda k: Correction(channels, key=k)))
        self.before, self.after = (
            make(keys) for keys in jax.random.split(key, (2, cycles, depth))
        )
        self.depth = depth

    def on(
        self,
        shape: tuple[int, int],
        spacing: Spacing,
        bc: Faces,
        *,
        permittivity: ArrayLike | None = None,
        electrodes: ArrayLike | None = None,
        dtype: Any = jnp.float32,
    ) -> "LearnedSolver":
        """The network on a grid; arguments as those of `MultigridSolver`."""
        like = jnp.zeros(shape, dtype)
        field, axes = prepare(like, spacing, bc, "shape")
        problem = make_problem(field, axes, permittivity, electrodes)
        grids = make_multigrid(
            problem.inner, axes, field.shape, singular=problem.singular
        )
        net = jax.tree.map(lambda x: x.astype(field.dtype), self)
        return LearnedSolver(net, problem, grids)


class LearnedSolver(eqx.Module):
    """A `MultilevelNet` on a grid: a `PoissonSolver`, linear in charge and voltages.

    Attributes:
        net: The weights.
        problem: The equation.
        grids: The finest grid and those below it, of which the coarsest, of less than
            50 nodes, is solved exactly.
    """

    net: MultilevelNet
    problem: Problem
    grids: Multigrid

    def __call__(
        self,
        rho: Float[Array, "*batch nx ny"],
        voltages: Float[Array, "*batch contacts"] | None = None,
        guess: Float[Array, "*batch nx ny"] | None = None,
    ) -> Float[Array, "*batch nx ny"]:
        """Potential of all nodes; a guess is not used."""
        del guess
        problem = self.problem.lifted(rho.ndim)
        source, held = problem.source(rho.astype(problem.cells.dtype), voltages)
        answer = self.answer
        for _ in range(rho.ndim - 2):
            answer = jax.vmap(answer)
        phi = answer(source)
        if problem.free is None or held is None:
            return phi
        return problem.free * phi + held

    def answer(self, source: Float[Array, "nx ny"]) -> Float[Array, "nx ny"]:
        """Potential of the free nodes for a source, as the stencil counts them."""
        levels = [
            (level, *_features(level.stencil, level.inverse))
            for level in self.grids.levels
        ]

        def cycle(phi, corrections):
            return self._cycle(corrections, source, phi, levels, 0), None

        start = jnp.zeros_like(source)
        return lax.scan(cycle, start, (self.net.before, self.net.after))[0]

    def _cycle(self, corrections, f, phi, levels, depth):
        if depth == len(levels):
            return (self.grids.coarsest @ f.reshape(-1)).reshape(f.shape)
        level, features, free = levels[depth]
        stencil = level.stencil
        # Grids coarser than there are weights for use those of the coarsest.
        k = min(depth, self.net.depth - 1)
        before, after = jax.tree.map(lambda x: x[k], corrections)

        def correct(step, phi):
            z = level.inverse * (f - stencil(phi))
            return phi + free * step(z, step.gate(features))

        phi = correct(before, phi)
        r = f - stencil(phi)
        for transfer in level.transfers:
            r = transfer.restrict(r)
        e = self._cycle(corrections, r, jnp.zeros_like(r), levels, depth + 1)
        for transfer in reversed(level.transfers):
            e = transfer.prolong(e)
        return correct(after, phi + e)


def _features(
    stencil: Stencil, inverse: Float[Array, "nx ny"]
) -> tuple[Float[Array, "5 nx ny"], Float[Array, "nx ny"]]:
    """Links and leak of every node over its diagonal, and 1 where it has any."""
    free = (inverse > 0).astype(inverse.dtype)
    pad = lambda x, a, low: jnp.pad(
        x, [(low, 1 - low) if b == a else (0, 0) for b in range(2)]
    )
    parts = [
        pad(link, a, low) for a, link in enumerate(stencil.links) for low in (0, 1)
    ]
    stacked = jnp.stack([*parts, stencil.leak * jnp.ones_like(free)])
    return free[None] * (stacked * inverse[None] - 0.25), free

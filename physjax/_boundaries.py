"""Boundary conditions: the kind is the type, the values are leaves.

One `(low, high)` pair per axis. Unknowns sit at cell centres, so the wall lies half a
spacing beyond the last cell. `ghost` gives the value one cell beyond the wall that
fulfils the condition to second order; `extend` continues a coefficient.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact


class AbstractBoundary(eqx.Module):
    """A condition on one face."""

    @abc.abstractmethod
    def ghost(
        self,
        inner: Inexact[Array, "..."],
        far: Inexact[Array, "..."],
        spacing: float | Inexact[Array, ""],
    ) -> Inexact[Array, "..."]:
        """Field one cell beyond the wall.

        Args:
            inner: Field in the cell at this wall.
            far: Field in the cell at the opposite wall.
            spacing: Distance of cell centres.
        """

    def extend(
        self, inner: Inexact[Array, "..."], far: Inexact[Array, "..."]
    ) -> Inexact[Array, "..."]:
        """Coefficient one cell beyond the wall."""
        del far
        return inner


class Periodic(AbstractBoundary):
    """The opposite wall is the same place. Both faces of an axis must be periodic.

    Example:
        >>> Periodic().ghost(jnp.array([1.0]), jnp.array([3.0]), 0.1).tolist()
        [3.0]
    """

    def ghost(self, inner, far, spacing):
        del inner, spacing
        return far

    def extend(self, inner, far):
        del inner
        return far


class Dirichlet(AbstractBoundary):
    """The field at the wall is `value`.

    Example:
        >>> Dirichlet(2.0).ghost(jnp.array([1.0]), jnp.array([0.0]), 0.1).tolist()
        [3.0]
    """

    value: float | Inexact[Array, "..."] = 0.0

    def ghost(self, inner, far, spacing):
        del far, spacing
        return 2 * _as(self.value, inner) - inner


class Neumann(AbstractBoundary):
    """The derivative along the outward normal is `slope`.

    Example:
        >>> Neumann(2.0).ghost(jnp.array([1.0]), jnp.array([0.0]), 0.5).tolist()
        [2.0]
    """

    slope: float | Inexact[Array, "..."] = 0.0

    def ghost(self, inner, far, spacing):
        del far
        return inner + _as(self.slope, inner) * _as(spacing, inner)


class Robin(AbstractBoundary):
    r"""$\alpha u + \beta\,\partial u/\partial n = \gamma$ at the wall.

    Example:
        >>> Robin(1.0, 0.0, 2.0).ghost(jnp.array([1.0]), jnp.array([0.0]), 0.1).tolist()
        [3.0]
    """

    alpha: float | Inexact[Array, "..."]
    beta: float | Inexact[Array, "..."]
    gamma: float | Inexact[Array, "..."] = 0.0

    def ghost(self, inner, far, spacing):
        del far
        alpha, beta, gamma = (
            _as(x, inner) for x in (self.alpha, self.beta, self.gamma)
        )
        h = _as(spacing, inner)
        # Mean and difference across the wall, multiplied by 2 h.
        return (2 * h * gamma - (alpha * h - 2 * beta) * inner) / (alpha * h + 2 * beta)


def _as(x, like: Array) -> Array:
    return jnp.asarray(x).astype(like.dtype)

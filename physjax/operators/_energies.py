r"""Energy of a state, and how far it is from a level.

One product with the Hamiltonian gives the energy, its gradient and the residual:
$E = \langle\psi|H\psi\rangle / \langle\psi|\psi\rangle$,
$\nabla E = 2 (H\psi - E\psi) / \langle\psi|\psi\rangle$ and
$r = \lVert H\psi - E\psi\rVert / \lVert\psi\rVert$.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Inexact

from .._numerics import safe_sqrt


@runtime_checkable
class Hamiltonian(Protocol):
    """A real symmetric or Hermitian operator on states of a shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a state."""
        ...

    def apply(self, psi: Inexact[Array, "..."]) -> Inexact[Array, "..."]:
        """The operator times a state, or a batch of states."""
        ...


class EnergyBounds(NamedTuple):
    """Two numbers that enclose the lowest level.

    Attributes:
        lower: Below it.
        upper: Above it: the energy of the state.
        rigorous: Whether `lower` is proven; `upper` always is.
    """

    lower: Float[Array, "..."]
    upper: Float[Array, "..."]
    rigorous: Bool[Array, "..."]


def energy(hamiltonian: Hamiltonian, psi: Inexact[Array, "..."]) -> Float[Array, "..."]:
    r"""$\langle\psi|H|\psi\rangle / \langle\psi|\psi\rangle$.

    The state need not be normalised. Derivatives reuse the product of the value: with
    respect to the state
    $2 (H\psi - E\psi) / \langle\psi|\psi\rangle$, with respect to the couplings
    $\langle\psi|\partial H|\psi\rangle / \langle\psi|\psi\rangle$ (Hellmann, Feynman).

    Args:
        hamiltonian: `PauliSum`, or what has `shape` and `apply`.
        psi: State, or batch of states.

    Returns:
        Energy of every state.

    Raises:
        ValueError: If the state does not have the shape of the Hamiltonian.

    Example:
        >>> from physjax.operators.hamiltonians import pauli_sum
        >>> z = pauli_sum(1, [("Z", (0,), 1.0)])
        >>> float(energy(z, jnp.array([1.0, 1.0])))
        0.0
    """
    return energy_and_residual(hamiltonian, psi)[0]


def residual_norm(
    hamiltonian: Hamiltonian, psi: Inexact[Array, "..."]
) -> Float[Array, "..."]:
    r"""$\lVert H\psi - E\psi\rVert / \lVert\psi\rVert$.

    Some level lies within this distance of the energy (Weinstein). Which one it does
    not say: of every excited eigenstate the residual is 0.

    Args:
        hamiltonian: As in `energy`.
        psi: State, or batch of states.

    Raises:
        ValueError: If the state does not have the shape of the Hamiltonian.

    Example:
        >>> from physjax.operators.hamiltonians import pauli_sum
        >>> z = pauli_sum(1, [("Z", (0,), 1.0)])
        >>> float(residual_norm(z, jnp.array([1.0, 1.0])))
        1.0
    """
    return energy_and_residual(hamiltonian, psi)[1]


def energy_and_residual(
    hamiltonian: Hamiltonian, psi: Inexact[Array, "..."]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """`energy` and `residual_norm` by one product with the Hamiltonian.

    Args:
        hamiltonian: As in `energy`.
        psi: State, or batch of states.

    Returns:
        `(energy, residual)`; the derivative of the residual is 0 where that vanishes.

    Raises:
        ValueError: If the state does not have the shape of the Hamiltonian.

    Example:
        >>> from physjax.operators.hamiltonians import pauli_sum
        >>> z = pauli_sum(1, [("Z", (0,), 1.0)])
        >>> [float(x) for x in energy_and_residual(z, jnp.array([2.0, 0.0]))]
        [1.0, 0.0]
    """
    value, image = _energy(hamiltonian, psi)
    axes = _axes(hamiltonian, psi)
    rest = image - jnp.expand_dims(value, axes).astype(image.dtype) * psi.astype(
        image.dtype
    )
    square = jnp.sum(_square(rest), axes) / jnp.sum(_square(psi), axes)
    return value, safe_sqrt(square)


@eqx.filter_custom_jvp
def _energy(
    hamiltonian: Hamiltonian, psi: Inexact[Array, "..."]
) -> tuple[Float[Array, "..."], Inexact[Array, "..."]]:
    """Energy, and the product with the Hamiltonian."""
    axes = _axes(hamiltonian, psi)
    image = hamiltonian.apply(psi)
    product = jnp.sum(jnp.real(jnp.conj(psi).astype(image.dtype) * image), axes)
    return product / jnp.sum(_square(psi), axes), image


@_energy.def_jvp
def _energy_jvp(primals, tangents):
    hamiltonian, psi = primals
    moved, turned = tangents
    value, image = _energy(hamiltonian, psi)
    axes = _axes(hamiltonian, psi)
    norm = jnp.sum(_square(psi), axes)
    wide = psi.astype(image.dtype)  # complex where the Hamiltonian is
    value_dot, image_dot = jnp.zeros_like(value), jnp.zeros_like(image)
    if turned is not None:
        rest = image - jnp.expand_dims(value, axes).astype(image.dtype) * wide
        along = jnp.conj(rest) * turned.astype(image.dtype)
        overlap = jnp.sum(jnp.real(along), axes)
        value_dot = value_dot + 2 * overlap / norm
        image_dot = image_dot + hamiltonian.apply(turned)
    change = moved_product(hamiltonian, moved, psi)
    if change is not None:
        product = jnp.sum(jnp.real(jnp.conj(wide) * change), axes)
        value_dot = value_dot + product / norm
        image_dot = image_dot + change
    return (value, image), (value_dot, image_dot)


def moved_product(
    hamiltonian: Hamiltonian, moved: Any, psi: Inexact[Array, "..."]
) -> Inexact[Array, "..."] | None:
    r"""$dH\,\psi$ of a tangent with None where nothing moves; None if nothing does."""
    if not jax.tree.leaves(moved):
        return None
    there = lambda x: x is not None
    given = jax.tree.map(there, moved, is_leaf=lambda x: x is None)
    arrays, others = eqx.partition(hamiltonian, given)
    apply = lambda arrays: eqx.combine(arrays, others).apply(psi)
    return jax.jvp(apply, (arrays,), (moved,))[1]


def energy_bounds(
    hamiltonian: Hamiltonian,
    psi: Inexact[Array, "..."],
    *,
    next_level: Float[ArrayLike, "..."] | float | None = None,
    proven: bool = True,
    floor: Float[ArrayLike, "..."] | float | None = None,
) -> EnergyBounds:
    r"""Bounds on the lowest level $E_0$ in the symmetry sector of a state.

    Above it lies the energy E of the state (Rayleigh, Ritz). Below it, where the next
    level $E_1$ of the sector is known to lie above some $\mu > E$, Temple's

    $$E_0 \ge E - \frac{r^2}{\mu - E},$$

    and everywhere $-\sum_k |c_k|$, the lowest potential of a grid, or a `floor` of
    yours, as Anderson's sum over clusters. The residual alone proves nothing: it
    vanishes on excited states too. Both bounds are widened by what rounding can do. On
    a grid they hold for the discrete operator, whose levels may lie below those of the
    continuum.

    Args:
        hamiltonian: As in `energy`, and with `bound`, unless `floor` is given.
        psi: State, or batch of states. What the sector is, only the caller knows.
        next_level: $\mu$, at most $E_1$. Without it only the floor is left.
        proven: Whether $\mu \le E_1$ is proven. If it is an estimate, so is `lower`.
        floor: Number below all levels.

    Returns:
        `EnergyBounds`, one of each per state.

    Raises:
        ValueError: If the state does not have the shape of the Hamiltonian, or there is
            neither a floor nor a way to get one.

    Example:
        >>> from physjax.operators.hamiltonians import pauli_sum
        >>> z = pauli_sum(1, [("Z", (0,), 1.0)])
        >>> bounds = energy_bounds(z, jnp.array([0.1, 1.0]), next_level=1.0)
        >>> bool(bounds.lower <= -1.0), bool(bounds.upper >= -1.0)
        (True, True)
    """
    value, residual = energy_and_residual(hamiltonian, psi)
    own = getattr(hamiltonian, "bound", None)
    if own is None and floor is None:
        raise ValueError("`floor` is needed: the Hamiltonian has no bound of its own.")
    size = jnp.abs(jnp.asarray(floor if own is None else own())).astype(value.dtype)
    if floor is None:
        lowest = getattr(hamiltonian, "floor", None)
        floor = -size if lowest is None else lowest()
    known = jnp.asarray(floor).astype(value.dtype)
    lower = jnp.broadcast_to(known, value.shape)
    rigorous = jnp.ones(value.shape, bool)
    rounding = _ROUNDINGS * jnp.finfo(value.dtype).eps * size
    if next_level is not None:
        room = jnp.asarray(next_level).astype(value.dtype) - value
        # Where the energy is not below the next level, Temple says nothing.
        safe = jnp.where(room > rounding, room, 1)
        wide = residual + rounding
        temple = value - wide**2 / safe
        better = (room > rounding) & (temple > lower)
        lower = jnp.where(better, temple, lower)
        if not proven:
            rigorous = ~better
    return EnergyBounds(lower - rounding, value + rounding, rigorous)


_ROUNDINGS = 16
"""Units of rounding of the largest level that sums over a state may be off by."""


def _axes(hamiltonian: Hamiltonian, psi: Any) -> tuple[int, ...]:
    """Axes of the state, the last ones."""
    shape = hamiltonian.shape
    if psi.shape[psi.ndim - len(shape) :] != shape:
        raise ValueError(
            f"`psi` must have shape (*batch, {', '.join(map(str, shape))}); got "
            f"{psi.shape}."
        )
    return tuple(range(-len(shape), 0))


def _square(x: Array) -> Array:
    return jnp.real(x) ** 2 + jnp.imag(x) ** 2 if jnp.iscomplexobj(x) else x**2

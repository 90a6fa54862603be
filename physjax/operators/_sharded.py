"""Sums of Pauli strings on states that lie on several devices.

Device k of 2^d holds the amplitudes whose top d bits are k. A string acts on the bits
below within the device; where it flips top bits, the device reads the block of its
partner, whose number differs in those bits.
"""

from collections import defaultdict
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType, Mesh, PartitionSpec
from jaxtyping import Array, Bool, Float, Inexact, Int, PRNGKeyArray

from .._numerics import complex_dtype
from ._pauli_sums import PauliSum
from ._paulis import PauliString


class ShardedPauliSum(eqx.Module):
    """A `PauliSum` whose states are spread over an axis of a mesh.

    It stands wherever the sum does: `energy`, `ground_state` and `lowest_states` then
    run on all devices, and no device ever holds a whole state.

    Attributes:
        full: The sum.
        mesh: Of devices.
        axis: Name of the axis of the mesh, an automatic one of 2^d devices with d < n.

    Raises:
        ValueError: If the mesh has no such axis, or its size or type does not fit.

    Example:
        >>> import jax
        >>> from jax.sharding import AxisType
        >>> from physjax.operators.hamiltonians import transverse_field_ising
        >>> mesh = jax.make_mesh((1,), ("states",), axis_types=(AxisType.Auto,))
        >>> h = ShardedPauliSum(transverse_field_ising(3), mesh, "states")
        >>> float(h.apply(jnp.ones(8))[0])
        -6.0
    """

    full: PauliSum
    mesh: Mesh = eqx.field(static=True)
    axis: str = eqx.field(static=True)

    def __check_init__(self):
        _top_bits(self.full, self.mesh, self.axis)
        kind = dict(zip(self.mesh.axis_names, self.mesh.axis_types, strict=True))
        if kind[self.axis] != AxisType.Auto:
            raise ValueError(
                f"`axis` {self.axis!r} is {kind[self.axis]}; expected AxisType.Auto: "
                "solvers leave it to the compiler how sums are spread."
            )

    @property
    def coefficients(self) -> Float[Array, " strings"]:
        """Those of the sum."""
        return self.full.coefficients

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a whole state."""
        return self.full.shape

    @property
    def is_real(self) -> bool:
        """As for the sum."""
        return self.full.is_real

    def is_stoquastic(self) -> Bool[Array, ""]:
        """As for the sum."""
        return self.full.is_stoquastic()

    def bound(self) -> Float[Array, ""]:
        """As for the sum."""
        return self.full.bound()

    def apply(
        self, psi: Inexact[Array, "*batch states"]
    ) -> Inexact[Array, "*batch states"]:
        """As for the sum, by `sharded_apply`."""
        return sharded_apply(self.full, psi, self.mesh, self.axis)

    def start(self, key: PRNGKeyArray) -> Inexact[Array, " states"]:
        """Uniform where no off-diagonal element is positive, else random; spread."""
        low = self.full.num_sites - _top_bits(self.full, self.mesh, self.axis)
        dtype = self.coefficients.dtype

        def own(key, uniform):
            key = jax.random.fold_in(key, lax.axis_index(self.axis))
            random = jax.random.normal(key, (2**low,), dtype)
            if not self.is_real:
                return random.astype(complex_dtype(dtype))
            return jnp.where(uniform, jnp.ones_like(random), random)

        whole = PartitionSpec()
        return jax.shard_map(
            own,
            mesh=self.mesh,
            in_specs=(whole, whole),
            out_specs=PartitionSpec(self.axis),
        )(key, self.is_stoquastic())


def sharded_apply(
    hamiltonian: PauliSum, psi: Inexact[Array, "*batch states"], mesh: Mesh, axis: str
) -> Inexact[Array, "*batch states"]:
    r"""$H\psi$ of states spread over 2^d devices by their top d bits.

    Each set of top bits that some string flips costs one exchange of blocks between
    partners, all else stays within the device.

    Args:
        hamiltonian: The sum of Pauli strings.
        psi: States; the last axis is spread over the devices, batch axes are not.
        mesh: Of devices.
        axis: Name of the axis of the mesh.

    Returns:
        As `PauliSum.apply`, spread alike.

    Raises:
        ValueError: If the last axis does not have 2^n amplitudes, the mesh no such
            axis, or that not 2^d devices with d < n.

    Example:
        >>> import jax
        >>> from jax.sharding import AxisType
        >>> from physjax.operators.hamiltonians import transverse_field_ising
        >>> mesh = jax.make_mesh((1,), ("states",), axis_types=(AxisType.Auto,))
        >>> h = transverse_field_ising(2, field=0.5)
        >>> sharded_apply(h, jnp.array([1.0, 0.0, 0.0, 0.0]), mesh, "states").tolist()
        [-1.0, -0.5, -0.5, 0.0]
    """
    n = hamiltonian.num_sites
    if psi.shape[-1:] != hamiltonian.shape:
        raise ValueError(
            f"`psi` must have 2^{n} = {2**n} amplitudes; got shape {psi.shape}."
        )
    top = _top_bits(hamiltonian, mesh, axis)
    if not hamiltonian.is_real:
        psi = psi.astype(complex_dtype(psi.dtype))
    spread = PartitionSpec(*[None] * (psi.ndim - 1), axis)

    def on_device(coefficients, block):
        number = lax.axis_index(axis)
        return _on_device(hamiltonian, coefficients, block, number, top, axis)

    return jax.shard_map(
        on_device, mesh=mesh, in_specs=(PartitionSpec(), spread), out_specs=spread
    )(hamiltonian.coefficients, psi)


def _on_device(
    hamiltonian: PauliSum,
    coefficients: Float[Array, " strings"],
    block: Inexact[Array, "*batch own"],
    number: Int[Array, ""],
    top: int,
    axis: str,
) -> Inexact[Array, "*batch own"]:
    """What one device does: sums of shorter strings, on its own and others' blocks."""
    low = hamiltonian.num_sites - top
    total = jnp.zeros_like(block)
    for flip, members in _by_top_flip(hamiltonian, low).items():
        partners = [(k, k ^ flip) for k in range(2**top)]
        moved = lax.ppermute(block, axis, partners) if flip else block
        for odd in (0, 1):
            chosen = [
                k for k in members if _count_top_y(hamiltonian, k, low) % 2 == odd
            ]
            if not chosen:
                continue
            strings = [hamiltonian.strings[k] for k in chosen]
            weights = _signed(coefficients, hamiltonian, chosen, number, low)
            image = _shorter(weights, strings, moved, low)
            if odd:  # (-i) to an odd power; with the Y below, real again
                image = -1j * image.astype(complex_dtype(image.dtype))
                image = image if jnp.iscomplexobj(total) else jnp.real(image)
            total = total + image
    return total


def _shorter(weights, strings: Sequence[PauliString], moved, low: int):
    """The strings without their top bits, applied to a block."""
    inside = 2**low - 1
    short = tuple(PauliString(s.flip & inside, s.phase & inside) for s in strings)
    if not any(flip or phase for flip, phase in short):
        return jnp.sum(weights).astype(moved.dtype) * moved
    return PauliSum(weights, short, low).apply(moved)


def _signed(coefficients, hamiltonian: PauliSum, chosen: list[int], number, low: int):
    r"""Coefficients times $(-1)^{|k \& z|}$ and $(-i)^{|f \& z|}$ of the top bits, or
    that over -i if imaginary."""
    phases = np.array([hamiltonian.strings[k].phase >> low for k in chosen], np.int32)
    odd = lax.population_count(number & jnp.asarray(phases)) & 1
    y = [_count_top_y(hamiltonian, k, low) for k in chosen]
    turns = np.array([(1, 1, -1, -1)[count % 4] for count in y])
    factors = (1 - 2 * odd) * jnp.asarray(turns, jnp.int32)
    return coefficients[np.array(chosen)] * factors.astype(coefficients.dtype)


def _by_top_flip(hamiltonian: PauliSum, low: int) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = defaultdict(list)
    for k, string in enumerate(hamiltonian.strings):
        groups[string.flip >> low].append(k)
    return groups


def _count_top_y(hamiltonian: PauliSum, k: int, low: int) -> int:
    flip, phase = hamiltonian.strings[k]
    return ((flip & phase) >> low).bit_count()


def _top_bits(hamiltonian: PauliSum, mesh: Mesh, axis: str) -> int:
    if axis not in mesh.shape:
        raise ValueError(
            f"`axis` must be one of the mesh's, {tuple(mesh.shape)}; got {axis!r}."
        )
    count = mesh.shape[axis]
    top = count.bit_length() - 1
    if count != 2**top or top >= hamiltonian.num_sites:
        raise ValueError(
            f"`axis` {axis!r} has {count} devices; expected a power of two below "
            f"2^{hamiltonian.num_sites}."
        )
    return top

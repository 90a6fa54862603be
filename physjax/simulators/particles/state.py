"""The device that particles move in, and the particles: fixed-capacity arrays.

Units: cm, V, s, C. Axis 0 of a species array is (electrons, holes). The device is a
rectangle with a contact on either end of x and walls along y; its nodes lie on both.
A particle stands for `weight` carriers per cm of depth.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from .grid import node_volumes
from .random import random_words, two_uniforms, uniform

SIGNS = (-1.0, 1.0)
"""Charge of electrons and of holes, in elementary charges."""
CONTACT_LANE, START_LANE = 1 << 20, 1 << 21
"""Counters from which contacts and the start draw; transport models draw from 0 on."""


class ParticleDevice(eqx.Module):
    """Rectangle of semiconductor between two ohmic contacts.

    Attributes:
        shape: Nodes `(nx, ny)`, both ends of both axes included.
        spacing: Distance of nodes along each axis, cm.
        doping: Donors minus acceptors on the nodes, cm^-3; `(nx,)` or `(nx, ny)`.
        weight: Carriers per cm of depth that one particle stands for.
        intrinsic: Intrinsic density n_i, cm^-3.
        thermal_voltage: kT/q, V.

    Raises:
        ValueError: If there are less than two nodes along an axis, or `doping` does not
            fit them.

    Example:
        >>> from physjax.simulators.particles import pn_device
        >>> device = pn_device()
        >>> [f"{volts:.3f}" for volts in device.contact_potentials(0.3)]
        ['-0.117', '0.417']
    """

    shape: tuple[int, int] = eqx.field(static=True)
    spacing: tuple[float, float] = eqx.field(static=True)
    doping: Float[Array, "nx ny"]
    weight: float | Float[Array, ""]
    intrinsic: float | Float[Array, ""]
    thermal_voltage: float | Float[Array, ""]

    def __init__(
        self,
        shape: tuple[int, int],
        spacing: tuple[float, float],
        doping: Any,
        *,
        weight: float | Float[Array, ""],
        intrinsic: float | Float[Array, ""],
        thermal_voltage: float | Float[Array, ""] = 0.025852,
    ):
        self.shape = (int(shape[0]), int(shape[1]))
        self.spacing = (float(spacing[0]), float(spacing[1]))
        if min(self.shape) < 2:
            raise ValueError(
                f"`shape` is {shape}; expected at least two nodes per axis."
            )
        doping = jnp.asarray(doping)
        if doping.ndim == 1:
            doping = doping[:, None]
        if doping.shape not in (self.shape, (self.shape[0], 1)):
            raise ValueError(
                f"`doping` has shape {doping.shape}; expected {self.shape} or "
                f"{self.shape[:1]}."
            )
        self.doping = jnp.broadcast_to(doping, self.shape)
        self.weight = weight
        self.intrinsic = intrinsic
        self.thermal_voltage = thermal_voltage

    @property
    def length(self) -> float:
        """Distance of the contacts, cm."""
        return (self.shape[0] - 1) * self.spacing[0]

    @property
    def height(self) -> float:
        """Distance of the walls, cm."""
        return (self.shape[1] - 1) * self.spacing[1]

    @property
    def volumes(self) -> Float[Array, "nx ny"]:
        """Area that each node owns, cm^2."""
        return node_volumes(self.shape, self.spacing)

    def contact_densities(self) -> Float[Array, "2 2"]:
        """Majority density, cm^-3, of each species (rows) at each contact (columns)."""
        ends = jnp.mean(self.doping[jnp.array([0, -1])], axis=1)
        return jnp.stack([jnp.maximum(ends, 0), jnp.maximum(-ends, 0)])

    def contact_potentials(
        self, bias: float | Float[Array, "..."]
    ) -> Float[Array, "... 2"]:
        r"""Potentials of the two contacts for a bias on the first, V.

        $V + V_t \operatorname{asinh}(N / 2 n_i)$ at the first, without $V$ at the
        second.
        """
        ends = jnp.mean(self.doping[jnp.array([0, -1])], axis=1)
        built_in = self.thermal_voltage * jnp.arcsinh(ends / (2 * self.intrinsic))
        bias = jnp.asarray(bias, built_in.dtype)[..., None]
        first = jnp.array([1.0, 0.0], built_in.dtype)
        at_rest = built_in.reshape((1,) * (bias.ndim - 1) + (2,))
        return at_rest + bias * first.reshape(at_rest.shape)


class Particles(eqx.Module):
    """Electrons and holes in fixed-capacity arrays.

    Attributes:
        x: Positions along the axis of the contacts, cm.
        y: Positions along the contacts, cm.
        alive: Whether a slot holds a particle.
        motion: What the transport model keeps of each particle (nothing, a velocity, a
            wave vector and a valley).
        time: Steps made so far; it selects the random numbers of the next one.
        overflow: Whether particles were lost because there were not enough slots. The
            run is then wrong; `check` raises.
    """

    x: Float[Array, "2 slots"]
    y: Float[Array, "2 slots"]
    alive: Bool[Array, "2 slots"]
    motion: Any
    time: Int[Array, ""]
    overflow: Bool[Array, ""]

    @property
    def count(self) -> Int[Array, "*batch 2"]:
        """Number of electrons and of holes."""
        return jnp.sum(self.alive, axis=-1, dtype=jnp.int32)


def scatter_carriers(
    key: PRNGKeyArray,
    device: ParticleDevice,
    density: Float[Array, "2 nx ny"],
    slots: int,
    dtype: Any = jnp.float32,
) -> Particles:
    """Particles, without motion yet, whose density is the given one.

    Cells are chosen by stratified sampling of the sum over cells, so the number of
    particles left of any cell is right to one. Positions within a cell are uniform.

    Args:
        key: Random key.
        device: The device.
        density: Of electrons and holes on the nodes, cm^-3.
        slots: Capacity per species; `overflow` is set if it is too small.
        dtype: Type of the positions.
    """
    nx, ny = device.shape
    corners = (density[:, :-1] + density[:, 1:]) / 4
    cells = corners[..., :-1] + corners[..., 1:]
    area = device.spacing[0] * device.spacing[1]
    amounts = cells.reshape(2, -1) * area / jnp.asarray(device.weight, cells.dtype)
    sums = jnp.cumsum(amounts, axis=-1)
    total = jnp.round(sums[:, -1])
    words = random_words(key, 2, (2, slots), START_LANE)
    fx, fy = two_uniforms(words[0], dtype)
    rank = jnp.arange(slots, dtype=sums.dtype)[None, :]
    level = (rank + uniform(words[1], sums.dtype)) * (sums[:, -1] / total)[:, None]
    cell = jax.vmap(lambda s, v: jnp.searchsorted(s, v, side="right"))(sums, level)
    cell = jnp.minimum(cell, (nx - 1) * (ny - 1) - 1)
    i, j = cell // (ny - 1), cell % (ny - 1)
    return Particles(
        x=(i.astype(dtype) + fx) * device.spacing[0],
        y=(j.astype(dtype) + fy) * device.spacing[1],
        alive=rank < total[:, None],
        motion=(),
        time=jnp.int32(0),
        overflow=jnp.any(total > slots),
    )

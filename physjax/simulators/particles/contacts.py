"""What happens at the ends of the device.

`GhostSlab`: an ideal reservoir in equilibrium behind each contact. `Closed`: walls. The
scheme of the published code is in `refill`.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from .random import random_words, two_uniforms
from .state import CONTACT_LANE, ParticleDevice, Particles


class Placed(NamedTuple):
    """Particles at the beginning of a step, those of the reservoirs among them."""

    x: Float[Array, "2 slots"]
    y: Float[Array, "2 slots"]
    fresh: Bool[Array, "2 slots"]
    overflow: Bool[Array, ""]


class Settled(NamedTuple):
    """Particles at the end of a step, and what passed the contacts.

    Attributes:
        moved: Sum of the displacements within the device, cm, per species: those of
            particles that came or went are counted from or to the contact.
        entered: Particles that came minus those that went, per species (rows) and
            contact (columns).
        overflow: Whether there were too few slots.
    """

    x: Float[Array, "2 slots"]
    y: Float[Array, "2 slots"]
    motion: Any
    alive: Bool[Array, "2 slots"]
    moved: Float[Array, "2"]
    entered: Int[Array, "2 2"]
    overflow: Bool[Array, ""]


class GhostSlab(eqx.Module):
    r"""Equilibrium reservoir behind each contact, made anew in every step.

    All empty slots become particles of the reservoirs: uniform in a slab whose depth
    $W$ is such that its density is the majority density $N$ of the contact,
    $W = n\,w / (N h)$ for $n$ empty slots of weight $w$ and the height $h$. They take
    the step that all particles take, in the field of the contact; who ends inside has
    been injected, who ends outside is deleted. There is no feedback and nothing to
    sort. $W$ must be at least what a particle can go in one step, or injection falls
    short: then `overflow` is set.

    Where both contacts supply a species, the empty slots are shared out in proportion.
    A transport model whose paths end where they touch a contact is supplied for it.
    """

    absorbing: ClassVar[bool] = True

    def place(
        self,
        key: PRNGKeyArray,
        device: ParticleDevice,
        transport: Any,
        particles: Particles,
        dt: Float[Array, ""],
    ) -> Placed:
        """Puts every empty slot into the slab."""
        x, alive = particles.x, particles.alive
        dtype = x.dtype
        density = device.contact_densities().astype(dtype)
        total = jnp.sum(density, axis=-1)
        supplied = total > 0
        safe = jnp.where(supplied, total, 1)
        left = (density[:, 0] / safe)[:, None]
        empty = (x.shape[1] - particles.count).astype(dtype)
        weight = jnp.asarray(device.weight, dtype)
        depth = empty * (weight / device.height / transport.supply) / safe
        reach = transport.reach(dt, jnp.asarray(device.thermal_voltage, dtype))
        u, v = two_uniforms(random_words(key, 1, x.shape, CONTACT_LANE)[0], dtype)
        # u in (0, left) goes behind the first contact, the rest behind the second.
        behind_left = -u / jnp.where(left > 0, left, 1)
        behind_right = (u - left) / jnp.where(left < 1, 1 - left, 1)
        slab = jnp.where(
            u < left,
            behind_left * depth[:, None],
            device.length + behind_right * depth[:, None],
        )
        fresh = ~alive & supplied[:, None]
        return Placed(
            jnp.where(fresh, slab, x),
            jnp.where(fresh, v * device.height, particles.y),
            fresh,
            jnp.any(supplied & (depth < reach.astype(dtype))),
        )

    def settle(
        self,
        key: PRNGKeyArray,
        device: ParticleDevice,
        transport: Any,
        before: Placed,
        alive: Bool[Array, "2 slots"],
        step: Float[Array, "xy 2 slots"],
        motion: Any,
    ) -> Settled:
        """Moves all, reflects at the walls, deletes what is outside."""
        del key, transport
        x = before.x + step[0]
        y, motion = reflect_y(before.y + step[1], motion, device.height)
        inside = (x >= 0) & (x <= device.length)
        present = alive | before.fresh
        kept = present & inside
        moved = jnp.clip(x, 0, device.length) - jnp.clip(before.x, 0, device.length)
        entered = [
            count_net(kept & (before.x < 0), alive & (x < 0)),
            count_net(kept & (before.x > device.length), alive & (x > device.length)),
        ]
        return Settled(
            x,
            y,
            motion,
            kept,
            jnp.sum(jnp.where(present, moved, 0), axis=-1),
            jnp.stack(entered, -1),
            jnp.asarray(False),
        )


class NoReservoir(eqx.Module):
    """Ends with nobody behind them at the beginning of a step."""

    absorbing: ClassVar[bool] = False

    def place(
        self,
        key: PRNGKeyArray,
        device: ParticleDevice,
        transport: Any,
        particles: Particles,
        dt: Float[Array, ""],
    ) -> Placed:
        """Leaves all as it is."""
        del key, device, transport, dt
        nothing = jnp.zeros_like(particles.alive)
        return Placed(particles.x, particles.y, nothing, jnp.asarray(False))


class Closed(NoReservoir):
    """Walls at the ends too: nothing comes, nothing goes.

    Here a run is a differentiable function of its parameters, as long as those do not
    decide who scatters.
    """

    def settle(
        self,
        key: PRNGKeyArray,
        device: ParticleDevice,
        transport: Any,
        before: Placed,
        alive: Bool[Array, "2 slots"],
        step: Float[Array, "xy 2 slots"],
        motion: Any,
    ) -> Settled:
        """Moves all, reflects at all four sides."""
        del key, transport
        x, motion = _reflect_x(before.x + step[0], motion, device.length)
        y, motion = reflect_y(before.y + step[1], motion, device.height)
        moved = jnp.sum(jnp.where(alive, x - before.x, 0), axis=-1)
        nobody = jnp.zeros((2, 2), jnp.int32)
        return Settled(x, y, motion, alive, moved, nobody, jnp.asarray(False))


def count_net(
    came: Bool[Array, "2 slots"], went: Bool[Array, "2 slots"]
) -> Int[Array, "2"]:
    """Number of those who came minus those who went, per species."""
    net = came.astype(jnp.int32) - went.astype(jnp.int32)
    return jnp.sum(net, axis=-1, dtype=jnp.int32)


def _reflect(position: Array, size: float) -> tuple[Array, Array]:
    """Mirrored at 0 and `size`, and whether it was."""
    low, high = position < 0, position > size
    position = jnp.abs(position)
    return jnp.where(high, 2 * size - position, position), low | high


def _reflect_x(x: Array, motion: Any, size: float) -> tuple[Array, Any]:
    x, turned = _reflect(x, size)
    return x, _turn(motion, turned, 0)


def reflect_y(
    y: Float[Array, "2 slots"], motion: Any, size: float
) -> tuple[Float[Array, "2 slots"], Any]:
    """Specular reflection at the walls: position, and motion turned."""
    y, turned = _reflect(y, size)
    return y, _turn(motion, turned, 1)


def _turn(motion: Any, turned: Array, axis: int) -> Any:
    """Motion with one component of its first array reversed; () has none."""
    if not motion:
        return motion
    vector, *rest = motion
    parts = [
        jnp.where(turned, -part, part) if k == axis else part
        for k, part in enumerate(vector)
    ]
    return (tuple(parts), *rest)

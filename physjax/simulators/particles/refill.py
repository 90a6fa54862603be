"""Contacts of the published code: half cells that are kept neutral by count."""

import functools as ft
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from .contacts import NoReservoir, Placed, Settled, reflect_y
from .random import random_words, two_uniforms
from .state import CONTACT_LANE, ParticleDevice


class Refill(NoReservoir):
    """Keeps majority minus minority carriers of the contacts' half cells at its start.

    After every step, for every node of a contact: missing majority carriers are put
    into empty slots, uniform in the half cell, thermal with the velocity inward;
    superfluous ones are taken out. Carriers beyond a contact are deleted. For fidelity
    with the published simulation only: births linger near the contact, and the bulk
    floats away from it by about kT/q. `GhostSlab` has no such offset.

    The published code draws the energy from an exponential of 1.5 kT instead, and holds
    three times the doping.

    Attributes:
        window: Largest number of carriers that come, and that stand in the half cells,
            in one step, per species; more set `overflow`.
        enhancement: Factor of the density that is held.

    Example:
        >>> Refill(window=128).enhancement
        1.0
    """

    window: int = eqx.field(static=True, default=512)
    enhancement: float | Float[Array, ""] = 1.0

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
        """Moves all, reflects at the walls, deletes what is outside, refills."""
        x = before.x + step[0]
        y, motion = reflect_y(before.y + step[1], motion, device.height)
        length, dtype = device.length, x.dtype
        inside = alive & (x >= 0) & (x <= length)
        moved = jnp.where(alive, jnp.clip(x, 0, length) - before.x, 0)
        went = [alive & (x < 0), alive & (x > length)]
        x, y = jnp.clip(x, 0, length), jnp.clip(y, 0, device.height)

        cell = _half_cell(x, y, inside, device)
        cells = 2 * device.shape[1]
        counts = jnp.stack([_count(c, cells) for c in cell])
        held = self._held(device).astype(dtype)
        # Majority minus minority; the last column is everywhere else.
        missing = jnp.round(held).astype(jnp.int32) - (counts - counts[::-1])
        missing = jnp.where(held > 0, missing, 0)
        fill = jax.vmap(ft.partial(_fill, window=self.window))
        slot, target, taken, lost = fill(cell, missing, inside)
        born = target < cells
        at = jnp.where(born, target, 0)
        words = random_words(key, 1, slot.shape, CONTACT_LANE)
        u, v = two_uniforms(words[0], dtype)
        x_born, y_born = _place_in(at, u, v, device)
        left = at < device.shape[1]
        came = jnp.where(left, x_born, x_born - length)
        to_side = jnp.where(x < length / 2, -x, length - x)
        moved = moved + jnp.where(taken, to_side, 0)
        moved = jnp.sum(moved, -1) + jnp.sum(jnp.where(born, came, 0), -1)
        out = (x < length / 2, x >= length / 2)
        entered = [
            jnp.sum(born & side, axis=-1, dtype=jnp.int32)
            - jnp.sum(gone | (taken & near), axis=-1, dtype=jnp.int32)
            for side, near, gone in zip((left, ~left), out, went, strict=True)
        ]
        slot = jnp.where(born, slot, x.shape[1])
        put = jax.vmap(lambda a, k, values: a.at[k].set(values, mode="drop"))
        new = transport.rest(key, slot.shape, device.thermal_voltage, dtype)
        motion = jax.tree.map(lambda m, n: put(m, slot, n), motion, _inward(new, left))
        return Settled(
            put(x, slot, x_born),
            put(y, slot, y_born),
            motion,
            put(inside & ~taken, slot, born),
            moved,
            jnp.stack(entered, -1),
            jnp.any(lost),
        )

    def _held(self, device: ParticleDevice) -> Float[Array, "species cells"]:
        """Particles that each half cell holds, in the order of the cells."""
        doping = device.doping[jnp.array([0, -1])]
        area = device.volumes[jnp.array([0, -1])].astype(doping.dtype)
        held = jnp.stack([jnp.maximum(doping, 0), jnp.maximum(-doping, 0)])
        held = held * area[None]
        return (held * (self.enhancement / device.weight)).reshape(2, -1)


def _half_cell(x, y, inside, device) -> Int[Array, "2 slots"]:
    """Number of the half cell: rows of the first contact, then of the second."""
    ny = device.shape[1]
    row = jnp.round(y / device.spacing[1]).astype(jnp.int32)
    near = device.spacing[0] / 2
    cell = jnp.where(x < near, row, 2 * ny)
    cell = jnp.where(x > device.length - near, row + ny, cell)
    return jnp.where(inside, cell, 2 * ny)


def _count(cell, cells) -> Int[Array, " cells"]:
    numbers = jnp.arange(cells, dtype=cell.dtype)
    return jnp.sum(cell[None] == numbers[:, None], axis=-1, dtype=jnp.int32)


def _fill(cell, missing, inside, window):
    """Empty slots, the cell each is filled for (or none), who is taken, what failed."""
    cells, slots = missing.shape[0], cell.shape[0]
    # The first `window` empty slots take the missing carriers, cell by cell.
    (empty,) = jnp.nonzero(~inside, size=window, fill_value=slots)
    upto = jnp.cumsum(jnp.maximum(missing, 0))
    order = jnp.arange(window, dtype=upto.dtype)
    target = jnp.sum(upto[:, None] <= order[None, :], axis=0, dtype=jnp.int32)
    short = upto[-1] > jnp.minimum(window, jnp.sum(~inside, dtype=jnp.int32))
    # Of those in a half cell the first ones go, as many as there are too many.
    standing = cell < cells
    (near,) = jnp.nonzero(standing, size=window, fill_value=slots)
    whose = cell.at[near].get(mode="fill", fill_value=cells)
    same = whose[:, None] == jnp.arange(cells, dtype=cell.dtype)[None, :]
    rank = jnp.cumsum(same.astype(jnp.int32), axis=0)
    superfluous = jnp.any(same & (rank <= -missing[None, :]), axis=1)
    taken = jnp.zeros(slots, bool).at[near].set(superfluous, mode="drop")
    crowded = jnp.sum(standing, dtype=jnp.int32) > window
    return empty, target, taken, short | crowded


def _place_in(cell, u, v, device):
    """Uniform position in a half cell."""
    ny = device.shape[1]
    depth = u * (device.spacing[0] / 2)
    x = jnp.where(cell < ny, depth, device.length - depth)
    row = (cell % ny).astype(u.dtype)
    low = jnp.maximum(row - 0.5, 0)
    high = jnp.minimum(row + 0.5, ny - 1)
    return x, (low + v * (high - low)) * device.spacing[1]


def _inward(motion, left):
    """Thermal motion with the first component away from the contact."""
    if not motion:
        return motion
    first, *others = motion[0]
    inward = jnp.where(left, jnp.abs(first), -jnp.abs(first))
    return ((inward, *others), *motion[1:])

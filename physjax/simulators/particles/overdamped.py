r"""Overdamped carriers: drift and diffusion of single particles.

$$x \leftarrow x + s\mu E\,\Delta t + \sqrt{2 D\,\Delta t}\;\xi, \qquad D = \mu V_t,$$

with the sign $s$ of the charge and standard normal $\xi$: the Euler-Maruyama step of
the Fokker-Planck equation whose densities obey drift-diffusion. Exact for a constant
field, first order in the step otherwise.

At an ohmic contact the density is held, so a path that touches it ends there, also if
both ends of the step lie inside: for a Brownian path from $d_0$ to $d_1$ before the
contact that happens with probability $\exp(-d_0 d_1 / D\,\Delta t)$. The contact
supplies for it twice: $N\operatorname{erfc}(x/\sqrt{4D\,\Delta t})$ is the density of
those who came in one step from a surface held at N. Looking at the end of a step only
would shift the contacts outward by $0.58\sqrt{2D\,\Delta t}$, more for one species than
for the other: some percent of the current.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .random import normal, random_words, spare_uniform
from .state import SIGNS


class Overdamped(eqx.Module):
    """Transport by drift and diffusion; its limit is the drift-diffusion model.

    Attributes:
        mobility: Of electrons and holes, cm^2 / (V s).

    Example:
        >>> model = Overdamped(jnp.array([800.0, 300.0]))
        >>> [f"{1e7 * depth:.1f}" for depth in model.reach(5e-15, 0.025852)]  # nm
        ['22.7', '13.9']
    """

    mobility: Float[Array, "2"]
    supply: ClassVar[float] = 2.0
    """Density of a reservoir behind a contact, in units of that at the contact."""

    def reach(
        self, dt: float | Float[Array, ""], thermal_voltage: float | Float[Array, ""]
    ) -> Float[Array, "2"]:
        """Five standard deviations of a step, cm: the depth that a reservoir needs."""
        mobility = self.mobility.astype(jnp.result_type(thermal_voltage))
        return 5 * jnp.sqrt(2 * mobility * thermal_voltage * dt)

    def rest(
        self,
        key: PRNGKeyArray,
        shape: tuple[int, int],
        thermal_voltage: float | Float[Array, ""],
        dtype: Any,
    ) -> tuple[()]:
        """Motion of particles in equilibrium: they have none."""
        del key, shape, thermal_voltage, dtype
        return ()

    def advance(
        self,
        key: PRNGKeyArray,
        motion: tuple[()],
        fresh: Bool[Array, "2 slots"],
        field: Float[Array, "xy 2 slots"],
        dt: float | Float[Array, ""],
        thermal_voltage: float | Float[Array, ""],
        *,
        present: Bool[Array, "2 slots"] | None = None,
        start: Float[Array, "2 slots"] | None = None,
        ends: float | None = None,
        once: Callable[..., Any] = lambda function, *arguments: function(*arguments),
    ) -> tuple[Float[Array, "xy 2 slots"], tuple[()]]:
        """Displacement of every particle in one step, cm, and its new motion.

        Args:
            key: Random key of the step.
            motion: Nothing.
            fresh: Slots that hold a particle of the reservoir.
            field: At the particles, V/cm.
            dt: Length of the step, s.
            thermal_voltage: kT/q, V.
            present: Not used: an empty slot costs what a particle does.
            start: Positions between the contacts, cm.
            ends: Distance of the contacts, cm, if a path that touches one ends there.
            once: Evaluates a function of arrays in a computation of its own.
        """
        del present
        dtype = field.dtype
        mobility, dt, vt = (
            jnp.asarray(a, dtype) for a in (self.mobility, dt, thermal_voltage)
        )
        variance = (2 * mobility * vt * dt)[:, None]
        spread = jnp.sqrt(variance)
        drift = (jnp.array(SIGNS, dtype) * mobility * dt)[:, None]

        def moves(key, fresh, field, *x):
            words = random_words(key, 2, field.shape[1:])
            noise = [spread * normal(word, dtype) for word in words]
            along, across = (drift * e for e in field)
            if ends is None:
                return jnp.stack([along + noise[0], across + noise[1]])
            chance = spare_uniform(words[0], words[1], dtype)
            # Half of the supply mirrors what the contact takes: it does not drift.
            step = jnp.where(fresh & (chance < 0.5), 0, along) + noise[0]
            step = _stopped(x[0], step, ends, variance, chance, fresh)
            return jnp.stack([step, across + noise[1]])

        positions = () if ends is None else (start,)
        return once(moves, key, fresh, field, *positions), motion


def _stopped(x, step, length, variance, chance, fresh):
    """Steps of which those that touched an end lead just beyond it."""
    after = x + step
    left, right = x * after, (length - x) * (length - after)
    touched = chance < jnp.exp(-2 * jnp.minimum(left, right) / variance)
    beyond = 1e-3 * jnp.sqrt(variance)
    out = jnp.where(left < right, -x - beyond, length - x + beyond)
    return jnp.where(touched & ~fresh, out, step)

r"""Carriers with one relaxation time: free flight, and scattering into a Maxwellian.

A step of length $\Delta t$ is half a kick $v \leftarrow v + s(q/m)E\,\Delta t/2$; with
probability $P = 1/(\tau/\Delta t + 1/2)$ a new velocity from the Maxwellian; half a
kick in the same field; the drift $x \leftarrow x + v\,\Delta t$. In this order, with
this $P$, the mobility $\mu = q\tau/m$ and the diffusion constant
$D = \mu\,kT/q$ of a uniform field are exact at any step. With
$P = 1 - e^{-\Delta t/\tau}$ or the scattering after the drift they are not.

The current of a device is that of drift-diffusion in the limit of short free paths
$\tau\sqrt{kT/m}$ only. In silicon of 0.4 um with $m = 0.26\,m_0$ it is -8 % off at
0.8 V, +6 % at 0.9 V, +15 % at 1.0 V; with a quarter of the mass, half the free path,
-3 % at 0.8 V and +7 % at 1.0 V. Likely reasons, not isolated: minority carriers leave
through a contact at a finite speed and pile up before it (less current); at high
injection those supplied fly a free path into the device unhindered (more).
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..._constants import ELECTRON_MASS, ELEMENTARY_CHARGE
from .random import normal, random_words, spare_uniform
from .state import SIGNS, START_LANE

CHARGE_TO_MASS = ELEMENTARY_CHARGE / ELECTRON_MASS * 1e4
"""q / m_0 in cm^2 / (V s^2)."""


class RelaxationTime(eqx.Module):
    r"""Transport with constant relaxation time $\tau = \mu m / q$.

    Attributes:
        mobility: Of electrons and holes, cm^2 / (V s).
        mass: Effective masses, in electron masses.

    Example:
        >>> silicon = jnp.array([800.0, 300.0]), jnp.array([0.26, 0.26])
        >>> model = RelaxationTime(*silicon)
        >>> [f"{1e15 * time:.1f}" for time in model.time()]  # fs
        ['118.3', '44.3']
    """

    mobility: Float[Array, "2"]
    mass: Float[Array, "2"]
    supply: ClassVar[float] = 1.0
    """Density of a reservoir behind a contact, in units of that at the contact."""

    def time(self) -> Float[Array, "2"]:
        """Relaxation time, s."""
        return self.mobility * self.mass / CHARGE_TO_MASS

    def thermal_velocity(
        self, thermal_voltage: float | Float[Array, ""]
    ) -> Float[Array, "2"]:
        r"""$\sqrt{kT/m}$, cm/s."""
        mass = self.mass.astype(jnp.result_type(thermal_voltage))
        return jnp.sqrt(CHARGE_TO_MASS * thermal_voltage / mass)

    def reach(
        self, dt: float | Float[Array, ""], thermal_voltage: float | Float[Array, ""]
    ) -> Float[Array, "2"]:
        """Way of the fastest particle in a step, six thermal velocities, cm."""
        return 6 * self.thermal_velocity(thermal_voltage) * dt

    def rest(
        self,
        key: PRNGKeyArray,
        shape: tuple[int, int],
        thermal_voltage: float | Float[Array, ""],
        dtype: Any,
    ) -> Any:
        """Maxwellian velocities (vx, vy), cm/s."""
        thermal = self.thermal_velocity(thermal_voltage).astype(dtype)[:, None]
        words = random_words(key, 2, shape, START_LANE + 16)
        vx, vy = (thermal * normal(word, dtype) for word in words)
        return ((vx, vy),)

    def advance(
        self,
        key: PRNGKeyArray,
        motion: Any,
        fresh: Bool[Array, "2 slots"],
        field: Float[Array, "xy 2 slots"],
        dt: float | Float[Array, ""],
        thermal_voltage: float | Float[Array, ""],
        *,
        present: Bool[Array, "2 slots"] | None = None,
        start: Float[Array, "2 slots"] | None = None,
        ends: float | None = None,
        once: Callable[..., Any] = lambda function, *arguments: function(*arguments),
    ) -> tuple[Float[Array, "xy 2 slots"], Any]:
        """Displacement of every particle in one step, cm, and its new velocity.

        Particles of the reservoir come with the drifted Maxwellian of the field they
        are in.

        Args:
            key: Random key of the step.
            motion: Velocities `((vx, vy),)`.
            fresh: Slots that hold a particle of the reservoir.
            field: At the particles, V/cm.
            dt: Length of the step, s.
            thermal_voltage: kT/q, V.
            present: Not used: an empty slot costs what a particle does.
            start: Not used.
            ends: Not used: a flight that touches a contact ends beyond it.
            once: Evaluates a function of arrays in a computation of its own.
        """
        del present, start, ends
        dtype = field.dtype
        cast = lambda a: jnp.asarray(a, dtype)
        mobility, dt = cast(self.mobility), cast(dt)
        signs = jnp.array(SIGNS, dtype)
        rate = CHARGE_TO_MASS / cast(self.mass)
        half_kick = (signs * rate * dt / 2)[:, None]
        # Mean velocity right before the second half kick, in a uniform field.
        drift = (signs * mobility)[:, None] - half_kick
        probability = (dt / (mobility / rate + dt / 2))[:, None]
        thermal = cast(self.thermal_velocity(thermal_voltage))[:, None]

        def kicked(key, motion, fresh, field):
            words = random_words(key, 2, field.shape[1:])
            scattered = spare_uniform(words[0], words[1], dtype) < probability
            velocity = []
            for v, e, word in zip(motion[0], field, words, strict=True):
                random = thermal * normal(word, dtype)
                v = jnp.where(scattered, random, v + half_kick * e)
                v = jnp.where(fresh, random + drift * e, v)
                velocity.append(v + half_kick * e)
            return tuple(velocity)

        velocity = once(kicked, key, motion, fresh, field)
        return jnp.stack(velocity) * dt, (velocity,)

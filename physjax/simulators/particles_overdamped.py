r"""Overdamped carriers: drift and diffusion of single particles.

$$x \leftarrow x + s\mu E\,\Delta t + \sqrt{2 D\,\Delta t}\;\xi, \qquad D = \mu V_t,$$

with the sign $s$ of the charge and standard normal $\xi$: the Euler-Maruyama step of
the Fokker-Planck equation whose densities obey drift-diffusion. Exact for a constant
field, first order in the step otherwise.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from .particles_random import normal, random_words
from .particles_state import SIGNS


class Overdamped(eqx.Module):
    """Transport by drift and diffusion; its limit is the drift-diffusion model.

    Attributes:
        mobility: Of electrons and holes, cm^2 / (V s).

    Example:
        >>> model = Overdamped(jnp.array([800.0, 300.0]))
        >>> (1e7 * model.reach(5e-15, 0.025852)).round(1).tolist()
        [27.299999237060547, 16.700000762939453]
    """

    mobility: Float[Array, "2"]

    def reach(
        self, dt: float | Float[Array, ""], thermal_voltage: float | Float[Array, ""]
    ) -> Float[Array, "2"]:
        """Six standard deviations of a step, cm: the depth that a reservoir needs."""
        mobility = self.mobility.astype(jnp.result_type(thermal_voltage))
        return 6 * jnp.sqrt(2 * mobility * thermal_voltage * dt)

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
            once: Evaluates a function of arrays in a computation of its own.
        """
        del fresh  # they move like all others
        dtype = field.dtype
        mobility, dt, vt = (
            jnp.asarray(a, dtype) for a in (self.mobility, dt, thermal_voltage)
        )
        spread = jnp.sqrt(2 * mobility * vt * dt)[:, None]
        drift = (jnp.array(SIGNS, dtype) * mobility * dt)[:, None]

        def moves(key, field):
            words = random_words(key, 2, field.shape[1:])
            steps = [
                drift * e + spread * normal(word, dtype)
                for e, word in zip(field, words, strict=True)
            ]
            return jnp.stack(steps)

        return once(moves, key, field), motion

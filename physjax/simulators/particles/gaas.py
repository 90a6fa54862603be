r"""Ensemble Monte Carlo of gallium arsenide: free flights and scattering by the rates.

A particle carries a momentum $\mathbf p = \hbar\mathbf k/\sqrt{2m_0}$ (in
$\sqrt{\mathrm{eV}}$), so $\gamma = E(1+\alpha E) = p^2/m$ with $m$ in electron masses,
and a band. Within a step the field is constant: a particle flies for an exponential
time, scatters, flies on. The rate of the flights is a bound on the real rate over all
energies within reach, looked up anew for every flight; what it exceeds the real rate by
is self-scattering, which changes nothing. So the flights are exact, and few.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from . import gaas_rates as rates
from .gaas_flights import SPEED, Flights, choose, finish
from .random import normal, random_words, uniform
from .state import SIGNS, START_LANE

FRESH_LANE = 1 << 19


class GalliumArsenide(eqx.Module):
    r"""Electrons in $\Gamma$ and L, heavy and light holes, of GaAs at 300 K.

    Acoustic, polar-optical, intervalley and ionised-impurity scattering; the rates are
    tables of `gaas_rates`. No recombination, no impact ionisation, no
    scattering between carriers.

    Args:
        impurities: Density of ionised impurities, cm^-3.
        dtype: Type of the tables.

    Example:
        >>> model = GalliumArsenide(1e17)
        >>> model.bound.shape
        (4, 1000)
    """

    cumulative: Float[Array, "..."]
    bound: Float[Array, "4 energies"]
    final: Int[Array, "4 mechanisms"]
    gain: Float[Array, "4 mechanisms"]
    kind: Int[Array, "4 mechanisms"]
    screening: Float[Array, ""]
    supply: ClassVar[float] = 1.0
    """Density of a reservoir behind a contact, in units of that at the contact."""

    def __init__(self, impurities: float, dtype: Any = jnp.float32):
        tables = rates.scattering_tables(impurities)
        # A sixteenth place, so that four halvings find the mechanism.
        padded = np.pad(tables.cumulative, ((0, 0), (0, 0), (0, 1)), mode="edge")
        self.cumulative = jnp.asarray(padded, dtype)
        self.bound = jnp.asarray(tables.bound, dtype)
        pad = lambda a: np.pad(a, ((0, 0), (0, 1)))
        self.final = jnp.asarray(pad(tables.final), jnp.int32)
        self.gain = jnp.asarray(pad(tables.gain), dtype)
        self.kind = jnp.asarray(pad(tables.kind), jnp.int32)
        self.screening = jnp.asarray(tables.screening, dtype)

    def reach(
        self, dt: float | Float[Array, ""], thermal_voltage: float | Float[Array, ""]
    ) -> Float[Array, "2"]:
        """Way of the fastest thermal particle in a step, cm."""
        lightest = rates.MASS[[rates.GAMMA, rates.LIGHT]]
        lightest = jnp.asarray(lightest, jnp.result_type(thermal_voltage))
        return 6 * SPEED * jnp.sqrt(thermal_voltage / 2 / lightest) * dt

    def rest(
        self,
        key: PRNGKeyArray,
        shape: tuple[int, int],
        thermal_voltage: float | Float[Array, ""],
        dtype: Any,
    ) -> Any:
        r"""Thermal momenta and bands: electrons in $\Gamma$, holes by their states."""
        return _thermal(key, shape, thermal_voltage, dtype, START_LANE + 16)

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
        """Displacement of every particle in one step, cm, and its new motion.

        Args:
            key: Random key of the step.
            motion: Momenta and bands, `((px, py, pz), band)`.
            fresh: Slots that hold a particle of the reservoir: they get a thermal
                momentum.
            field: At the particles, V/cm.
            dt: Length of the step, s.
            thermal_voltage: kT/q, V.
            present: Slots that hold a particle; the others stay where they are. All, if
                not given.
            start: Not used.
            ends: Not used: a flight that touches a contact ends beyond it.
            once: Evaluates a function of arrays in a computation of its own.
        """
        del start, ends
        shape, dtype = field.shape[1:], field.dtype
        model = _cast(self, dtype)
        thermal, band = once(
            lambda key: _thermal(key, shape, thermal_voltage, dtype, FRESH_LANE), key
        )
        momentum = tuple(
            jnp.where(fresh, new, old)
            for new, old in zip(thermal, motion[0], strict=True)
        )
        band = jnp.where(fresh, band, motion[1])
        force = jnp.array(SIGNS, dtype)[None, :, None] * (SPEED / 2) * field
        force = (force[0], force[1], jnp.zeros_like(force[0]))
        zero = jnp.zeros(shape, dtype)
        left = jnp.full(shape, jnp.asarray(dt, dtype))
        left = left if present is None else jnp.where(present, left, 0)
        state = Flights(jnp.int32(0), momentum, band, left, (zero, zero))
        done = finish(model, once, key, force, state)
        return jnp.stack(done.moved), (done.momentum, done.band)


def _cast(model, dtype):
    floating = lambda a: jnp.issubdtype(a.dtype, jnp.floating)
    return jax.tree.map(lambda a: a.astype(dtype) if floating(a) else a, model)


def _thermal(key, shape, thermal_voltage, dtype, lane):
    *words, choice = random_words(key, 4, shape, lane)
    states = rates.MASS**1.5
    share = float(states[rates.LIGHT] / (states[rates.LIGHT] + states[rates.HEAVY]))
    light = uniform(choice, dtype) < share
    hole = jnp.where(light, rates.LIGHT, rates.HEAVY)
    electron = jnp.zeros_like(hole[:1]) + rates.GAMMA
    band = jnp.concatenate([electron, hole[1:]]).astype(jnp.int32)
    spread = jnp.sqrt(jnp.asarray(thermal_voltage, dtype) / 2)
    spread = spread * jnp.sqrt(choose(rates.MASS, band, dtype))
    return tuple(spread * normal(word, dtype) for word in words), band

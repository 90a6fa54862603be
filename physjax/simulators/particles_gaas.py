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
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from .._constants import ELECTRON_MASS, ELEMENTARY_CHARGE
from . import particles_gaas_rates as rates
from .particles_random import normal, random_words, uniform
from .particles_state import SIGNS, START_LANE

SPEED = (2 * ELEMENTARY_CHARGE / ELECTRON_MASS) ** 0.5 * 100
"""cm/s of an electron of free mass with 1 eV."""
MAX_FLIGHTS = 200
FRESH_LANE = 1 << 19


class GalliumArsenide(eqx.Module):
    r"""Electrons in $\Gamma$ and L, heavy and light holes, of GaAs at 300 K.

    Acoustic, polar-optical, intervalley and ionised-impurity scattering; the rates are
    tables of `particles_gaas_rates`. No recombination, no impact ionisation, no
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
        left = jnp.full(shape, jnp.asarray(dt, dtype))
        moved = (jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))

        def unfinished(carry):
            flights, *_, left, _ = carry
            return jnp.any(left > 0) & (flights < MAX_FLIGHTS)

        def fly(carry):
            flights, momentum, band, left, moved = carry
            words = once(
                lambda key, n: tuple(random_words(key, 4, shape, 2 * n)), key, flights
            )
            rate, time = once(_flight, model, words[0], momentum, band, force, left)
            mechanism = once(
                _mechanism, model, words[1], momentum, band, force, rate, time, left
            )
            size, cosine = once(
                _scattered,
                model,
                words[2],
                momentum,
                band,
                force,
                time,
                left,
                mechanism,
            )
            angle = 2 * uniform(words[3], dtype) - 1
            flown = jnp.minimum(time, left)
            after = tuple(p + f * flown for p, f in zip(momentum, force, strict=True))
            middle = tuple(
                p + f * (flown / 2) for p, f in zip(momentum, force, strict=True)
            )
            speed = SPEED * flown / _slope(middle, band)
            moved = tuple(m + p * speed for m, p in zip(moved, middle[:2], strict=True))
            real = mechanism < rates.SLOTS
            turned = _turned(after, size, cosine, angle)
            momentum = tuple(
                jnp.where(real, t, p) for t, p in zip(turned, after, strict=True)
            )
            band = jnp.where(real, _look(model.final, band, mechanism), band)
            left = jnp.where(time < left, left - time, 0)
            return flights + 1, momentum, band, left, moved

        _, momentum, band, _, moved = lax.while_loop(
            unfinished, fly, (jnp.int32(0), momentum, band, left, moved)
        )
        return jnp.stack(moved), (momentum, band)


def _look(table, band, mechanism):
    return table.reshape(-1).at[band * 16 + mechanism].get(mode="promise_in_bounds")


def _flight(model, word, momentum, band, force, left):
    """Rate of the flights and time of the next event, s."""
    size = jnp.sqrt(_square(momentum)) + jnp.sqrt(_square(force)) * left
    place = band * rates.ENERGIES + _bin(_energy(size * size, band))
    rate = model.bound.reshape(-1).at[place].get(mode="promise_in_bounds")
    return rate, -jnp.log(uniform(word, left.dtype)) / rate


def _mechanism(model, word, momentum, band, force, rate, time, left):
    """Number of the mechanism; that of self-scattering where nothing happens."""
    after = tuple(p + f * time for p, f in zip(momentum, force, strict=True))
    place = band * rates.ENERGIES + _bin(_energy(_square(after), band))
    first = place * 16
    table = model.cumulative.reshape(-1)
    level = uniform(word, rate.dtype) * rate
    found = jnp.zeros_like(first)
    for step in (8, 4, 2, 1):
        value = table.at[first + found + (step - 1)].get(mode="promise_in_bounds")
        found = jnp.where(value <= level, found + step, found)
    return jnp.where(time < left, found, rates.SLOTS)


def _scattered(model, word, momentum, band, force, time, left, mechanism):
    """Size of the momentum after the event, and cosine of the angle."""
    flown = jnp.minimum(time, left)
    after = tuple(p + f * flown for p, f in zip(momentum, force, strict=True))
    square = _square(after)
    energy = _energy(square, band)
    final = _look(model.final, band, mechanism)
    kind = _look(model.kind, band, mechanism)
    gain = _look(model.gain, band, mechanism)
    gained = jnp.maximum(energy + gain, 1e-5)
    alpha = _choose(rates.NONPARABOLICITY, final, energy.dtype)
    mass = _choose(rates.MASS, final, energy.dtype)
    size = jnp.sqrt(gained * (1 + alpha * gained) * mass)
    r = uniform(word, energy.dtype)
    old = jnp.sqrt(square)
    f = 2 * old * size / jnp.maximum((old - size) ** 2, 1e-9)
    f = jnp.maximum(f, 1e-3)
    polar = (1 + f - jnp.exp(r * jnp.log1p(2 * f))) / f
    b = 4 * square / model.screening
    impurity = 1 - 2 * r / (1 + b * (1 - r))
    cosine = jnp.where(kind == rates.POLAR, polar, 1 - 2 * r)
    cosine = jnp.where(kind == rates.IMPURITY, impurity, cosine)
    return size, jnp.clip(cosine, -1, 1)


def _cast(model, dtype):
    floating = lambda a: jnp.issubdtype(a.dtype, jnp.floating)
    return jax.tree.map(lambda a: a.astype(dtype) if floating(a) else a, model)


def _choose(values, band, dtype):
    """values[band], without a table in memory."""
    chosen = jnp.full(band.shape, values[0], dtype)
    for k in range(1, 4):
        chosen = jnp.where(band == k, jnp.asarray(values[k], dtype), chosen)
    return chosen


def _square(vector):
    return vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2]


def _energy(square, band):
    """Kinetic energy, eV: E (1 + alpha E) = p^2 / m, without cancellation."""
    gamma = square / _choose(rates.MASS, band, square.dtype)
    alpha = _choose(rates.NONPARABOLICITY, band, square.dtype)
    return 2 * gamma / (1 + jnp.sqrt(1 + 4 * alpha * gamma))


def _slope(momentum, band):
    """m (1 + 2 alpha E): velocity is SPEED p / slope."""
    square = _square(momentum)
    mass = _choose(rates.MASS, band, square.dtype)
    alpha = _choose(rates.NONPARABOLICITY, band, square.dtype)
    return mass * jnp.sqrt(1 + 4 * alpha * square / mass)


def _bin(energy):
    place = (energy * (1 / rates.ENERGY_STEP)).astype(jnp.int32)
    return jnp.minimum(place, rates.ENERGIES - 1)


def _turned(vector, size, cosine, turn):
    """Vector of a size, at an angle to `vector`, turned about it by pi * `turn`."""
    x, y, z = vector
    scale = lax.rsqrt(jnp.maximum(_square(vector), 1e-12))
    x, y, z = x * scale, y * scale, z * scale
    # Two vectors normal to (x, y, z), without a branch (Duff et al., JCGT 6, 2017).
    sign = jnp.where(z < 0, -1, 1).astype(z.dtype)
    a = -1 / (sign + z)
    b = x * y * a
    first = (1 + sign * x * x * a, sign * b, -sign * x)
    second = (b, sign + y * y * a, -y)
    sine = jnp.sqrt(jnp.maximum(1 - cosine * cosine, 0))
    s, c = _sin_cos(turn)
    s, c = s * sine, c * sine
    return tuple(
        size * (cosine * n + c * u + s * v)
        for n, u, v in zip((x, y, z), first, second, strict=True)
    )


def _sin_cos(turn):
    """sin and cos of pi * turn for |turn| <= 1, to 1e-6: Taylor, doubled twice."""
    x = turn * (np.pi / 4)
    q = x * x
    s = x * (1 - q / 6 * (1 - q / 20 * (1 - q / 42)))
    c = 1 - q / 2 * (1 - q / 12 * (1 - q / 30 * (1 - q / 56)))
    for _ in range(2):
        s, c = 2 * s * c, 1 - 2 * s * s
    return s, c


def _thermal(key, shape, thermal_voltage, dtype, lane):
    *words, choice = random_words(key, 4, shape, lane)
    states = rates.MASS**1.5
    share = float(states[rates.LIGHT] / (states[rates.LIGHT] + states[rates.HEAVY]))
    light = uniform(choice, dtype) < share
    hole = jnp.where(light, rates.LIGHT, rates.HEAVY)
    electron = jnp.zeros_like(hole[:1]) + rates.GAMMA
    band = jnp.concatenate([electron, hole[1:]]).astype(jnp.int32)
    spread = jnp.sqrt(jnp.asarray(thermal_voltage, dtype) / 2)
    spread = spread * jnp.sqrt(_choose(rates.MASS, band, dtype))
    return tuple(spread * normal(word, dtype) for word in words), band

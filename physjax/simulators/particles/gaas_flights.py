"""Free flights and scattering of the particles of gallium arsenide within one step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..._constants import ELECTRON_MASS, ELEMENTARY_CHARGE
from . import gaas_rates as rates
from .random import random_words, uniform

SPEED = (2 * ELEMENTARY_CHARGE / ELECTRON_MASS) ** 0.5 * 100
"""cm/s of an electron of free mass with 1 eV."""
MAX_FLIGHTS = 200
FEW = 8
"""Once no more than this part of the slots still flies, those are gathered."""


class Flights(NamedTuple):
    """Particles on their way through a step.

    Attributes:
        count: Flights made so far; it selects the random numbers.
        momentum: Three components, sqrt(eV).
        band: Number of the band.
        left: Time left of the step, s.
        moved: Displacement so far, along x and y, cm.
    """

    count: Int[Array, ""]
    momentum: tuple[Float[Array, "2 slots"], ...]
    band: Int[Array, "2 slots"]
    left: Float[Array, "2 slots"]
    moved: tuple[Float[Array, "2 slots"], ...]


def finish(
    model: Any,
    once: Callable[..., Any],
    key: PRNGKeyArray,
    force: tuple[Float[Array, "2 slots"], ...],
    state: Flights,
) -> Flights:
    """Lets all particles fly until no time is left.

    Most are there after a flight or two, few need ten: the last ones are gathered into
    short arrays. Empty slots have no time left.

    Args:
        model: `GalliumArsenide`, its tables.
        once: Evaluates a function of arrays in a computation of its own.
        key: Random key of the step.
        force: Change of the momentum per time, three components.
        state: At the beginning of the step.
    """
    slots = state.left.shape[1]
    room = -(-slots // FEW)
    state = _fly_while_more_than(room, model, once, key, force, state)
    flying = jax.vmap(
        lambda left: jnp.nonzero(left > 0, size=room, fill_value=slots)[0]
    )(state.left)
    pick = jax.vmap(lambda a, at: a.at[at].get(mode="fill", fill_value=0))
    put = jax.vmap(lambda a, at, values: a.at[at].set(values, mode="drop"))
    parts = state[1:]
    short = Flights(state.count, *jax.tree.map(lambda a: pick(a, flying), parts))
    force = tuple(pick(f, flying) for f in force)
    short = _fly_while_more_than(0, model, once, key, force, short)
    whole = jax.tree.map(lambda a, v: put(a, flying, v), parts, short[1:])
    return Flights(short.count, *whole)


def _fly_while_more_than(enough, model, once, key, force, state: Flights) -> Flights:
    def more(state: Flights):
        flying = jnp.sum(state.left > 0, axis=-1, dtype=jnp.int32)
        return jnp.any(flying > enough) & (state.count < MAX_FLIGHTS)

    return lax.while_loop(more, lambda s: _fly(model, once, key, force, s), state)


def _fly(model, once, key, force, state: Flights) -> Flights:
    """One flight of each particle that has time left, and what ends it."""
    count, momentum, band, left, moved = state
    shape, dtype = left.shape, left.dtype
    words = once(lambda k, n: tuple(random_words(k, 4, shape, 2 * n)), key, count)
    rate, time = once(_flight, model, words[0], momentum, band, force, left)
    parts = momentum, band, force
    mechanism = once(_mechanism, model, words[1], *parts, rate, time, left)
    size, cosine = once(_scattered, model, words[2], *parts, time, left, mechanism)
    angle = 2 * uniform(words[3], dtype) - 1
    flown = jnp.minimum(time, left)
    pairs = tuple(zip(momentum, force, strict=True))
    after = tuple(p + f * flown for p, f in pairs)
    middle = tuple(p + f * (flown / 2) for p, f in pairs)
    speed = SPEED * flown / _slope(middle, band)
    moved = tuple(m + p * speed for m, p in zip(moved, middle[:2], strict=True))
    real = mechanism < rates.SLOTS
    turned = _turned(after, size, cosine, angle)
    momentum = tuple(jnp.where(real, t, p) for t, p in zip(turned, after, strict=True))
    band = jnp.where(real, _look(model.final, band, mechanism), band)
    left = jnp.where(time < left, left - time, 0)
    return Flights(count + 1, momentum, band, left, moved)


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
    alpha = choose(rates.NONPARABOLICITY, final, energy.dtype)
    mass = choose(rates.MASS, final, energy.dtype)
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


def choose(
    values: Any, band: Int[Array, "*slots"], dtype: Any
) -> Float[Array, "*slots"]:
    """values[band], without a table in memory."""
    chosen = jnp.full(band.shape, values[0], dtype)
    for k in range(1, 4):
        chosen = jnp.where(band == k, jnp.asarray(values[k], dtype), chosen)
    return chosen


def _square(vector):
    return vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2]


def _energy(square, band):
    """Kinetic energy, eV: E (1 + alpha E) = p^2 / m, without cancellation."""
    gamma = square / choose(rates.MASS, band, square.dtype)
    alpha = choose(rates.NONPARABOLICITY, band, square.dtype)
    return 2 * gamma / (1 + jnp.sqrt(1 + 4 * alpha * gamma))


def _slope(momentum, band):
    """m (1 + 2 alpha E): velocity is SPEED p / slope."""
    square = _square(momentum)
    mass = choose(rates.MASS, band, square.dtype)
    alpha = choose(rates.NONPARABOLICITY, band, square.dtype)
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

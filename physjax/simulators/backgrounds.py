"""Shapes of non-resonant backgrounds and of Stokes beams, on an axis x in [0, 1]."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


def two_sigmoid_background(
    key: PRNGKeyArray, x: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Product of a rising and a falling sigmoid: SpecNet, LUT and VECTOR.

    Steepness N(10, 5) twice; centres N(0.2, 0.3) and N(0.7, 0.3). Source: Valensise et
    al., APL Photonics 5, 061305 (2020).
    """
    b, c = jax.random.normal(key, (2, 2), x.dtype)
    rise = jax.nn.sigmoid((x - (0.2 + 0.3 * c[0])) * (10.0 + 5.0 * b[0]))
    fall = jax.nn.sigmoid((x - (0.7 + 0.3 * c[1])) * -(10.0 + 5.0 * b[1]))
    return rise * fall


def one_sigmoid_background(
    key: PRNGKeyArray, x: Float[Array, " n"]
) -> Float[Array, " n"]:
    """One sigmoid, steepness N(10, 5), centre N(0.2, 0.3): the second family of LUT."""
    b, c = jax.random.normal(key, (2,), x.dtype)
    return jax.nn.sigmoid((x - (0.2 + 0.3 * c)) * (10.0 + 5.0 * b))


def polynomial_background(
    key: PRNGKeyArray, x: Float[Array, " n"]
) -> Float[Array, " n"]:
    """Polynomial of fourth order scaled to [0, 1]: the third family of LUT.

    The published coefficients are not at hand; they are U(-10, 10) here.
    """
    coefficients = jax.random.uniform(key, (5,), x.dtype, -10.0, 10.0)
    y = jnp.polyval(coefficients, x)
    return (y - y.min()) / jnp.maximum(y.max() - y.min(), 1e-6)


def stokes_envelope(key: PRNGKeyArray, x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Spectral profile of the Stokes beam: Gaussian, sigmoid or falling exponential.

    Positive, maximum 1; one of the three at random.
    """
    pick, *keys = jax.random.split(key, 4)
    c, w = jax.random.uniform(keys[0], (2,), x.dtype)
    gaussian = jnp.exp(-0.5 * ((x - (1.4 * c - 0.2)) / (0.25 + 0.6 * w)) ** 2)
    c, w = jax.random.uniform(keys[1], (2,), x.dtype)
    sigmoid = jax.nn.sigmoid(-(x - (0.3 + 0.7 * c)) * (4.0 + 8.0 * w))
    rate = jax.random.uniform(keys[2], (), x.dtype, 0.5, 5.0)
    shapes = jnp.stack([gaussian, sigmoid, jnp.exp(-rate * x)])
    shape = shapes[jax.random.randint(pick, (), 0, 3)]
    return jnp.maximum(shape / shape.max(), 1e-3)


def excitation_profile(key: PRNGKeyArray, x: Float[Array, " n"]) -> Float[Array, " n"]:
    """Strength of two- and three-colour excitation: steep at low shifts, a hump behind.

    Pulses of one broad beam drive low vibrations by themselves (three colours), with a
    strength that falls with the overlap of its spectrum with itself; narrow pump and
    broad Stokes beam drive the higher ones (two colours). A falling Gaussian of width
    U(0.08, 0.4) and a Gaussian hump, log-uniform 0.01 to 1 times as strong. Positive,
    maximum 1.

    Source: Camp et al., Nat. Photonics 8, 627 (2014), for the two mechanisms; the
    shapes and ranges are ours.
    """
    draw = jax.random.uniform(key, (5,), x.dtype)
    falling = jnp.exp(-0.5 * ((x + 0.2 * draw[0]) / (0.08 + 0.32 * draw[1])) ** 2)
    centre, width = 0.3 + 0.7 * draw[2], 0.1 + 0.4 * draw[3]
    share = jnp.exp(math.log(0.01) * draw[4])
    hump = share * jnp.exp(-0.5 * ((x - centre) / width) ** 2)
    profile = falling / falling.max() + hump
    return jnp.maximum(profile / profile.max(), 1e-3)


BACKGROUNDS = {
    "two_sigmoid": two_sigmoid_background,
    "one_sigmoid": one_sigmoid_background,
    "polynomial": polynomial_background,
}
"""The families of LUT by name."""

r"""What a network sees of a chain: dimensionless, local, the same for mirror images.

All numbers stand on bonds. With $a_i = |J_i|$ and $\bar h_i = (h_i + h_{i+1})/2$ the
bond is strong where $q_i = \bar h_i / (\bar h_i + a_i)$ is near 0 and absent at 1.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .chains import Chain

_TINY = 1e-3
"""Fields below this fraction of the coupling are all alike to the network."""
_LENGTH = 8.0
"""Sites at which the feature of the size vanishes."""


class Bonds(NamedTuple):
    """Features of the couplings.

    Attributes:
        own: Of every bond itself.
        around: Of the sites and bonds within reach.
        ratio: Field over coupling, above 0.
    """

    own: Float[Array, "n features"]
    around: Float[Array, "n more"]
    ratio: Float[Array, " n"]


def bonds(chain: Chain, *, reach: int, longitudinal: bool, size: bool) -> Bonds:
    """Features of a chain's bonds, from its couplings alone."""
    a, h, g = jnp.abs(chain.coupling), jnp.abs(chain.field), jnp.abs(chain.longitudinal)
    n = h.shape[0]
    mean = lambda x: (x + jnp.roll(x, -1)) / 2
    bar = mean(h)
    own = list(_share(bar, a))
    site = list(_share(h, (a + jnp.roll(a, 1)) / 2))
    if longitudinal:
        own += _share(mean(g), a + bar)
        site += _share(g, (a + jnp.roll(a, 1)) / 2 + h)
    if size:
        own.append(jnp.full_like(h, _LENGTH / n - 1))
    around = jnp.concatenate(
        [_windows(jnp.stack(site, -1), reach), jnp.stack(own, -1)], -1
    )
    ratio = jnp.maximum(bar, _TINY * a) / jnp.maximum(a, 1e-6 * (a + bar) + 1e-30)
    return Bonds(jnp.stack(own, -1), around, ratio)


def _share(x, beside) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """x / (x + beside), and half its logarithm."""
    share = x / jnp.maximum(x + beside, 1e-30)
    return share, jnp.log(share + _TINY) / 2


def _windows(site: Float[Array, "n k"], reach: int) -> Float[Array, "n many"]:
    """Means over the pairs of sites at the same distance from the bond."""
    pair = lambda r: (jnp.roll(site, r, 0) + jnp.roll(site, -1 - r, 0)) / 2
    return jnp.concatenate([pair(r) for r in range(reach + 1)], -1)


def unsatisfied(
    chain: Chain, spins: Float[np.ndarray, "states n"]
) -> Float[Array, "states n"]:
    """1 on bonds whose spins point against the coupling: domain walls; else 0."""
    coupling = jnp.asarray(chain.coupling)[None]
    pairs = jnp.asarray(spins * np.roll(spins, -1, 1), coupling.dtype)
    # Where there is no bond the sign is 0, and so must be the answer.
    return (jnp.abs(jnp.sign(coupling)) - jnp.sign(coupling) * pairs) / 2


def aligned(
    chain: Chain, spins: Float[np.ndarray, "states n"]
) -> Float[Array, "states n"]:
    """Mean over the two spins of a bond of +1 where one follows its field along Z."""
    sign = jnp.sign(chain.longitudinal)
    along = sign[None] * jnp.asarray(spins, sign.dtype)
    return (along + jnp.roll(along, -1, 1)) / 2


def leading(
    chain: Chain, bond: Bonds, spins: Float[np.ndarray, "states n"]
) -> Float[Array, " states"]:
    r"""Logarithm of the amplitude as perturbation theory gives it at both ends.

    A wall takes $\tfrac12 \operatorname{arsinh}(y (1 + 2y^2) / (1 + y^2))$ off,
    $y = J/h$: a pair of them costs a factor $h/(4J)$ in weak fields, and in strong ones
    $\psi \propto \exp(\sum J Z Z / (4h))$. A spin in a field along Z adds
    $\tfrac12 \operatorname{arsinh}(g / (h + 2a))$ times its sign.
    """
    y = 1 / bond.ratio
    wall = jnp.arcsinh(y * (1 + 2 * y**2) / (1 + y**2)) / 2
    walls = unsatisfied(chain, spins) @ wall
    a = jnp.abs(chain.coupling)
    stiff = jnp.abs(chain.field) + a + jnp.roll(a, 1)
    turn = jnp.arcsinh(chain.longitudinal / jnp.maximum(stiff, 1e-30)) / 2
    return jnp.asarray(spins, y.dtype) @ turn - walls

"""Abrupt p-n junctions in the depletion approximation.

Textbook formulas, to judge a device or a simulation by. Units are cm, V, A and K.
"""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Real

from .._constants import (
    ELEMENTARY_CHARGE,
    VACUUM_PERMITTIVITY_CM,
    thermal_voltage,
)

Number = Real[ArrayLike, "..."]


def built_in_potential(
    acceptors: Number,
    donors: Number,
    intrinsic_density: Number,
    *,
    temperature: Number = 300.0,
) -> Float[Array, "..."]:
    r"""$V_{bi} = (kT/q) \ln(N_A N_D / n_i^2)$ in V.

    Args:
        acceptors: $N_A$ on the p side in cm^-3.
        donors: $N_D$ on the n side in cm^-3.
        intrinsic_density: $n_i$ in cm^-3.
        temperature: In K.

    Example:
        >>> round(float(built_in_potential(1e17, 1e17, 1e10)), 4)
        0.8334
    """
    log = lambda x: jnp.log(_inexact(x))
    # Products of densities leave the range of float32.
    ratio = log(acceptors) + log(donors) - 2 * log(intrinsic_density)
    return thermal_voltage(temperature) * ratio


def depletion_width(
    acceptors: Number,
    donors: Number,
    barrier: Number,
    relative_permittivity: Number,
) -> Float[Array, "..."]:
    r"""$W = \sqrt{2 \epsilon V (1/N_A + 1/N_D) / q}$ in cm.

    It reaches $W N_D / (N_A + N_D)$ into the p side; the largest field is $2 V / W$ and
    the capacitance per area $\epsilon / W$. The tails of the carriers are accounted for
    by subtracting 2kT/q from the barrier.

    Args:
        acceptors: $N_A$ on the p side in cm^-3.
        donors: $N_D$ on the n side in cm^-3.
        barrier: Built-in potential minus forward bias, in V.
        relative_permittivity: $\epsilon / \epsilon_0$.

    Example:
        >>> round(float(depletion_width(1e17, 1e17, 0.83337, 11.7)) * 1e7, 1)  # nm
        146.8
    """
    inverse = 1 / _inexact(acceptors) + 1 / _inexact(donors)
    scale = 2 * VACUUM_PERMITTIVITY_CM / ELEMENTARY_CHARGE
    return jnp.sqrt(scale * _inexact(relative_permittivity) * barrier * inverse)


def short_diode_current(
    voltage: Number,
    acceptors: Number,
    donors: Number,
    intrinsic_density: Number,
    electron_mobility: Number,
    hole_mobility: Number,
    p_width: Number,
    n_width: Number,
    *,
    temperature: Number = 300.0,
) -> Float[Array, "..."]:
    r"""Shockley's law of a diode much shorter than the diffusion lengths, in A/cm^2.

    $$J = q n_i^2 \left(\frac{D_n}{N_A w_p} + \frac{D_p}{N_D w_n}\right)
    (e^{qV/kT} - 1), \quad D = \mu kT/q$$

    It holds within a few percent while the injected carriers are few: a quarter of a
    volt below the built-in potential, and in reverse.

    Args:
        voltage: Forward bias in V.
        acceptors: $N_A$ on the p side in cm^-3.
        donors: $N_D$ on the n side in cm^-3.
        intrinsic_density: $n_i$ in cm^-3.
        electron_mobility: In cm^2/(V s), on the p side.
        hole_mobility: In cm^2/(V s), on the n side.
        p_width: $w_p$ in cm, from the contact to the edge of the depleted zone.
        n_width: $w_n$ likewise.
        temperature: In K.

    Example:
        >>> current = short_diode_current(
        ...     0.3, 1e17, 1e17, 1e10, 800.0, 300.0, 1.5e-5, 1.5e-5
        ... )
        >>> 3e-5 < float(current) < 4e-5
        True
    """
    v_t = thermal_voltage(_inexact(temperature))
    n_i = _inexact(intrinsic_density)
    electrons = _inexact(electron_mobility) / p_width * (n_i / acceptors)
    holes = _inexact(hole_mobility) / n_width * (n_i / donors)
    drive = jnp.expm1(voltage / v_t)
    return (electrons + holes) * n_i * (ELEMENTARY_CHARGE * v_t) * drive


def _inexact(x) -> Float[Array, "..."]:
    # 10**17 does not fit 32 bits.
    x = jnp.asarray(float(x) if isinstance(x, int) else x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)

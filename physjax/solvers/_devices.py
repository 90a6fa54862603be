"""One-dimensional devices."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float, Real

from .._constants import thermal_voltage


class Device1D(eqx.Module):
    r"""A semiconductor between two ohmic contacts, in cm, s and V.

    Numbers may differ from node to node or be one for all. Every one is a leaf: it can
    be differentiated and, stacked, mapped over.

    Attributes:
        x: Positions of the m nodes in cm, increasing; the contacts are the first and
            the last one.
        doping: Donors minus acceptors, $N_D - N_A$, in cm^-3.
        relative_permittivity: $\epsilon / \epsilon_0$.
        intrinsic_density: $n_i$ in cm^-3, one number.
        electron_mobility: In cm^2/(V s).
        hole_mobility: In cm^2/(V s).
        electron_lifetime: Of Shockley-Read-Hall recombination at midgap traps, in s;
            infinite where there are no traps.
        hole_lifetime: Likewise.
        temperature: In K, one number.

    Raises:
        ValueError: If `x` does not increase, another array has another length, or a
            number is not finite, or not positive where it must be. Values are looked at
            where they are known: not inside of a transformation.

    Example:
        >>> x = np.linspace(0.0, 4e-5, 101)
        >>> silicon = Device1D(x, np.where(x < 2e-5, -1e17, 1e17), 11.7, 1e10, 800, 300)
        >>> silicon.temperature
        300.0
    """

    x: Real[ArrayLike, " m"]
    doping: Real[ArrayLike, "..."]
    relative_permittivity: Real[ArrayLike, "..."]
    intrinsic_density: Real[ArrayLike, ""]
    electron_mobility: Real[ArrayLike, "..."]
    hole_mobility: Real[ArrayLike, "..."]
    electron_lifetime: Real[ArrayLike, "..."] = math.inf
    hole_lifetime: Real[ArrayLike, "..."] = math.inf
    temperature: Real[ArrayLike, ""] = 300.0

    def __check_init__(self):
        shape = np.shape(self.x)
        if len(shape) != 1 or shape[0] < 3:
            raise ValueError(f"`x` must hold three nodes or more; got shape {shape}.")
        for name, value in vars(self).items():
            one = name in ("intrinsic_density", "temperature")
            wanted = ((),) if one else ((), shape)
            if name != "x" and np.shape(value) not in wanted:
                raise ValueError(
                    f"`{name}` must have shape {' or '.join(map(str, wanted))}; "
                    f"got {np.shape(value)}."
                )
            if not isinstance(value, Tracer):
                _check_values(name, np.asarray(value))


def _check_values(name: str, value: np.ndarray) -> None:
    if name == "x":
        if not np.all(np.diff(value) > 0):
            raise ValueError("`x` must increase from node to node.")
        return
    if name != "doping" and not np.all(value > 0):
        raise ValueError(f"`{name}` must be positive; got {np.min(value)}.")
    if "lifetime" not in name and not np.all(np.isfinite(value)):
        raise ValueError(
            f"`{name}` must be finite; got {value[~np.isfinite(value)][0]}."
        )


class Profile(NamedTuple):
    """A device with all its numbers written out, in float64."""

    x: Float[Array, " m"]
    doping: Float[Array, " m"]
    relative_permittivity: Float[Array, " m"]
    intrinsic_density: Float[Array, ""]
    electron_mobility: Float[Array, " m"]
    hole_mobility: Float[Array, " m"]
    electron_lifetime: Float[Array, " m"]
    hole_lifetime: Float[Array, " m"]
    thermal_voltage: Float[Array, ""]


def profile(device: Device1D) -> Profile:
    """Raises TypeError if 64-bit types are off, or an array is narrower."""
    values = {name: wide(value, name) for name, value in vars(device).items()}
    volts = thermal_voltage(values.pop("temperature"))
    n_i = values.pop("intrinsic_density")
    shape = values["x"].shape
    values = {name: jnp.broadcast_to(value, shape) for name, value in values.items()}
    return Profile(**values, intrinsic_density=n_i, thermal_voltage=volts)


def wide(x: Any, name: str) -> Float[Array, "..."]:
    """`x` in float64."""
    if not isinstance(x, jax.Array):
        x = np.asarray(x)
    wide = jnp.asarray(x, jnp.float64) if jnp.issubdtype(x.dtype, jnp.integer) else x
    wide = jnp.asarray(wide)
    if wide.dtype != jnp.float64:
        raise TypeError(
            f"`{name}` must be float64; got {wide.dtype}: densities span thirty "
            "decades, so enable 64-bit types (jax_enable_x64)."
        )
    return wide

"""Kramers-Kronig relations of a causal susceptibility."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Num

from .._numerics import as_real
from .hilbert import Extend, Method, hilbert_transform


def imag_from_real(
    real: Num[ArrayLike, "..."],
    *,
    axis: int = -1,
    method: Method = "ideal",
    extend: Extend = "zero",
    exponent: float = 1.0,
) -> Float[Array, "..."]:
    r"""Imaginary part $\mathrm{Im}\,\chi = H[\mathrm{Re}\,\chi]$ of a susceptibility.

    The sign holds for an ascending axis and poles in the lower half plane, as in
    $\chi(\omega) = \sum_k A_k / (\Omega_k - \omega - i\Gamma_k)$, whose imaginary part
    is positive. On a descending axis it is the opposite. A constant in the real part,
    like a background, must be taken off first (or extended by `"edge"`).

    Args:
        real: Real part on a uniform ascending axis, any unit.
        axis: The axis of frequency.
        method: As in `operators.hilbert_transform`.
        extend: Function outside the window. `"power"` where no resonance is near its
            ends; `"zero"` is safe otherwise.
        exponent: Power of the tail; 1 is that of the real part of a resonance.

    Returns:
        Imaginary part, with the shape, dtype and unit of `real`.

    Raises:
        TypeError: If `real` is complex or does not hold numbers.
        ValueError: As `operators.hilbert_transform`.

    Example:
        >>> w = jnp.linspace(-100.0, 100.0, 1000)
        >>> chi = 1 / (-w - 2j)
        >>> imag = imag_from_real(chi.real, extend="power")
        >>> bool(jnp.max(jnp.abs(imag - chi.imag)) < 1e-4)
        True

    References:
        Lucarini et al., Kramers-Kronig Relations in Optical Materials Research (2005).
    """
    return hilbert_transform(
        as_real(real, "real"),
        axis=axis,
        method=method,
        extend=extend,
        exponent=exponent,
    )


def real_from_imag(
    imag: Num[ArrayLike, "..."],
    *,
    axis: int = -1,
    method: Method = "ideal",
    extend: Extend = "zero",
    exponent: float = 2.0,
) -> Float[Array, "..."]:
    r"""Real part $\mathrm{Re}\,\chi = -H[\mathrm{Im}\,\chi]$ of a susceptibility.

    Conventions as in `imag_from_real`.

    Args:
        imag: Imaginary part on a uniform ascending axis, any unit.
        axis: The axis of frequency.
        method: As in `operators.hilbert_transform`.
        extend: Function outside the window. `"power"` where no resonance is near its
            ends; `"zero"` is safe otherwise.
        exponent: Power of the tail; 2 is that of the imaginary part of a resonance.

    Returns:
        Real part, with the shape, dtype and unit of `imag`.

    Raises:
        TypeError: If `imag` is complex or does not hold numbers.
        ValueError: As `operators.hilbert_transform`.

    Example:
        >>> w = jnp.linspace(-100.0, 100.0, 1000)
        >>> chi = 1 / (-w - 2j)
        >>> real = real_from_imag(chi.imag, extend="power")
        >>> bool(jnp.max(jnp.abs(real - chi.real)) < 1e-5)
        True

    References:
        Lucarini et al., Kramers-Kronig Relations in Optical Materials Research (2005).
    """
    return jnp.negative(
        hilbert_transform(
            as_real(imag, "imag"),
            axis=axis,
            method=method,
            extend=extend,
            exponent=exponent,
        )
    )

"""Susceptibility from a coherent Raman intensity, by the Kramers-Kronig relation."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Complex, Num

from .._numerics import as_real, check_axis, working_dtype
from ..operators.hilbert import Extend, Method, hilbert_transform


def kramers_kronig_retrieval(
    intensity: Num[ArrayLike, "..."],
    reference: Num[ArrayLike, "..."],
    *,
    axis: int = -1,
    extend: Extend = "power",
    exponent: float = 1.15,
    method: Method = "ideal",
    floor: float = 1e-8,
) -> Complex[Array, "..."]:
    r"""Complex susceptibility from its intensity and that of the background alone.

    $$|\chi| = \sqrt{2 I}, \qquad
      \arg\chi = H\!\left[\tfrac12 \ln (I / I_\mathrm{ref})\right], \qquad
      I = \tfrac12 |\chi_R + \chi_\mathrm{NR}|^2 .$$

    The imaginary part is the Raman spectrum in units of $\sqrt{2I}$, so that four times
    the intensity and reference give twice the susceptibility. Exact for a real positive
    constant background and positive resonances inside the window (the sum then has no
    zero in the upper half plane); the mean square error for 30 to 49 lines is 3e-6 at
    flat backgrounds 0.5 and 1, for resonances of 0.3 to 1. Not to be trusted where the
    reference approaches zero inside the window.

    The ratio R of the intensities enters as $\sqrt{\max(R, 0)^2 + f^2}$ with the small
    `floor` f: smooth, so that gradients stay finite where noise makes it vanish.

    Args:
        intensity: Measured intensity on a uniform ascending axis, any batch axes. On a
            descending axis the conjugate comes out.
        reference: Intensity of the background alone, $|\chi_\mathrm{NR}|^2 / 2$, in the
            same unit; positive. A scalar, one curve along `axis` for all of the batch,
            or any shape that broadcasts to that of `intensity`.
        axis: The axis of frequency.
        extend: Logarithm of the ratio outside the window, as in
            `operators.hilbert_transform`. It follows the dispersive part of the
            resonances.
        exponent: Power of that tail: 1 far away, a little more near the window, where
            the nearest lines count most. The default is the best of 1 to 1.5 by
            measurement, for few and many, narrow and broad lines alike: 1 gives five
            times the mean square error, though it is best for one line at the centre.
        method: As in `operators.hilbert_transform`.
        floor: Smallest ratio, positive.

    Returns:
        Susceptibility, of the shape of `intensity` and the complex type of its width.
        Differentiable in `intensity` and `reference`.

    Raises:
        TypeError: If an input is complex or does not hold numbers.
        ValueError: If the shapes do not fit, if `floor` is not positive, or as
            `operators.hilbert_transform`.

    Example:
        >>> w = jnp.linspace(-50.0, 50.0, 500)
        >>> resonance = 1 / (-w - 2j)
        >>> intensity = jnp.abs(resonance + 0.5) ** 2 / 2
        >>> chi = kramers_kronig_retrieval(intensity, 0.5**2 / 2, exponent=1.0)
        >>> bool(jnp.max(jnp.abs(chi.imag - resonance.imag)) < 1e-3)
        True

    References:
        Liu, Lee and Cicerone, Opt. Lett. 34, 1363 (2009).
    """
    intensity = as_real(intensity, "intensity")
    axis = check_axis(intensity, axis, "intensity")
    intensity = intensity.astype(working_dtype(intensity.dtype))
    reference = _fit(as_real(reference, "reference"), intensity, axis)
    if not 0 < floor < 1:
        raise ValueError(f"`floor` must lie between 0 and 1; got {floor}.")

    ratio = jnp.sqrt(jnp.maximum(intensity / reference, 0) ** 2 + floor**2)
    phase = hilbert_transform(
        jnp.log(ratio) / 2, axis=axis, method=method, extend=extend, exponent=exponent
    )
    modulus = jnp.sqrt(2 * reference * ratio)
    return lax.complex(modulus * jnp.cos(phase), modulus * jnp.sin(phase))


def _fit(reference: Array, intensity: Array, axis: int) -> Array:
    if reference.ndim == 1 and intensity.ndim > 1:
        reference = reference.reshape(reference.shape + (1,) * (-axis - 1))
    try:
        reference = jnp.broadcast_to(reference, intensity.shape)
    except ValueError as error:
        raise ValueError(
            f"`reference` of shape {reference.shape} does not broadcast to `intensity` "
            f"of shape {intensity.shape} along axis {axis}."
        ) from error
    return reference.astype(intensity.dtype)

"""Hilbert transform of sampled functions, and the analytic signal."""

from typing import Literal, get_args

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Complex, Float, Num

from .._numerics import as_real, check_axis, safe_sqrt, working_dtype
from . import _hilbert_constants as constants

Method = Literal["ideal", "fft", "matrix"]
Extend = Literal["zero", "edge", "power"]


def hilbert_transform(
    x: Num[ArrayLike, "..."],
    *,
    axis: int = -1,
    method: Method = "ideal",
    extend: Extend = "zero",
    exponent: float = 1.0,
) -> Float[Array, "..."]:
    r"""Hilbert transform along one uniformly sampled axis; the cosine gives the sine.

    $$H[f](x) = \frac{1}{\pi}\,\mathrm{PV}\!\!\int \frac{f(t)}{x - t}\,dt, \qquad
      y_i = \sum_{i - j\ \mathrm{odd}} \frac{2}{\pi (i - j)}\, x_j .$$

    The sum is exact for band-limited functions (a Lorentzian of half width 2.5 samples
    is one to 1e-4). It does not depend on the spacing, and changes sign when the axis
    is reversed. What remains is what lies outside the window, and `extend` says what
    to think of it. The tails reach to infinity, and cost two multiplications.

    Error against the Dawson function for a Gaussian of 512 points: 2e-15 in float64,
    1e-6 in float32. Half precision is computed in float32 and rounded.

    Args:
        x: Real samples, any shape; integers become the default float.
        axis: The axis to transform; all others are batch.
        method: `"ideal"`, the sum above by FFT of at least twice the length;
            `"matrix"`, the same as one dense product, for accelerators and up to about
            2000 points; `"fft"`, the periodic form for functions that repeat with the
            window. The periodic form drops the mean and, for even lengths, the
            alternating part.
        extend: Function outside the window. `"zero"`; `"edge"`, the outermost samples
            for ever (the transform is then defined up to a constant, chosen so that
            the tails add nothing at the centre; a constant gives zero); `"power"`, a
            tail that falls from the outermost sample with the distance from the centre
            of the window to the power `exponent`. Not for `"fft"`.
        exponent: Power of the tail, positive: 1 for the dispersive part of a resonance
            and for the logarithm of an intensity ratio, 2 for the absorptive part.

    Returns:
        H[x], with the shape and dtype of `x`.

    Raises:
        TypeError: If `x` is complex or does not hold numbers.
        ValueError: If there is no such axis, method or extension, if the exponent is
            not positive, or if `"fft"` is asked to extend.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(64) / 16
        >>> y = hilbert_transform(jnp.cos(t), method="fft")
        >>> bool(jnp.allclose(y, jnp.sin(t), atol=1e-5))
        True

    References:
        King, Hilbert Transforms (2009), chapter 13, for the discrete kernel.
    """
    x = as_real(x, "x")
    axis = check_axis(x, axis, "x")
    _check_options(method, extend, exponent)

    dtype = x.dtype
    x = jnp.moveaxis(x, axis, -1).astype(working_dtype(dtype))
    y = _transform(x, method, extend, float(exponent))
    return jnp.moveaxis(y, -1, axis).astype(dtype)


def analytic_signal(
    x: Num[ArrayLike, "..."],
    *,
    axis: int = -1,
    method: Method = "ideal",
    extend: Extend = "zero",
    exponent: float = 1.0,
) -> Complex[Array, "..."]:
    r"""Analytic signal $x + i H[x]$. SciPy's `hilbert` is the one of method `"fft"`.

    Args:
        x: Real samples, any shape.
        axis: The axis to transform.
        method: As in `hilbert_transform`, like the two that follow.
        extend: Function outside the window.
        exponent: Power of the tail.

    Returns:
        Complex array of the shape and precision of `x`; half precision gives complex64.

    Raises:
        TypeError: If `x` is complex or does not hold numbers.
        ValueError: As `hilbert_transform`.

    Example:
        >>> z = analytic_signal(jnp.array([1.0, 0.0, -1.0, 0.0]), method="fft")
        >>> bool(jnp.allclose(z.imag, jnp.array([0, 1, 0, -1]), atol=1e-6))
        True
    """
    real, imag = _parts(x, axis, method, extend, exponent)
    return lax.complex(real, imag)


def envelope(
    x: Num[ArrayLike, "..."],
    *,
    axis: int = -1,
    method: Method = "ideal",
    extend: Extend = "zero",
    exponent: float = 1.0,
) -> Float[Array, "..."]:
    r"""Envelope $|x + i H[x]|$; its gradient is zero where it vanishes.

    Args:
        x: Real samples, any shape.
        axis: The axis to transform.
        method: As in `hilbert_transform`, like the two that follow.
        extend: Function outside the window.
        exponent: Power of the tail.

    Returns:
        Non-negative array with the shape and dtype of `x`.

    Raises:
        TypeError: If `x` is complex or does not hold numbers.
        ValueError: As `hilbert_transform`.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(8) / 8
        >>> bool(jnp.allclose(envelope(3 * jnp.cos(t), method="fft"), 3))
        True
    """
    real, imag = _parts(x, axis, method, extend, exponent)
    # The modulus is homogeneous: with a scale held constant its gradient is exact.
    scale = lax.stop_gradient(jnp.maximum(jnp.abs(real), jnp.abs(imag)))
    scale = jnp.where(scale > 0, scale, 1)
    modulus = scale * safe_sqrt((real / scale) ** 2 + (imag / scale) ** 2)
    return modulus.astype(as_real(x, "x").dtype)


def instantaneous_phase(
    x: Num[ArrayLike, "..."],
    *,
    axis: int = -1,
    method: Method = "ideal",
    extend: Extend = "zero",
    exponent: float = 1.0,
    unwrap: bool = True,
) -> Float[Array, "..."]:
    r"""Phase of $x + i H[x]$ in radian; its gradient is zero where that vanishes.

    Args:
        x: Real samples, any shape.
        axis: The axis to transform.
        method: As in `hilbert_transform`, like the two that follow.
        extend: Function outside the window.
        exponent: Power of the tail.
        unwrap: Whether jumps of more than pi along the axis are undone. If not, the
            phase lies in [-pi, pi].

    Returns:
        Phase, with the shape and dtype of `x`.

    Raises:
        TypeError: If `x` is complex or does not hold numbers.
        ValueError: As `hilbert_transform`.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(8) / 8
        >>> phase = instantaneous_phase(jnp.cos(t), method="fft")
        >>> bool(jnp.allclose(phase, t, atol=1e-5))
        True
    """
    real, imag = _parts(x, axis, method, extend, exponent)
    nonzero = (real != 0) | (imag != 0)
    phase = jnp.arctan2(jnp.where(nonzero, imag, 0), jnp.where(nonzero, real, 1))
    if unwrap:
        phase = jnp.unwrap(phase, axis=axis)
    return phase.astype(as_real(x, "x").dtype)


def _parts(x, axis, method, extend, exponent) -> tuple[Array, Array]:
    x = as_real(x, "x")
    x = x.astype(working_dtype(x.dtype))
    return x, hilbert_transform(
        x, axis=axis, method=method, extend=extend, exponent=exponent
    )


def _check_options(method: str, extend: str, exponent: float) -> None:
    if method not in get_args(Method):
        raise ValueError(f"`method` must be one of {get_args(Method)}; got {method!r}.")
    if extend not in get_args(Extend):
        raise ValueError(f"`extend` must be one of {get_args(Extend)}; got {extend!r}.")
    if method == "fft" and extend != "zero":
        raise ValueError(
            f'`extend` {extend!r} has no meaning for method "fft", which repeats the '
            'window; use method "ideal" or "matrix".'
        )
    if not 0 < exponent < np.inf:
        raise ValueError(f"`exponent` must be positive and finite; got {exponent}.")


def _transform(
    x: Float[Array, "*batch n"], method: str, extend: str, exponent: float
) -> Float[Array, "*batch n"]:
    n, dtype = x.shape[-1], np.dtype(x.dtype)
    if method == "matrix":
        matrix = constants.linear_matrix(n, dtype, extend, exponent)
        return jnp.matmul(x, matrix, precision="highest")
    if method == "fft":
        return _filter(x, constants.periodic_spectrum(n, dtype), n)

    length, spectrum = constants.linear_spectrum(n, dtype)
    y = _filter(x, spectrum, length)[..., :n]
    if extend == "zero":
        return y
    left, right = constants.tails(n, dtype, extend, exponent)
    return y + x[..., :1] * _row(left, x) + x[..., -1:] * _row(right, x)


def _filter(x: Array, spectrum: np.ndarray, length: int) -> Array:
    """Multiplication of the spectrum by -i times a real one."""
    f = jnp.fft.rfft(x, length)
    s = _row(spectrum, x)
    return jnp.fft.irfft(lax.complex(f.imag * s, -f.real * s), length)


def _row(v: np.ndarray, like: Array) -> np.ndarray:
    return v.reshape((1,) * (like.ndim - 1) + v.shape)

r"""Derivatives of periodic fields by Fourier transform: exact for what is band-limited.

All axes of space are periodic with the length n h. Of an even number of points the
alternating part (the Nyquist frequency) has no odd derivative, and is left out there.
Rounding of a derivative of order m: about eps (pi / h)^m times the size of the field.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Inexact, Num

from .._numerics import as_inexact, check_axis, real_dtype, working_dtype
from ._stencils import Spacing, along, check_spacing


def derivative(
    u: Num[ArrayLike, "..."],
    spacing: Num[ArrayLike, ""],
    *,
    axis: int = -1,
    order: int = 1,
) -> Inexact[Array, "..."]:
    r"""Derivative of order m along one periodic axis: $(ik)^m$ on the spectrum.

    Args:
        u: Periodic field, real or complex, any shape.
        spacing: Distance of neighbours, a number or a traced scalar.
        axis: The axis to differentiate along.
        order: Of the derivative, positive.

    Returns:
        In units of u / length^order, with the shape and dtype of `u`.

    Raises:
        TypeError: If `u` does not hold numbers.
        ValueError: If there is no such axis, or `order` or `spacing` is not positive.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(8) / 8
        >>> du = derivative(jnp.sin(t), 2 * np.pi / 8)
        >>> bool(jnp.allclose(du, jnp.cos(t), atol=1e-5))
        True

    References:
        Trefethen, Spectral Methods in MATLAB (2000), chapter 3.
    """
    u = as_inexact(u, "u")
    axis = check_axis(u, axis, "u")
    if order < 1:
        raise ValueError(f"`order` must be positive; got {order}.")
    field = u.astype(working_dtype(u.dtype))
    (h,) = check_spacing((spacing,), real_dtype(field.dtype))
    return _derivative(field, h, axis, order).astype(u.dtype)


def gradient(
    u: Num[ArrayLike, "..."], spacing: Spacing
) -> tuple[Inexact[Array, "..."], ...]:
    """Gradient of a periodic field, at its points.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        spacing: Distance of neighbours along each axis, numbers or traced scalars.

    Returns:
        One array per axis of space, each with the shape and dtype of `u`.

    Raises:
        TypeError: If `u` does not hold numbers.
        ValueError: If `u` has fewer axes than `spacing`, or that is not positive.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(8) / 8
        >>> (du,) = gradient(jnp.sin(t), (2 * np.pi / 8,))
        >>> bool(jnp.allclose(du, jnp.cos(t), atol=1e-5))
        True
    """
    u, field, spacings = _prepare(u, spacing)
    start = u.ndim - len(spacings)
    return tuple(
        _derivative(field, h, start + a, 1).astype(u.dtype)
        for a, h in enumerate(spacings)
    )


def divergence(
    flux: Sequence[Num[ArrayLike, "..."]], spacing: Spacing
) -> Inexact[Array, "..."]:
    """Divergence of a periodic flux at its points; minus the adjoint of `gradient`.

    Args:
        flux: One component per axis of space, all of one shape; batch axes first.
        spacing: Distance of neighbours along each axis.

    Returns:
        Divergence, with the shape and dtype of the first component.

    Raises:
        TypeError: If `flux` does not hold numbers.
        ValueError: If components and spacing do not fit each other.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(8) / 8
        >>> dq = divergence([jnp.sin(t)], (2 * np.pi / 8,))
        >>> bool(jnp.allclose(dq, jnp.cos(t), atol=1e-5))
        True
    """
    prepared = [_prepare(q, spacing, "flux") for q in flux]
    shapes = {field.shape for _, field, _ in prepared}
    count = len(check_spacing(spacing, float))
    if len(prepared) != count or len(shapes) != 1:
        raise ValueError(
            "`flux` must have one component per entry of `spacing`, all of one shape; "
            f"got shapes {[field.shape for _, field, _ in prepared]} for {count}."
        )
    start = prepared[0][1].ndim - count
    terms = [
        _derivative(field, spacings[a], start + a, 1)
        for a, (_, field, spacings) in enumerate(prepared)
    ]
    return sum(terms[1:], terms[0]).astype(prepared[0][0].dtype)


def laplacian(u: Num[ArrayLike, "..."], spacing: Spacing) -> Inexact[Array, "..."]:
    r"""Laplacian of a periodic field: $-|k|^2$ on its spectrum.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        spacing: Distance of neighbours along each axis, numbers or traced scalars.

    Returns:
        Laplacian, with the shape and dtype of `u`.

    Raises:
        TypeError: If `u` does not hold numbers.
        ValueError: If `u` has fewer axes than `spacing`, or that is not positive.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(8) / 8
        >>> w = laplacian(jnp.sin(2 * t), (2 * np.pi / 8,))
        >>> bool(jnp.allclose(w, -4 * jnp.sin(2 * t), atol=1e-5))
        True
    """
    return _even(u, spacing, 1)


def biharmonic(u: Num[ArrayLike, "..."], spacing: Spacing) -> Inexact[Array, "..."]:
    r"""Biharmonic operator of a periodic field: $|k|^4$ on its spectrum.

    Args:
        u: Field; the last `len(spacing)` axes are space, those before are batch.
        spacing: Distance of neighbours along each axis, numbers or traced scalars.

    Returns:
        In units of u / length^4, with the shape and dtype of `u`.

    Raises:
        TypeError: If `u` does not hold numbers.
        ValueError: If `u` has fewer axes than `spacing`, or that is not positive.

    Example:
        >>> t = 2 * jnp.pi * jnp.arange(8) / 8
        >>> w = biharmonic(jnp.sin(2 * t), (2 * np.pi / 8,))
        >>> bool(jnp.allclose(w, 16 * jnp.sin(2 * t), atol=1e-4))
        True
    """
    return _even(u, spacing, 2)


def _even(u: Any, spacing: Spacing, power: int) -> Array:
    """The Laplacian to a power, one transform over all axes of space."""
    u, field, spacings = _prepare(u, spacing)
    start = u.ndim - len(spacings)
    axes = tuple(range(start, u.ndim))
    is_complex = jnp.iscomplexobj(field)
    real = real_dtype(field.dtype)
    square = jnp.zeros((1,) * u.ndim, real)
    for a, h in zip(axes, spacings, strict=True):
        half = a == axes[-1] and not is_complex
        k = _wavenumbers(u.shape[a], h, real, half)
        square = square + along(k * k, a, u.ndim)
    symbol = (-square) ** power
    if is_complex:
        out = jnp.fft.ifftn(_scaled(jnp.fft.fftn(field, axes=axes), symbol), axes=axes)
    else:
        spectrum = _scaled(jnp.fft.rfftn(field, axes=axes), symbol)
        out = jnp.fft.irfftn(spectrum, s=[u.shape[a] for a in axes], axes=axes)
    return out.astype(u.dtype)


def _derivative(u: Array, h: Any, axis: int, order: int) -> Array:
    axis = axis % u.ndim
    n, real = u.shape[axis], real_dtype(u.dtype)
    is_complex = jnp.iscomplexobj(u)
    k = _wavenumbers(n, h, real, not is_complex)
    if order % 2 and n % 2 == 0:
        k = k.at[n // 2].set(0)
    symbol = along(k**order, axis, u.ndim) * (1, 1, -1, -1)[order % 4]
    f = jnp.fft.fft(u, axis=axis) if is_complex else jnp.fft.rfft(u, axis=axis)
    f = _scaled(f, symbol)
    if order % 2:
        f = lax.complex(-f.imag, f.real)
    if is_complex:
        return jnp.fft.ifft(f, axis=axis)
    return jnp.fft.irfft(f, n, axis=axis)


def _scaled(spectrum: Array, symbol: Array) -> Array:
    return lax.complex(spectrum.real * symbol, spectrum.imag * symbol)


def _wavenumbers(n: int, h: Any, dtype: Any, half: bool) -> Array:
    frequencies = np.fft.rfftfreq(n) if half else np.fft.fftfreq(n)
    return jnp.asarray(2 * np.pi * frequencies, dtype) / h


def _prepare(u: Any, spacing: Spacing, name: str = "u") -> tuple[Array, Array, tuple]:
    u = as_inexact(u, name)
    field = u.astype(working_dtype(u.dtype))
    spacings = check_spacing(spacing, real_dtype(field.dtype))
    if u.ndim < len(spacings) or 0 in u.shape[u.ndim - len(spacings) :]:
        raise ValueError(
            f"`{name}` must have an axis with points per entry of `spacing`; got shape "
            f"{u.shape} for {len(spacings)} of them."
        )
    return u, field, spacings

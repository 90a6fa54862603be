r"""Sine, cosine and real Fourier transforms: what makes -d²/dx² diagonal.

With unit spacing and homogeneous walls the three-point operator on n unknowns has modes

$$m_k(i) = \mathrm{trig}\!\left(\frac{\pi (k + a)(i + b)}{M}\right), \qquad
  \lambda_k = 4 \sin^2\frac{\pi (k + a)}{2 M}, \qquad k, i = 0 \ldots n - 1,$$

| walls, low and high                | trig | a   | b   | M     | name    |
| ---------------------------------- | ---- | --- | --- | ----- | ------- |
| node, Dirichlet and Dirichlet      | sin  | 1   | 1   | n + 1 | DST-I   |
| half, Dirichlet and Dirichlet      | sin  | 1   | 1/2 | n     | DST-II  |
| node, Dirichlet and Neumann        | sin  | 1/2 | 1   | n     | DST-III |
| half, Dirichlet and Neumann        | sin  | 1/2 | 1/2 | n     | DST-IV  |
| node, Neumann and Neumann          | cos  | 0   | 0   | n - 1 | DCT-I   |
| half, Neumann and Neumann          | cos  | 0   | 1/2 | n     | DCT-II  |
| node, Neumann and Dirichlet        | cos  | 1/2 | 0   | n     | DCT-III |
| half, Neumann and Dirichlet        | cos  | 1/2 | 1/2 | n     | DCT-IV  |

orthogonal in the inner product of the cells, a node on a Neumann wall owning half of
one. A periodic axis has the cosines and sines of the real Fourier transform.
"""

import functools as ft
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

Trig = Literal["sin", "cos", "fourier"]


class Modes(NamedTuple):
    """Modes of one axis, a row of the table above. Static and hashable."""

    n: int
    trig: Trig
    a: float = 0.0
    b: float = 0.0

    @property
    def period(self) -> int:
        """M of the table; n for a periodic axis."""
        if self.a % 1 or self.b % 1:
            return self.n
        return {"sin": self.n + 1, "cos": self.n - 1, "fourier": self.n}[self.trig]

    @property
    def eigenvalues(self) -> Float[np.ndarray, " n"]:
        """Of the negative second difference at spacing 1, in the order of `forward`."""
        if self.trig == "fourier":
            k = _packed_order(self.n)
            return 4 * np.sin(np.pi * k / self.n) ** 2
        k = np.arange(self.n)
        return 4 * np.sin(np.pi * (k + self.a) / (2 * self.period)) ** 2

    @property
    def wavenumbers(self) -> Float[np.ndarray, " n"]:
        """Of the modes as waves, at spacing 1, in the order of `forward`."""
        if self.trig == "fourier":
            return 2 * np.pi * _packed_order(self.n) / self.n
        return np.pi * (np.arange(self.n) + self.a) / self.period

    @property
    def weights(self) -> Float[np.ndarray, " n"]:
        """Width of the cells: 1, and 1/2 on a Neumann wall through a node."""
        w = np.ones(self.n)
        if self.trig == "cos" and self.b == 0:
            w[0] = 0.5
        if self.trig != "fourier" and self.b + self.n - 1 == self.period:
            w[-1] = 0.5
        return w

    @property
    def norms(self) -> Float[np.ndarray, " n"]:
        """Sum over the cells of the squared modes; 1 for the real Fourier pair."""
        norms = np.full(self.n, self.period / 2)
        if self.trig == "fourier":
            norms[:] = 1
        if self.trig == "cos" and self.a == 0:
            norms[0] *= 2
        if self.a % 1 == 0 and self.a + self.n - 1 == self.period:
            norms[-1] *= 2
        return norms


def modes(n: int, low: str, high: str, wall: str) -> Modes:
    """Modes of an axis from its walls, `"dirichlet"`, `"neumann"` or `"periodic"`.

    Raises:
        ValueError: If one node should lie on two walls.

    Example:
        >>> modes(3, "dirichlet", "dirichlet", "node").eigenvalues.round(3).tolist()
        [0.586, 2.0, 3.414]
    """
    if low == "periodic":
        return Modes(n, "fourier")
    if wall == "node" and low == high == "neumann" and n < 2:
        raise ValueError("one node cannot lie on two walls: give the axis 2 or more.")
    trig: Trig = "sin" if low == "dirichlet" else "cos"
    a = (1.0 if trig == "sin" else 0.0) if low == high else 0.5
    b = 0.5 if wall == "half" else (1.0 if trig == "sin" else 0.0)
    return Modes(n, trig, a, b)


# By real FFT, along the last axis.


def forward(x: Float[Array, "*batch n"], m: Modes) -> Float[Array, "*batch n"]:
    r"""Coefficients $X_k = \sum_i w_i x_i m_k(i)$."""
    if m.trig == "fourier":
        return _pack(jnp.fft.rfft(x), m.n)
    w = m.weights
    if np.any(w != 1):
        x = x * _row(w, x)
    return _trig_sum(x, m.trig, m.b, m.a, m.period)


def inverse(x: Float[Array, "*batch n"], m: Modes) -> Float[Array, "*batch n"]:
    r"""Values $x_i = \sum_k y_k m_k(i)$; of `forward(x) / m.norms` it gives `x`."""
    if m.trig == "fourier":
        return jnp.fft.irfft(_unpack(x, m.n), m.n)
    return _trig_sum(x, m.trig, m.a, m.b, m.period)


def _trig_sum(y: Array, trig: str, p: float, q: float, period: int) -> Array:
    r"""$\sum_j y_j\,\mathrm{trig}(\pi (j + p)(k + q) / M)$ for k = 0 ... n - 1.

    Zero padding to 2 M costs no more than a folded transform, and keeps the rows whole.
    """
    n, length = y.shape[-1], 2 * period
    if p % 1 and q % 1:  # phases of a quarter: a complex transform
        z = _times(y, _phase(np.arange(n), length, dtype=y.dtype))
        z = jnp.fft.fft(_padded(z, 0, length - n))[..., :n]
        phase = _phase(np.arange(n) + 0.5, length, dtype=y.dtype)
        z = z * _row(phase, z)
        return z.real if trig == "cos" else -z.imag
    if q % 1:  # the Hermitian half of a spectrum
        p = int(p)
        j = np.arange(n) + p
        phase = _phase(j, length, sign=1, dtype=y.dtype)
        phase = phase if trig == "cos" else -1j * phase
        # The transform halves what lies at both ends, and takes its real part.
        phase = phase * np.where((j == 0) | (j == period), 1.0, 0.5) * length
        z = _padded(_times(y, phase.astype(phase.dtype)), p, period + 1 - n - p)
        return jnp.fft.irfft(z, length)[..., :n]
    q = int(q)
    if p % 1:
        z = jnp.fft.rfft(_padded(y, 0, length - n))[..., q : q + n]
        z = z * _row(_phase(np.arange(n) + q, length, dtype=y.dtype), z)
    else:
        p = int(p)
        z = jnp.fft.rfft(_padded(y, p, length - n - p))[..., q : q + n]
    return z.real if trig == "cos" else -z.imag


def _phase(j: np.ndarray, length: int, sign: int = -1, *, dtype) -> np.ndarray:
    z = np.exp(sign * 1j * np.pi * j / length)
    return z.astype(np.result_type(np.dtype(dtype), np.complex64))


def _times(y: Array, phase: np.ndarray) -> Array:
    return lax.complex(y * _row(np.real(phase), y), y * _row(np.imag(phase), y))


def _padded(y: Array, low: int, high: int) -> Array:
    zero = jnp.zeros((), y.dtype)
    return lax.pad(y, zero, [(0, 0, 0)] * (y.ndim - 1) + [(low, high, 0)])


def _row(v: np.ndarray, like: Array) -> np.ndarray:
    return v.astype(like.dtype).reshape((1,) * (like.ndim - 1) + v.shape)


def _packed_order(n: int) -> np.ndarray:
    """Wave numbers as `_pack` lays them: cosines 0 to n / 2, then the sines."""
    return np.concatenate([np.arange(n // 2 + 1), np.arange(1, (n + 1) // 2)])


def _pack(z: Array, n: int) -> Array:
    return jnp.concatenate([z.real, z.imag[..., 1 : (n + 1) // 2]], -1)


def _unpack(x: Array, n: int) -> Array:
    real, imag = x[..., : n // 2 + 1], x[..., n // 2 + 1 :]
    return lax.complex(real, _padded(imag, 1, real.shape[-1] - imag.shape[-1] - 1))


# By matrix products.


@ft.lru_cache(maxsize=64)
def matrix(m: Modes) -> Float[np.ndarray, "n n"]:
    """U, a mode in every row, with U diag(w) U^T = 1. Of a periodic axis the modes are
    cosines and sines about the middle of the axis, so that they too are even or odd."""
    i = np.arange(m.n)
    if m.trig == "fourier":
        k = _packed_order(m.n)[:, None]
        is_sine = (np.arange(m.n) > m.n // 2)[:, None]
        if m.n % 2 == 0:
            is_sine[m.n // 2] = True  # about the middle the cosine would vanish
        phase = 2 * np.pi * ((2 * i + 1) * k % (2 * m.n)) / (2 * m.n)
        u = np.where(is_sine, np.sin(phase), np.cos(phase))
    else:
        k = np.arange(m.n)[:, None]
        whole = round(4 * m.period)  # in units of a quarter, so that phases stay exact
        steps = np.rint((2 * k + 2 * m.a) * (2 * i + 2 * m.b)).astype(np.int64)
        phase = 2 * np.pi * (steps % (2 * whole)) / (2 * whole)
        u = np.sin(phase) if m.trig == "sin" else np.cos(phase)
    return u / np.sqrt(np.sum(u**2 * m.weights, axis=1, keepdims=True))


@ft.lru_cache(maxsize=64)
def _halves(m: Modes) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Even and odd modes on the lower half, and the order; None if they are neither."""
    u = matrix(m)
    signs = np.sign(np.sum(u * u[:, ::-1], axis=1))
    if not np.allclose(u[:, ::-1], signs[:, None] * u, atol=1e-9):
        return None
    order = np.concatenate([np.flatnonzero(signs > 0), np.flatnonzero(signs < 0)])
    return u[signs > 0, : -(-m.n // 2)], u[signs < 0, : m.n // 2], order


def matrix_eigenvalues(m: Modes) -> Float[np.ndarray, " n"]:
    """Eigenvalues in the order of `matrix_forward`."""
    halves = _halves(m)
    return m.eigenvalues if halves is None else m.eigenvalues[halves[2]]


def matrix_forward(x: Float[Array, "*batch n"], m: Modes) -> Float[Array, "*batch n"]:
    """Orthonormal coefficients, even modes first where the axis is symmetric.

    A symmetric axis folds into two products of half the size.
    """
    w = m.weights
    if np.any(w != 1):
        x = x * _row(w, x)
    halves = _halves(m)
    if halves is None:
        return _product(x, matrix(m).T)
    even, odd, _ = halves
    h = m.n // 2
    low, high = x[..., :h], jnp.flip(x[..., m.n - h :], -1)
    plus, minus = low + high, low - high
    if m.n % 2:
        plus = jnp.concatenate([plus, x[..., h : h + 1]], -1)
    return jnp.concatenate([_product(plus, even.T), _product(minus, odd.T)], -1)


def matrix_inverse(x: Float[Array, "*batch n"], m: Modes) -> Float[Array, "*batch n"]:
    """Values from orthonormal coefficients: the inverse of `matrix_forward`."""
    halves = _halves(m)
    if halves is None:
        return _product(x, matrix(m))
    even, odd, _ = halves
    h, count = m.n // 2, even.shape[0]
    plus, minus = _product(x[..., :count], even), _product(x[..., count:], odd)
    low, high = plus[..., :h] + minus, jnp.flip(plus[..., :h] - minus, -1)
    return jnp.concatenate([low, plus[..., h:], high], -1)


def _product(x: Array, u: np.ndarray) -> Array:
    return jnp.matmul(x, u.astype(x.dtype), precision="highest")

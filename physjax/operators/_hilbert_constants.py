"""Constants of the discrete Hilbert transform, in NumPy float64.

The odd kernel $h_k = 2/(\\pi k)$ for odd $k$, zero for even $k$, is exact for
band-limited functions. Samples outside the window that are multiples of the outermost
samples contribute multiples of two fixed vectors, so that no padding is needed.
"""

import functools as ft

import numpy as np


def good_length(n: int) -> int:
    """The smallest even length, at least `n`, with prime factors 2, 3, 5 and 7 only."""
    n += n % 2
    while True:
        rest = n
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 2


def _kernel(k: np.ndarray) -> np.ndarray:
    odd = k % 2 == 1
    return np.where(odd, 2 / (np.pi * np.where(odd, k, 1)), 0)


@ft.lru_cache(maxsize=64)
def linear_spectrum(n: int, dtype: np.dtype) -> tuple[int, np.ndarray]:
    """Transform length, and i times the transform of the kernel (which is real)."""
    length = good_length(2 * n - 1)
    k = np.arange(n)
    kernel = np.zeros(length)
    kernel[:n] = _kernel(k)
    kernel[length - n + 1 :] = -kernel[n - 1 : 0 : -1]
    return length, _constant(-np.fft.rfft(kernel).imag, dtype)


@ft.lru_cache(maxsize=64)
def periodic_spectrum(n: int, dtype: np.dtype) -> np.ndarray:
    """Sign of the frequency, zero at frequency zero and at the Nyquist frequency."""
    sign = np.ones(n // 2 + 1)
    sign[0] = 0
    if n % 2 == 0:
        sign[-1] = 0
    return _constant(sign, dtype)


@ft.lru_cache(maxsize=8)
def linear_matrix(n: int, dtype: np.dtype, extend: str, exponent: float) -> np.ndarray:
    """Dense linear transform with its tails, `y = x @ matrix`."""
    k = np.arange(n)
    matrix = _kernel(k[None, :] - k[:, None])
    if extend != "zero":
        left, right = tails(n, np.dtype(np.float64), extend, exponent)
        matrix[0] += left
        matrix[-1] += right
    return _constant(matrix, dtype)


@ft.lru_cache(maxsize=64)
def tails(
    n: int, dtype: np.dtype, extend: str, exponent: float
) -> tuple[np.ndarray, np.ndarray]:
    """Transforms of the left and of the right tail of outermost sample one."""
    left = _edge_tail(n) if extend == "edge" else _power_tail(n, exponent)
    return _constant(left, dtype), _constant(-left[::-1], dtype)


def _edge_tail(n: int) -> np.ndarray:
    """The constant tail to infinity, less the (infinite) value at the centre."""
    k = np.arange(n)
    tail = -np.cumsum(_kernel(k))
    return tail - (tail[(n - 1) // 2] + tail[n // 2]) / 2


def _power_tail(n: int, exponent: float) -> np.ndarray:
    r"""$\sum_{j \ge 1} h_{i+j} (d / (d + j))^p$ with $d = (n-1)/2$, to infinity.

    The first terms are a correlation by FFT. The rest, a smooth summand over every
    second $j$, is an integral in closed form as a geometric series, with the first
    correction of the midpoint rule (the next is below 1e-15).
    """
    if n == 1:
        return np.zeros(1)
    d = (n - 1) / 2
    near = max(n, 4096)
    j = np.arange(1, near + 1)
    weight = (d / (d + j)) ** exponent
    length = good_length(n + near)
    # y_i = sum_j h_{i+j} w_j: a correlation, so the weights enter conjugated.
    kernel = np.fft.rfft(_kernel(np.arange(n + near)), length)
    first = np.conj(np.fft.rfft(np.concatenate([[0.0], weight]), length))
    direct = np.fft.irfft(kernel * first, length)[:n]

    i = np.arange(n)
    start = near + (i + near) % 2  # one before the first j left with i + j odd
    u = d / (d + start)
    integral = np.zeros(n)
    for m in range(48):  # abs(ratio) <= 1 / 3
        integral += (-(i - d) / d) ** m * u ** (exponent + m) / (exponent + m)
    value = u**exponent / (i + start)
    slope = -value * (1 / (i + start) + exponent / (d + start))
    return direct + (2 / np.pi) * (integral / 2 + slope / 12)


def _constant(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    x = x.astype(dtype)
    x.setflags(write=False)
    return x

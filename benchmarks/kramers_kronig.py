"""Kramers-Kronig retrieval of noise-free CARS spectra: spectra per second.

Spectra as VECTOR's set 3a draws them (30 to 49 lines, widths 2 to 10 and positions 300
to 1700 of 2000) over a flat background of 0.5. The float64 reference sums the ideal
kernel over the whole power tail; `mse` is the distance to the true
imaginary part of the susceptibility, which no method reaches from a finite window.
"""

import functools as ft
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.special

from physjax.solvers import kramers_kronig_retrieval

from .harness import Case, Gate, Table
from .launch import Context
from .peers import copy_case, jax_case

NUM_POINTS = 1000
BACKGROUND = 0.5
EXPONENT = 1.15  # of the tail of ln(I / reference)
TOLERANCE = {"float32": 1e-5, "float64": 1e-11}


def tables(context: Context) -> Iterator[Table]:
    on_cpu = context.backend == "cpu"
    count = 256 if context.quick else 4096 if on_cpu else 65_536
    rate = (2e4, 1e5) if on_cpu else (4e6, 5e6)
    yield _table(context, count, "float32", Gate("rate", *rate, modes=("wall",)))
    jax.config.update("jax_enable_x64", True)
    yield _table(context, count // 4, "float64")


def susceptibilities(count: int, num_points: int, seed: int = 0) -> np.ndarray:
    """Sums of complex Lorentzians, their largest modulus in [0.3, 1]."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(0, 2000, num_points)
    chi = np.empty((count, num_points), np.complex128)
    for row in chi:
        lines = rng.integers(30, 50)
        amplitude = rng.uniform(0.01, 1, lines)
        position = rng.uniform(300, 1700, lines)
        width = rng.uniform(2, 10, lines)
        row[:] = np.sum(amplitude / (position - axis[:, None] - 1j * width), -1)
        row *= rng.uniform(0.3, 1) / np.max(np.abs(row))
    return chi


class _Ideal:
    """The ideal transform with power tails in SciPy: one real FFT each way."""

    def __init__(self, n: int, dtype, workers: int = 1):
        k = np.arange(-(n - 1), n)
        kernel = np.where(k % 2, 2 / (np.pi * np.where(k, k, 1)), 0.0)
        self.n, self.length = n, scipy.fft.next_fast_len(2 * n - 1, real=True)
        wrapped = np.zeros(self.length)
        wrapped[k] = kernel
        self.spectrum = scipy.fft.rfft(wrapped.astype(dtype))
        self.left, self.right = _tails(n).astype(dtype)
        self.workers = workers

    def __call__(self, x: np.ndarray) -> np.ndarray:
        spectrum = scipy.fft.rfft(x, self.length, workers=self.workers)
        spectrum *= self.spectrum
        y = scipy.fft.irfft(
            spectrum, self.length, overwrite_x=True, workers=self.workers
        )[:, : self.n]
        y += x[:, :1] * self.left
        y += x[:, -1:] * self.right
        return y


def _tails(n: int) -> np.ndarray:
    """(2, n) ideal transforms of the power tails left and right.

    A tail is 1 at the last point of its side and falls with the distance from the
    centre c of the window to the power p. Of its points at odd distance from i the
    first 4 n are summed; with 1 / (j - i) as a geometric series in (i - c) / (j - c),
    the rest are Hurwitz zeta functions.
    """
    i = np.arange(n)[:, None]
    c, p = (n - 1) / 2, EXPONENT
    first = n + (i + n + 1) % 2
    j = first + 2 * np.arange(4 * n)
    total = np.sum(1 / (i - j) * (c / (j - c)) ** p, -1)
    rest = (first + 8 * n - c) / 2
    for m in range(16):
        zeta = scipy.special.zeta(p + m + 1, rest) / 2 ** (p + m + 1)
        total -= (c**p * (i - c) ** m * zeta)[:, 0]
    right = 2 / np.pi * total
    return np.stack([-right[::-1], right])


def _edge_padded(x: np.ndarray, workers: int) -> np.ndarray:
    """The usual recipe: edge values one window wide on both sides, complex FFT."""
    n = x.shape[-1]
    padded = np.pad(x, ((0, 0), (n, n)), mode="edge")
    spectrum = scipy.fft.fft(padded, workers=workers)
    spectrum *= (-1j * np.sign(scipy.fft.fftfreq(3 * n))).astype(spectrum.dtype)
    y = scipy.fft.ifft(spectrum, overwrite_x=True, workers=workers)
    return np.real(y[:, n : 2 * n])


def _retrieve(intensity: np.ndarray, reference: np.ndarray, transform) -> np.ndarray:
    """In NumPy: modulus sqrt(2 I), phase H[ln(I / reference) / 2]."""
    phase = transform(np.log(intensity / reference) / 2)
    modulus = np.sqrt(2 * intensity)
    chi = np.empty(phase.shape, np.result_type(phase, np.complex64))
    np.multiply(modulus, np.cos(phase), out=chi.real)
    np.multiply(modulus, np.sin(phase), out=chi.imag)
    return chi


def _table(context: Context, count: int, dtype: str, *gates: Gate) -> Table:
    truth = susceptibilities(count, NUM_POINTS)
    intensity = (np.abs(truth + BACKGROUND) ** 2 / 2).astype(dtype)
    reference = np.full(NUM_POINTS, BACKGROUND**2 / 2, dtype)
    exact = _retrieve(
        intensity.astype(np.float64), reference, _Ideal(NUM_POINTS, np.float64)
    )
    on_device = jnp.asarray(intensity), jnp.asarray(reference)
    workers = context.threads

    def mse(chi) -> float:
        return float(np.mean((np.asarray(chi).imag - truth.imag) ** 2))

    def case(name, retrieve, **options) -> Case:
        run = jax_case(name, retrieve, *on_device, **options)
        run.metrics = lambda: {"mse": mse(jax.jit(retrieve)(*on_device))}
        return run

    def numpy_case(name, transform, **options) -> Case:
        run = lambda: _retrieve(intensity, reference, transform)
        return Case(name, lambda: run, metrics=lambda: {"mse": mse(run())}, **options)

    retrieve = ft.partial(kramers_kronig_retrieval, exponent=EXPONENT)

    def by_rows(intensity, reference):
        one = lambda row: retrieve(row, reference)
        return jax.lax.map(one, intensity, batch_size=64)

    def gradient(intensity, reference):
        chi, pull = jax.vjp(lambda i: retrieve(i, reference).imag, intensity)
        return chi, *pull(chi)

    cases = [
        case("physjax", retrieve, gates=gates),
        case("physjax, lax.map of 64", by_rows),
        jax_case("physjax, with gradient", gradient, *on_device, compare=False),
        numpy_case("scipy, same formula", _Ideal(NUM_POINTS, dtype, workers)),
        numpy_case(
            "scipy, edge-padded FFT",
            lambda x: _edge_padded(x, workers),
            compare=False,
        ),
    ]
    # Least traffic: the intensity is read, the complex susceptibility written.
    nbytes = intensity.nbytes
    return Table(
        op="kramers_kronig",
        size=f"{count}x{NUM_POINTS}",
        dtype=dtype,
        ref="scipy, same formula",
        cases=cases,
        reference=exact,
        tolerance=TOLERANCE[dtype],
        items=count,
        traffic=3 * nbytes,
        roofline=copy_case(3 * nbytes),
        roofline_traffic=6 * nbytes,
    )

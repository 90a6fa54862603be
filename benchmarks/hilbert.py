"""Hilbert transform of a batch of rows, against SciPy, PyTorch and pyFFTW.

All peers compute the imaginary part of the analytic signal. SciPy's `hilbert` goes
through a complex transform; the real transforms of SciPy, PyTorch and pyFFTW (planned)
are written here as a careful user would.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
import scipy.signal

from physjax.operators import hilbert_transform

from . import peers
from .harness import Case, Gate, Table
from .launch import Context
from .peers import copy_case, jax_case

PLANNING_SECONDS = 5.0
TOLERANCE = {"float32": 5e-6, "float64": 1e-13}


def tables(context: Context) -> Iterator[Table]:
    if context.backend == "cpu":
        yield from _on_cpu(context)
    else:
        yield from _on_accelerator(context)


def _on_cpu(context: Context) -> Iterator[Table]:
    row12 = (
        Gate("speed", 2.4, 3.0, against="scipy.signal.hilbert"),
        Gate("speed", 0.9, 1.2, against="torch rfft"),
        Gate("speed", 0.95, 1.3, against="pyfftw planned"),
    )
    million = (
        Gate("speed", 1.6 * 0.8, 1.6, against="scipy.signal.hilbert"),
        Gate("speed", 0.4 * 0.8, 0.4, against="pyfftw planned"),
    )
    yield _periodic(context, (1024, 1000), "float32", row12)
    yield _periodic(context, (1024, 1024), "float32")
    yield _periodic(context, (1024, 997), "float32")
    yield _periodic(
        context, (1, 100_000 if context.quick else 1_000_000), "float32", million
    )
    yield _methods((1024, 1000), "float32")
    yield _composed((1024, 1000), "float32")
    jax.config.update("jax_enable_x64", True)
    yield _periodic(context, (1024, 1000), "float64")
    yield _periodic(context, (1024, 1024), "float64")
    yield _methods((1024, 1000), "float64")


def _on_accelerator(context: Context) -> Iterator[Table]:
    rows = 1024 if context.quick else 65_536
    # Six streams: each of the two transforms and the product reads and writes.
    chain = (Gate("copy_fraction", 0.4, 0.5, modes=("wall",)),)
    yield _periodic(context, (rows, 1000), "float32", chain, host_peers=False)
    yield _periodic(context, (rows, 1024), "float32", chain, host_peers=False)
    yield _periodic(context, (rows, 997), "float32", host_peers=False)
    yield _methods((rows, 1000), "float32")
    yield _composed((rows, 1000), "float32")


def _input(shape: tuple[int, int], dtype: str) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def _table(op, shape, dtype, ref, cases, reference) -> Table:
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return Table(
        op=op,
        size="x".join(map(str, shape)),
        dtype=dtype,
        ref=ref,
        cases=cases,
        reference=reference,
        tolerance=TOLERANCE[dtype],
        items=shape[0],
        traffic=6 * nbytes,
        roofline=copy_case(2 * nbytes),
        roofline_traffic=4 * nbytes,
    )


def _multiplier(n: int, dtype) -> np.ndarray:
    """-i sgn(k) on the non-negative frequencies; DC and Nyquist bins are zero."""
    multiplier = np.full(n // 2 + 1, -1j, np.result_type(dtype, np.complex64))
    multiplier[0] = 0
    if n % 2 == 0:
        multiplier[-1] = 0
    return multiplier


def _jnp_rfft(x):
    n = x.shape[-1]
    return jnp.fft.irfft(jnp.fft.rfft(x) * _multiplier(n, x.dtype), n)


def _periodic(context, shape, dtype, gates=(), *, host_peers=True) -> Table:
    x = _input(shape, dtype)
    exact = np.imag(scipy.signal.hilbert(x.astype(np.float64)))
    on_device = jnp.asarray(x)
    ours = lambda x: hilbert_transform(x, method="fft")
    cases = [
        jax_case("physjax", ours, on_device, gates=gates),
        jax_case("jnp rfft", _jnp_rfft, on_device),
        _torch_rfft(context, x),
    ]
    if host_peers:
        cases += [
            _scipy_signal(x, context.threads),
            _scipy_rfft(x, context.threads),
            _pyfftw_planned(x, context.threads),
        ]
        if context.threads > 1:  # as most people call it
            cases.append(_scipy_signal(x, 1, ", 1 worker"))
    ref = "scipy.signal.hilbert" if host_peers else "jnp rfft"
    return _table("hilbert fft", shape, dtype, ref, cases, exact)


def _scipy_signal(x: np.ndarray, threads: int, remark: str = "") -> Case:
    def run():
        with scipy.fft.set_workers(threads):
            return np.imag(scipy.signal.hilbert(x))

    return Case("scipy.signal.hilbert" + remark, lambda: run)


def _scipy_rfft(x: np.ndarray, threads: int) -> Case:
    n = x.shape[-1]
    multiplier = _multiplier(n, x.dtype)

    def run():
        spectrum = scipy.fft.rfft(x, workers=threads)
        spectrum *= multiplier
        return scipy.fft.irfft(spectrum, n, overwrite_x=True, workers=threads)

    return Case("scipy rfft", lambda: run)


def _torch_rfft(context: Context, x: np.ndarray) -> Case:
    torch = peers.find("torch")
    if torch is None:
        return peers.missing("torch rfft", "torch")
    device = peers.torch_device(torch, context)
    n = x.shape[-1]
    tensor = torch.from_numpy(x).to(device)
    multiplier = torch.from_numpy(_multiplier(n, x.dtype)).to(device)

    def run():
        with torch.inference_mode():
            spectrum = torch.fft.rfft(tensor)
            spectrum *= multiplier
            return torch.fft.irfft(spectrum, n)

    block = peers.torch_block(torch, device)
    return Case("torch rfft", lambda: run, block, peers.to_numpy)


def _pyfftw_planned(x: np.ndarray, threads: int) -> Case:
    """Plans once, writes into its own arrays: what pyFFTW does best."""
    pyfftw = peers.find("pyfftw")
    if pyfftw is None:
        return peers.missing("pyfftw planned", "pyfftw")

    def build():
        n = x.shape[-1]
        multiplier = _multiplier(n, x.dtype) / n
        shape = (*x.shape[:-1], n // 2 + 1)
        source = pyfftw.empty_aligned(x.shape, x.dtype)
        spectrum = pyfftw.empty_aligned(shape, multiplier.dtype)
        result = pyfftw.empty_aligned(x.shape, x.dtype)
        plan = {"flags": ("FFTW_MEASURE",), "threads": threads}
        plan["planning_timelimit"] = PLANNING_SECONDS
        forward = pyfftw.FFTW(source, spectrum, **plan)
        backward = pyfftw.FFTW(
            spectrum, result, direction="FFTW_BACKWARD", normalise_idft=False, **plan
        )
        source[:] = x  # planning overwrites

        def run():
            forward.execute()
            np.multiply(spectrum, multiplier, out=spectrum)
            backward.execute()
            return result

        return run

    return Case("pyfftw planned", build)


def _methods(shape, dtype) -> Table:
    """Our three methods; `ideal` against the same convolution in SciPy."""
    x = _input(shape, dtype)
    n = shape[-1]
    k = np.arange(-(n - 1), n)
    kernel = np.where(k % 2, 2 / (np.pi * np.where(k, k, 1)), 0.0)
    length = scipy.fft.next_fast_len(3 * n - 2, real=True)
    transformed = scipy.fft.rfft(kernel, length)
    exact = scipy.fft.irfft(
        scipy.fft.rfft(x.astype(np.float64), length) * transformed, length
    )[..., n - 1 : 2 * n - 1]
    single = kernel.astype(dtype)[None]

    def scipy_convolution():
        y = scipy.signal.fftconvolve(x, single, mode="full", axes=-1)
        return y[..., n - 1 : 2 * n - 1]

    def ours(**options):
        return lambda x: hilbert_transform(x, **options)

    on_device = jnp.asarray(x)
    cases = [
        jax_case("ideal", ours(), on_device),
        jax_case("matrix", ours(method="matrix"), on_device),
        jax_case("fft", ours(method="fft"), on_device, compare=False),
        jax_case("ideal, power tail", ours(extend="power"), on_device, compare=False),
        Case("scipy fftconvolve", lambda: scipy_convolution),
    ]
    return _table("hilbert methods", shape, dtype, "scipy fftconvolve", cases, exact)


def _composed(shape, dtype) -> Table:
    """Inside a program: the gradient, and ten transforms in one jit."""
    x = _input(shape, dtype)
    exact = np.imag(scipy.signal.hilbert(x.astype(np.float64)))
    transform = lambda x: hilbert_transform(x, method="fft")
    on_device = jnp.asarray(x)

    def value_and_gradient(x):
        y, pull = jax.vjp(transform, x)
        return y, *pull(y)

    def ten(x):
        return jax.lax.fori_loop(0, 10, lambda _, y: transform(y), x)

    cases = [
        jax_case("forward", transform, on_device),
        jax_case(
            "forward and gradient",
            value_and_gradient,
            on_device,
            gates=(Gate("cost", 2.1 / 0.8, 2.1),),
            value=lambda result: np.asarray(result[0]),
        ),
        jax_case("loop of 10 in one jit", ten, on_device, units=10, compare=False),
    ]
    return _table("hilbert composed", shape, dtype, "forward", cases, exact)

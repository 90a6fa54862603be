"""div(sigma grad u) between insulating walls, against NumPy, PyTorch and numba.

All take the arithmetic mean on faces, and the fluxes on the inner faces as slices.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from physjax import Neumann
from physjax.operators import dirichlet_energy, div_sigma_grad

from . import peers
from .harness import Case, Gate, Table
from .launch import Context
from .peers import copy_case, jax_case

TOLERANCE = 2e-6
CLOSED = [(Neumann(), Neumann())] * 2


def tables(context: Context) -> Iterator[Table]:
    if context.backend == "cpu":
        for n in (256, 1024) if context.quick else (256, 1024, 4096):
            yield _against_peers(context, n)
            yield _gradients(context, n)
        return
    yield _against_peers(context, 4096)
    yield _gradients(context, 4096)


def _ours(u, sigma, faces="arithmetic"):
    return div_sigma_grad(u, sigma, (1.0, 1.0), CLOSED, faces=faces)


def _inputs(n: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    u = random.standard_normal((n, n)).astype(np.float32)
    return u, np.exp(random.standard_normal((n, n)) / 2).astype(np.float32)


def _table(op, n, ref, cases, reference=None) -> Table:
    nbytes = 4 * n * n
    return Table(
        op=op,
        size=f"{n}x{n}",
        dtype="float32",
        ref=ref,
        cases=cases,
        reference=reference,
        tolerance=TOLERANCE,
        traffic=3 * nbytes,
        roofline=copy_case(nbytes),
        roofline_traffic=2 * nbytes,
    )


def _against_peers(context: Context, n: int) -> Table:
    u, sigma = _inputs(n)
    on_device = jnp.asarray(u), jnp.asarray(sigma)
    gates: list[Gate] = []
    if context.backend == "cpu":
        gates = [
            Gate("speed", 1.5, 2, against="numpy"),
            Gate("speed", 2, 3, against="torch"),
        ]
    else:
        gates = [Gate("copy_fraction", 0.5, 0.6, modes=("wall",))]
    cases = [
        jax_case("physjax", _ours, *on_device, gates=gates),
        jax_case(
            "physjax, harmonic faces",
            lambda u, s: _ours(u, s, "harmonic"),
            *on_device,
            compare=False,
        ),
        Case("numpy", lambda: lambda: _numpy(u, sigma)),
        _torch(context, u, sigma),
        _numba(u, sigma),
    ]
    exact = _numpy(u.astype(np.float64), sigma.astype(np.float64))
    return _table("div_sigma_grad", n, "numpy", cases, exact)


def _numpy(u: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    out = np.zeros_like(u)
    half = u.dtype.type(0.5)
    flux = (sigma[1:] + sigma[:-1]) * half * (u[1:] - u[:-1])
    out[:-1] += flux
    out[1:] -= flux
    flux = (sigma[:, 1:] + sigma[:, :-1]) * half * (u[:, 1:] - u[:, :-1])
    out[:, :-1] += flux
    out[:, 1:] -= flux
    return out


def _torch_fluxes(torch, u, sigma):
    pad = torch.nn.functional.pad
    across = (sigma[1:] + sigma[:-1]) * 0.5 * (u[1:] - u[:-1])
    along = (sigma[:, 1:] + sigma[:, :-1]) * 0.5 * (u[:, 1:] - u[:, :-1])
    out = pad(across, (0, 0, 0, 1)) - pad(across, (0, 0, 1, 0))
    return out + pad(along, (0, 1)) - pad(along, (1, 0))


def _torch(context: Context, u: np.ndarray, sigma: np.ndarray) -> Case:
    torch = peers.find("torch")
    if torch is None:
        return peers.missing("torch", "torch")
    device = peers.torch_device(torch, context)
    tensors = [torch.from_numpy(x).to(device) for x in (u, sigma)]

    def run():
        with torch.inference_mode():
            return _torch_fluxes(torch, *tensors)

    return Case("torch", lambda: run, peers.torch_block(torch, device), peers.to_numpy)


def _numba(u: np.ndarray, sigma: np.ndarray) -> Case:
    numba = peers.find("numba")
    if numba is None:
        return peers.missing("numba", "numba")
    out = np.empty_like(u)

    def build():
        kernel = numba.njit(fastmath=True)(_rows)
        return lambda: kernel(u, sigma, out)

    return Case("numba", build)


def _rows(u, sigma, out):
    n, m = u.shape
    half = np.float32(0.5)
    for i in range(n):
        for j in range(m):
            out[i, j] = np.float32(0)
        for j in range(m - 1):
            flux = half * (sigma[i, j] + sigma[i, j + 1]) * (u[i, j + 1] - u[i, j])
            out[i, j] += flux
            out[i, j + 1] -= flux
        if i > 0:
            for j in range(m):
                s = half * (sigma[i, j] + sigma[i - 1, j])
                out[i, j] -= s * (u[i, j] - u[i - 1, j])
        if i < n - 1:
            for j in range(m):
                s = half * (sigma[i, j] + sigma[i + 1, j])
                out[i, j] += s * (u[i + 1, j] - u[i, j])
    return out


def _gradients(context: Context, n: int) -> Table:
    """Reverse mode in the field and the coefficient, over the forward evaluation."""
    u, sigma = _inputs(n)
    on_device = jnp.asarray(u), jnp.asarray(sigma)

    given = jnp.asarray(_inputs(n)[0][::-1].copy())

    def pull(u, sigma, v):
        return jax.vjp(_ours, u, sigma)[1](v)

    def squared(u, sigma):
        return jnp.sum(_ours(u, sigma) ** 2)

    def energy(u, sigma):
        total = lambda u: dirichlet_energy(
            u, sigma, (1.0, 1.0), CLOSED, faces="arithmetic"
        )
        return jax.value_and_grad(total)(u)

    cases = [
        jax_case("forward", _ours, *on_device),
        jax_case(
            "vjp(u, sigma)", pull, *on_device, given, gates=(Gate("cost", 3.5, 2.5),)
        ),
        jax_case(
            "vjp(u)", lambda u, s: jax.vjp(lambda u: _ours(u, s), u)[1](u), *on_device
        ),
        jax_case(
            "gradient of the squared norm",
            jax.grad(squared, argnums=(0, 1)),
            *on_device,
        ),
        jax_case("energy and its gradient", energy, *on_device),
        _torch_backward(context, u, sigma),
    ]
    return _table("div_sigma_grad gradients", n, "forward", cases)


def _torch_backward(context: Context, u: np.ndarray, sigma: np.ndarray) -> Case:
    torch = peers.find("torch")
    if torch is None:
        return peers.missing("torch forward and backward", "torch")
    device = peers.torch_device(torch, context)
    tensors = [torch.from_numpy(x).to(device).requires_grad_() for x in (u, sigma)]

    def run():
        out = _torch_fluxes(torch, *tensors)
        return torch.autograd.grad(out, tensors, out.detach())

    block = peers.torch_block(torch, device)
    return Case("torch forward and backward", lambda: run, block)

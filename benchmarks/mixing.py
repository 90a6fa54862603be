"""Linear mixing, spectral angles and abundances: pixels per second.

Smooth endmembers, Dirichlet abundances, noise that takes many pixels out of the
simplex. The reference of abundances is the least objective over all feasible supports
in float64, a definition that shares no code with physjax. The loops over pixels (scipy,
pysptools) are timed on some pixels, their time scaled to all.
"""

import functools as ft
from collections.abc import Iterator

import jax
import numpy as np
import scipy.optimize

from physjax.operators.mixing import linear_mixing, spectral_angle, spectral_angles
from physjax.solvers.unmixing import fcls, in_chunks

from .harness import Case, Gate, Table
from .launch import Context
from .peers import (
    find,
    jax_case,
    missing,
    to_numpy,
    torch_block,
    torch_device,
)

NOISE = 0.02
ROWS = 4000
"""Pixels per turn of the loops over chunks, which stay in the cache of a core."""


def tables(context: Context) -> Iterator[Table]:
    on_cpu = context.backend == "cpu"
    many = 2000 if context.quick else 200_000 if on_cpu else 2_000_000
    fewer = 1000 if context.quick else 100_000
    yield _abundances(context, many, 198, 4)
    yield _abundances(context, fewer, 200, 6)
    yield _mixing_and_angle(context, fewer)
    yield _angle_map(context, fewer)


def scene(pixels: int, bands: int, members: int, seed: int = 0):
    """Spectra, endmembers, abundances; float32."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    centres, widths = rng.uniform(0.1, 1, (2, members, 1))
    bumps = 1 / (1 + ((axis - centres) / widths) ** 2)
    endmembers = 0.1 + 0.8 * bumps * rng.uniform(0.5, 1, (members, 1))
    endmembers = endmembers.astype(np.float32)
    abundances = rng.dirichlet(np.full(members, 0.5), pixels).astype(np.float32)
    noise = rng.standard_normal((pixels, bands), np.float32)
    return abundances @ endmembers + NOISE * noise, endmembers, abundances


def exact_fcls(spectra: np.ndarray, endmembers: np.ndarray) -> np.ndarray:
    """The best feasible support in float64."""
    n = len(endmembers)
    e = endmembers.astype(np.float64)
    basis = np.linalg.qr(e.T)[0]
    spectra, e = spectra @ basis, e @ basis
    best, answer = np.full(len(spectra), np.inf), np.zeros((len(spectra), n))
    for number in range(1, 2**n):
        support = [i for i in range(n) if number >> i & 1]
        corner, free = e[support[0]], support[1:]
        a = np.zeros((len(spectra), n))
        a[:, free] = (spectra - corner) @ np.linalg.pinv(e[free] - corner)
        a[:, support[0]] = 1 - np.sum(a, -1)
        size = np.sum((spectra - a @ e) ** 2, -1)
        better = (np.min(a, -1) >= -1e-12) & (size < best)
        answer[better], best[better] = a[better], size[better]
    return answer


def _abundances(context: Context, pixels: int, bands: int, members: int) -> Table:
    spectra, endmembers, _ = scene(pixels, bands, members)
    on_device = jax.device_put((spectra, endmembers))
    peer = {4: "spams, decompSimplex", 6: "scipy.nnls, loop"}[members]
    on_cpu = context.backend == "cpu"
    gates = {
        4: [Gate("rate", 1e6, 5e6, modes=("wall",)), Gate("speed", 2.0, 10.0)],
        6: [Gate("speed", 6.0, 10.0), Gate("speed", 100.0, against="pysptools, FCLS")],
    }
    chunked = lambda y, e: in_chunks(lambda y: fcls(y, e), y, chunk_size=10_000)
    value = lambda solution: solution.value
    cases = [
        jax_case(
            "physjax",
            fcls,
            *on_device,
            gates=gates[members] if on_cpu else [],
            value=value,
        ),
        jax_case("physjax, in chunks", chunked, *on_device, value=value),
        *_spams(context, spectra, endmembers),
    ]
    if members == 6:
        heavy = 1e3
        rows = np.vstack([endmembers.T, np.full(members, heavy)]).astype(float)

        def nnls(y):
            return scipy.optimize.nnls(rows, np.append(y, heavy))[0]

        loop = lambda some: [nnls(y) for y in some]
        cases += [_scaled(context, peer, loop, spectra.astype(float), 2000)]
        cases += _pysptools(context, spectra, endmembers)
    return Table(
        op="fcls",
        size=f"{pixels}x{bands}, {members} members",
        dtype="float32",
        ref=peer,
        cases=cases,
        reference=exact_fcls(spectra, endmembers),
        tolerance=1e-4,
        items=pixels,
        traffic=spectra.nbytes,
    )


def _spams(context: Context, spectra: np.ndarray, endmembers: np.ndarray) -> list[Case]:
    name = "spams, decompSimplex"
    if find("spams") is None:
        return [missing(name, "spams-bin")]
    spams = find("spams")
    # In float64: in float32 it is 20 times slower, and some answers are not finite.
    x, d = (np.asfortranarray(v.T.astype(np.float64)) for v in (spectra, endmembers))
    run = lambda: spams.decompSimplex(x, d, numThreads=context.threads)

    def error():
        off = _dense(run()).T - exact_fcls(spectra, endmembers)
        return {"max_error": float(np.max(np.abs(off)))}

    # It stops before it has the digits of the tolerance; its error is shown beside.
    return [Case(name, lambda: run, compare=False, metrics=error)]


def _dense(matrix) -> np.ndarray:
    return matrix.toarray() if hasattr(matrix, "toarray") else np.asarray(matrix)


def _pysptools(context: Context, spectra, endmembers) -> list[Case]:
    name = "pysptools, FCLS"
    try:
        from pysptools.abundance_maps.amaps import FCLS
    except ImportError:
        return [missing(name, "pysptools, cvxopt")]
    run = lambda some: FCLS(some, endmembers.astype(float))
    return [_scaled(context, name, run, spectra.astype(float), 100)]


def _scaled(context: Context, name: str, function, spectra, count: int) -> Case:
    """A loop over pixels, timed on the first ones."""
    some = spectra[:count]

    def sample() -> float:
        start = context.clock()
        function(some)
        return (context.clock() - start) * len(spectra) / len(some)

    return Case(name, sample=sample, compare=False)


def _angle_numpy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The usual formula, by the inverse cosine."""
    product = np.einsum("...i,...i->...", x, y)
    norms = np.sqrt(np.einsum("...i,...i->...", x, x) * np.einsum("...i,...i", y, y))
    return np.arccos(np.clip(product / norms, -1, 1))


def _mixing_and_angle(context: Context, pixels: int) -> Table:
    spectra, endmembers, abundances = scene(pixels, 200, 6)
    on_device = jax.device_put((spectra, endmembers, abundances))

    def plain(y, e, a, **method):
        return spectral_angle(linear_mixing(a, e), y, **method)

    def chunked(y, e, a, **method):
        parts = [x.reshape(-1, min(ROWS, pixels), x.shape[-1]) for x in (y, a)]
        some = lambda ya: plain(ya[0], e, ya[1], **method)
        return jax.lax.map(some, parts).reshape(-1)

    cosine = ft.partial(chunked, method="cosine")

    wide = [x.astype(np.float64) for x in (abundances, endmembers, spectra)]
    gates = [Gate("speed", 1.8, 2.5), Gate("speed", 3.0, 4.0, against="torch")]
    mix = lambda: _angle_numpy(abundances @ endmembers, spectra)
    cases = [
        jax_case("physjax", plain, *on_device),
        jax_case("physjax, in chunks", chunked, *on_device),
        jax_case("physjax, in chunks, cosine", cosine, *on_device, gates=gates),
        Case("numpy", lambda: mix),
    ]
    torch = find("torch")
    if torch is None:
        cases.append(missing("torch", "torch"))
    else:
        device = torch_device(torch, context)
        y, e, a = (
            torch.from_numpy(x).to(device) for x in (spectra, endmembers, abundances)
        )

        def run():
            r = a @ e
            norms = (r * r).sum(-1) * (y * y).sum(-1)
            return torch.arccos(((r * y).sum(-1) / norms.sqrt()).clamp(-1, 1))

        block = torch_block(torch, device)
        cases.append(Case("torch", lambda: run, block, to_numpy))
    return Table(
        op="mixing and angle",
        size=f"{pixels}x200, 6 members",
        dtype="float32",
        ref="numpy",
        cases=cases,
        reference=_angle_numpy(wide[0] @ wide[1], wide[2]),
        tolerance=1e-3,
        items=pixels,
        traffic=spectra.nbytes,
    )


def _angle_map(context: Context, pixels: int) -> Table:
    spectra, endmembers, _ = scene(pixels, 200, 6)
    on_device = jax.device_put((spectra, endmembers))
    wide = spectra.astype(np.float64)[:, None], endmembers.astype(np.float64)[None]
    exact = np.stack([_angle_numpy(wide[0][:, 0], m[None]) for m in wide[1][0]], -1)
    spectral, torch = find("spectral"), find("torch")
    ref = "Spectral Python"
    cosine = ft.partial(spectral_angles, method="cosine")
    gates = [Gate("speed", 2.0, 3.0), Gate("speed", 0.7, 1.2, against="torch")]
    cases = [
        jax_case("physjax", spectral_angles, *on_device, gates=gates),
        jax_case("physjax, cosine", cosine, *on_device),
    ]
    if spectral is None:
        cases.append(missing(ref, "spectral"))
    else:
        run = ft.partial(spectral.spectral_angles, spectra[None], endmembers)
        cases.append(Case(ref, lambda: lambda: run()[0]))
    if torch is None:
        cases.append(missing("torch", "torch"))
    else:
        device = torch_device(torch, context)
        y, e = (torch.from_numpy(x).to(device) for x in (spectra, endmembers))

        def angles():
            cosine = (y @ e.T) / (y.norm(dim=-1, keepdim=True) * e.norm(dim=-1))
            return torch.arccos(cosine.clamp(-1, 1))

        block = torch_block(torch, device)
        cases.append(Case("torch", lambda: angles, block, to_numpy))
    return Table(
        op="angle map",
        size=f"{pixels}x200, 6 members",
        dtype="float32",
        ref=ref,
        cases=cases,
        reference=exact,
        tolerance=1e-3,
        items=pixels,
        traffic=spectra.nbytes,
    )

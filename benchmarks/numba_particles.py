# ruff: noqa: NPY002 (the generator that numba compiles)
"""The particle simulation as one writes it for numba: a loop over particles.

The same algorithm as `physjax.simulators.particles`: the same weights, Green's
function, steps, ghost slab and scattering tables. What differs is what comes naturally
there: particles packed at the front of their array, charge added cell by cell, numba's
own generator, a slab of the depth of five standard deviations, `prange` over biases.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from physjax.simulators.particles import exact_solver
from physjax.simulators.particles import gaas_rates as rates

OVERDAMPED, RELAXATION, GAAS = range(3)
SPEED = (2 * 1.602176634e-19 / 9.1093837015e-31) ** 0.5 * 100
Q = 1.602176634e-19


class Setup(NamedTuple):
    """Numbers of the device and the model, in the order of `advance`."""

    model: int
    size: np.ndarray
    weight: float
    doping: np.ndarray
    slab_density: np.ndarray
    green: np.ndarray
    dt: float
    vt: float
    mobility: np.ndarray
    mass: np.ndarray
    cumulative: np.ndarray
    bound: np.ndarray
    final: np.ndarray
    gain: np.ndarray
    kind: np.ndarray
    screening: float
    masses: np.ndarray
    alphas: np.ndarray


def setup(model, device, permittivity, dt, mobility, mass) -> Setup:
    t = rates.scattering_tables(1e17)
    pad = lambda a: np.pad(a, ((0, 0), (0, 1)))
    cumulative = np.pad(t.cumulative, ((0, 0), (0, 0), (0, 1)), mode="edge")
    tables = (
        cumulative.astype(np.float32),
        t.bound.astype(np.float32),
        pad(t.final),
        pad(t.gain).astype(np.float32),
        pad(t.kind),
        t.screening,
        rates.MASS,
        rates.NONPARABOLICITY,
    )
    return Setup(
        model,
        np.array([device.length, device.height]),
        float(device.weight),
        np.asarray(device.doping, np.float32),
        np.asarray(device.contact_densities(), np.float64),
        np.ascontiguousarray(exact_solver(device, permittivity).matrix.T),
        dt,
        float(device.thermal_voltage),
        np.asarray(mobility, np.float64),
        np.asarray(mass, np.float64),
        *tables,
    )


@numba.njit(fastmath=True)
def _deposit(x, y, count, dx, dy, nodes):
    nx, ny = nodes.shape
    for k in range(count):
        u, v = x[k] / dx, y[k] / dy
        i, j = min(int(u), nx - 2), min(int(v), ny - 2)
        u -= i
        v -= j
        nodes[i, j] += (1 - u) * (1 - v)
        nodes[i, j + 1] += (1 - u) * v
        nodes[i + 1, j] += u * (1 - v)
        nodes[i + 1, j + 1] += u * v


@numba.njit(fastmath=True)
def _field(phi, dx, dy, ex, ey):
    nx, ny = phi.shape
    for i in range(nx):
        for j in range(ny):
            if i == 0:
                ex[i, j] = -(phi[1, j] - phi[0, j]) / dx
            elif i == nx - 1:
                ex[i, j] = -(phi[i, j] - phi[i - 1, j]) / dx
            else:
                ex[i, j] = -(phi[i + 1, j] - phi[i - 1, j]) / (2 * dx)
            if 0 < j < ny - 1:
                ey[i, j] = -(phi[i, j + 1] - phi[i, j - 1]) / (2 * dy)


@numba.njit(fastmath=True)
def _at(x, y, dx, dy, field):
    nx, ny = field.shape
    u, v = max(x, 0.0) / dx, y / dy
    i, j = min(int(u), nx - 2), min(int(v), ny - 2)
    u = min(u - i, 1.0)
    v -= j
    return (1 - u) * ((1 - v) * field[i, j] + v * field[i, j + 1]) + u * (
        (1 - v) * field[i + 1, j] + v * field[i + 1, j + 1]
    )


@numba.njit(fastmath=True)
def _thermal(s, vt, mass, motion, k):
    """Thermal momentum and band of GaAs."""
    band = 0
    if s == 1:
        heavy, light = mass[2] ** 1.5, mass[3] ** 1.5
        band = 3 if np.random.random() < light / (light + heavy) else 2
    spread = math.sqrt(vt / 2 * mass[band])
    for a in range(3):
        motion[a, k] = spread * np.random.normal()
    motion[3, k] = band


@numba.njit(fastmath=True)
def _fly(s, motion, k, fx, fy):
    """Free flights and scattering of one particle of GaAs: its displacement."""
    masses, alphas = s.masses, s.alphas
    px, py, pz = motion[0, k], motion[1, k], motion[2, k]
    band = int(motion[3, k])
    force = math.sqrt(fx * fx + fy * fy)
    left, wx, wy = s.dt, 0.0, 0.0
    while left > 0:
        mass, alpha = masses[band], alphas[band]
        top = math.sqrt(px * px + py * py + pz * pz) + force * left
        gamma = top * top / mass
        energy = 2 * gamma / (1 + math.sqrt(1 + 4 * alpha * gamma))
        rate = s.bound[band, min(int(energy * 500), 999)]
        time = -math.log(1 - np.random.random()) / rate
        flown = min(time, left)
        mx, my = px + fx * flown / 2, py + fy * flown / 2
        square = (mx * mx + my * my + pz * pz) / mass
        speed = SPEED * flown / (mass * math.sqrt(1 + 4 * alpha * square))
        wx += mx * speed
        wy += my * speed
        px += fx * flown
        py += fy * flown
        if time >= left:
            break
        left -= time
        square = px * px + py * py + pz * pz
        gamma = square / mass
        energy = 2 * gamma / (1 + math.sqrt(1 + 4 * alpha * gamma))
        place = min(int(energy * 500), 999)
        level = np.random.random() * rate
        m = 0
        while m < 15 and s.cumulative[band, place, m] <= level:
            m += 1
        if m == 15:
            continue
        after = max(energy + s.gain[band, m], 1e-5)
        law = s.kind[band, m]
        band = s.final[band, m]
        size = math.sqrt(after * (1 + alphas[band] * after) * masses[band])
        r = np.random.random()
        old = math.sqrt(square)
        if law == 1:
            f = max(2 * old * size / max((old - size) ** 2, 1e-9), 1e-3)
            cosine = (1 + f - (1 + 2 * f) ** r) / f
        elif law == 2:
            b = 4 * square / s.screening
            cosine = 1 - 2 * r / (1 + b * (1 - r))
        else:
            cosine = 1 - 2 * r
        cosine = min(max(cosine, -1.0), 1.0)
        sine = math.sqrt(1 - cosine * cosine)
        angle = 2 * math.pi * np.random.random()
        c, d = sine * math.cos(angle), sine * math.sin(angle)
        x, y, z = px / old, py / old, pz / old
        sign = -1.0 if z < 0 else 1.0
        a = -1 / (sign + z)
        b = x * y * a
        px = size * (cosine * x + c * (1 + sign * x * x * a) + d * b)
        py = size * (cosine * y + c * sign * b + d * (sign + y * y * a))
        pz = size * (cosine * z - c * sign * x - d * y)
    motion[0, k], motion[1, k], motion[2, k], motion[3, k] = px, py, pz, band
    return wx, wy


@numba.njit(fastmath=True)
def _one_bias(s, xs, ys, motion, counts, volts, steps, seed, currents):
    np.random.seed(seed)
    length, height = s.size[0], s.size[1]
    nx, ny = s.doping.shape
    dx, dy = length / (nx - 1), height / (ny - 1)
    f4 = np.float32
    ex, ey = np.zeros((nx, ny), f4), np.zeros((nx, ny), f4)
    nodes = np.zeros((2, nx, ny), f4)
    charge = np.zeros((nx - 2) * ny + 2, f4)
    charge[-2:] = volts
    kappa = SPEED * SPEED / 2
    for step in range(steps):
        nodes[:] = 0
        for c in range(2):
            _deposit(xs[c], ys[c], counts[c], dx, dy, nodes[c])
        for i in range(1, nx - 1):
            for j in range(ny):
                edge = 0.5 if j == 0 or j == ny - 1 else 1.0
                net = (nodes[1, i, j] - nodes[0, i, j]) * s.weight / (dx * dy * edge)
                charge[(i - 1) * ny + j] = Q * (net + s.doping[i, j])
        phi = np.dot(s.green, charge).reshape(nx, ny)
        _field(phi, dx, dy, ex, ey)
        total = 0.0
        for c in range(2):
            sign = -1.0 if c == 0 else 1.0
            x, y, p = xs[c], ys[c], motion[c]
            mu = s.mobility[c]
            drift, spread = sign * mu * s.dt, math.sqrt(2 * mu * s.vt * s.dt)
            half = sign * kappa / s.mass[c] * s.dt / 2
            thermal = math.sqrt(kappa / s.mass[c] * s.vt)
            probability = s.dt / (mu * s.mass[c] / kappa + s.dt / 2)
            force = sign * SPEED / 2
            reach, variance = 5 * spread, spread * spread
            if s.model == 1:
                reach = 6 * thermal * s.dt
            elif s.model == 2:
                light = s.masses[0] if c == 0 else s.masses[3]
                reach = 6 * SPEED * math.sqrt(s.vt / 2 / light) * s.dt
            old = counts[c]
            at = old
            # The reservoirs, written behind the particles that are there.
            for side in range(2):
                slab = s.slab_density[c, side] * reach * height / s.weight
                if s.model == 0:
                    slab *= 2  # for what the contact takes of those who touch it
                number = int(slab + np.random.random())
                for _ in range(number):
                    depth = reach * np.random.random()
                    x[at] = -depth if side == 0 else length + depth
                    y[at] = height * np.random.random()
                    if s.model == 1:
                        e = _at(min(max(x[at], 0.0), length), y[at], dx, dy, ex)
                        p[0, at] = thermal * np.random.normal() + sign * mu * e
                        p[1, at] = thermal * np.random.normal()
                    elif s.model == 2:
                        _thermal(c, s.vt, s.masses, p, at)
                    at += 1
            moved, kept = 0.0, 0
            for k in range(at):
                start = min(max(x[k], 0.0), length)
                fx = _at(start, y[k], dx, dy, ex)
                fy = _at(start, y[k], dx, dy, ey)
                if s.model == 0:
                    if k >= old and np.random.random() < 0.5:
                        fx = 0.0
                    wx = drift * fx + spread * np.random.normal()
                    wy = drift * fy + spread * np.random.normal()
                elif s.model == 1:
                    if k < old:
                        p[0, k] += half * fx
                        p[1, k] += half * fy
                        if np.random.random() < probability:
                            p[0, k] = thermal * np.random.normal()
                            p[1, k] = thermal * np.random.normal()
                        p[0, k] += half * fx
                        p[1, k] += half * fy
                    wx, wy = p[0, k] * s.dt, p[1, k] * s.dt
                else:
                    wx, wy = _fly(s, p, k, force * fx, force * fy)
                xn, yn = x[k] + wx, y[k] + wy
                if s.model == 0 and k < old:
                    # A path that touched a contact on its way ended there.
                    left = x[k] * xn
                    right = (length - x[k]) * (length - xn)
                    near = min(left, right)
                    close = 0 < near < 9 * variance
                    if close and np.random.random() < math.exp(-2 * near / variance):
                        xn = -1e-9 if left < right else length + 1e-9
                moved += min(max(xn, 0.0), length) - start
                if xn < 0 or xn > length:
                    continue
                turn = 1.0
                if yn < 0:
                    yn, turn = -yn, -1.0
                elif yn > height:
                    yn, turn = 2 * height - yn, -1.0
                x[kept], y[kept] = xn, yn
                for a in range(p.shape[0]):
                    p[a, kept] = p[a, k]
                if p.shape[0] > 1:
                    p[1, kept] *= turn
                kept += 1
            counts[c] = kept
            total += sign * moved
        currents[step] = Q * s.weight / height / s.dt / length * total


@numba.njit(fastmath=True, parallel=True)
def advance(s, xs, ys, motion, counts, volts, steps, seed):
    """Moves all biases in place; currents (biases, steps), A/cm^2."""
    biases = xs.shape[0]
    currents = np.zeros((biases, steps))
    for k in numba.prange(biases):
        # Every second one, then the others: cores get equal shares of a sweep.
        b = 2 * k if 2 * k < biases else 2 * k - biases + 1 - biases % 2
        _one_bias(
            s,
            xs[b],
            ys[b],
            motion[b],
            counts[b],
            volts[b],
            steps,
            seed + b,
            currents[b],
        )
    return currents

"""Steady drift-diffusion in one dimension, discretised by Scharfetter and Gummel.

Unknowns are (psi, phi_n, phi_p) in units of kT/q, (3, nodes): the potential, and the
quasi-Fermi potentials counted from the contact where the carrier is the majority. There
they are tiny, and so their differences, which drive the currents, keep all their digits
at any current.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._constants import ELEMENTARY_CHARGE, VACUUM_PERMITTIVITY_CM
from ._block_tridiagonal import BlockTridiagonal
from ._devices import Profile


def neutral_start(device: Profile) -> Float[Array, "3 m"]:
    """Every node neutral by itself and without bias: the first guess."""
    psi = jnp.arcsinh(device.doping / (2 * device.intrinsic_density))
    return jnp.stack([psi, jnp.zeros_like(psi), jnp.zeros_like(psi)])


def references(device: Profile, volts):
    """What phi_n and phi_p are counted from, in kT/q."""
    bias = volts / device.thermal_voltage
    left_is_n = device.doping[0] > device.doping[-1]
    return jnp.where(left_is_n, bias, 0), jnp.where(left_is_n, 0, bias)


def with_contacts(device: Profile, volts, inner: Float[Array, "3 k"]):
    """Adds the nodes on the ohmic contacts: neutral, in equilibrium at their bias.

    `volts` is the bias of the left contact, the right one is grounded.
    """
    bias = volts / device.thermal_voltage
    zero_n, zero_p = references(device, volts)
    psi = neutral_start(device)[0]
    # `bias - zero_n` is `zero_p`, exactly so in reverse mode too.
    left = jnp.stack([psi[0] + bias, zero_p, zero_n])
    right = jnp.stack([psi[-1], -zero_n, -zero_p])
    return jnp.concatenate([left[:, None], inner, right[:, None]], axis=1)


def densities(device: Profile, volts, u: Float[Array, "3 m"]):
    """Electrons and holes in cm^-3, at nodes or wherever `u` is given."""
    zero_n, zero_p = references(device, volts)
    psi, phi_n, phi_p = u
    n_i = device.intrinsic_density
    return n_i * jnp.exp(psi - zero_n - phi_n), n_i * jnp.exp(phi_p + zero_p - psi)


def recombination(device: Profile, volts, u: Float[Array, "3 m"]) -> Float[Array, " m"]:
    """Net Shockley-Read-Hall rate of midgap traps in cm^-3 s^-1."""
    zero_n, zero_p = references(device, volts)
    n, p = densities(device, volts, u)
    n_i, tau_n, tau_p = (
        device.intrinsic_density,
        device.electron_lifetime,
        device.hole_lifetime,
    )
    traps = jnp.isfinite(tau_n) & jnp.isfinite(tau_p)
    tau_n, tau_p = jnp.where(traps, tau_n, 1), jnp.where(traps, tau_p, 1)
    excess = n_i**2 * jnp.expm1((u[2] - u[1]) + (zero_p - zero_n))
    return jnp.where(traps, excess / (tau_p * (n + n_i) + tau_n * (p + n_i)), 0)


def _edges(device: Profile, volts, u):
    r"""What the fluxes between neighbours are made of.

    The classical current is $(q D_n / h) (n_r B(d) - n_l B(-d))$ with Bernoulli's
    function $B(d) = d / (e^d - 1)$ and $d = \psi_r - \psi_l$. In quasi-Fermi potentials
    and the geometric mean of the densities it is, without any cancellation,
    $J_n = -c_n \sinh(\Delta\phi_n / 2)$ with
    $c_n = 2 (q D_n / h) \sqrt{n_l n_r} (d/2) / \sinh(d/2)$; for holes likewise.

    Returns half the differences of `u`, $\epsilon V_t / h$, $c_n$ and $c_p$.
    """
    v_t = device.thermal_voltage
    h = jnp.diff(device.x)
    half = 0.5 * (u[:, 1:] - u[:, :-1])
    n, p = densities(device, volts, 0.5 * (u[:, 1:] + u[:, :-1]))
    capacitance = _harmonic(device.relative_permittivity) * VACUUM_PERMITTIVITY_CM / h
    common = 2 * ELEMENTARY_CHARGE * v_t / h * _over_sinh(half[0])
    c_n = common * _harmonic(device.electron_mobility) * n
    c_p = common * _harmonic(device.hole_mobility) * p
    return half, capacitance * v_t, c_n, c_p


def fluxes(device: Profile, volts, u: Float[Array, "3 m"]) -> Float[Array, "3 m-1"]:
    """Displacement in C/cm^2, electron and hole current in A/cm^2, along x."""
    half, capacitance, c_n, c_p = _edges(device, volts, u)
    factors = jnp.stack([2 * half[0], jnp.sinh(half[1]), jnp.sinh(half[2])])
    return -jnp.stack([capacitance, c_n, c_p]) * factors


def sources(device: Profile, volts, u: Float[Array, "3 m"]) -> Float[Array, "3 m"]:
    """What the fluxes diverge by: charge, and recombination in A/cm^3."""
    n, p = densities(device, volts, u)
    rate = recombination(device, volts, u)
    return ELEMENTARY_CHARGE * jnp.stack([p - n + device.doping, rate, -rate])


def residual(device: Profile, volts, inner: Float[Array, "3 k"]) -> Float[Array, "3 k"]:
    """Imbalance of charge and of both currents over the cells of the inner nodes."""
    u = with_contacts(device, volts, inner)
    widths = 0.5 * (device.x[2:] - device.x[:-2])
    inflow = fluxes(device, volts, u)
    return jnp.diff(inflow) - sources(device, volts, u)[:, 1:-1] * widths[None]


def jacobian(device: Profile, volts, inner: Float[Array, "3 k"]) -> BlockTridiagonal:
    """Derivative of `residual` in `inner`; autodiff would take three times as long."""
    u = with_contacts(device, volts, inner)
    half, capacitance, c_n, c_p = _edges(device, volts, u)
    z, w_n, w_p = half
    slope = _slope_of_log_over_sinh(z)
    j_n, j_p = -0.5 * c_n * jnp.sinh(w_n), -0.5 * c_p * jnp.sinh(w_p)
    none = jnp.zeros_like(z)
    by_left = jnp.stack(
        [
            jnp.stack([capacitance, none, none]),
            jnp.stack([j_n * (1 - slope), 0.5 * c_n * jnp.exp(w_n), none]),
            jnp.stack([-j_p * (1 + slope), none, 0.5 * c_p * jnp.exp(-w_p)]),
        ]
    )
    by_right = jnp.stack(
        [
            jnp.stack([-capacitance, none, none]),
            jnp.stack([j_n * (1 + slope), -0.5 * c_n * jnp.exp(-w_n), none]),
            jnp.stack([-j_p * (1 - slope), none, -0.5 * c_p * jnp.exp(w_p)]),
        ]
    )
    widths = 0.5 * (device.x[2:] - device.x[:-2])
    total = lambda i, u: jnp.sum(sources(device, volts, u)[i])
    charge, rate = (
        jax.grad(lambda u: total(0, u))(u),
        jax.grad(lambda u: total(1, u))(u),
    )
    at_node = jnp.stack([charge, rate, -rate])[:, :, 1:-1] * widths[None, None]
    return BlockTridiagonal(
        -by_left[..., :-1],
        by_left[..., 1:] - by_right[..., :-1] - at_node,
        by_right[..., 1:],
    )


def _harmonic(a):
    return 2 * a[1:] * a[:-1] / (a[1:] + a[:-1])


def _over_sinh(z):
    """z / sinh(z)."""
    near = 1 - z**2 / 6 * (1 - 7 * z**2 / 60 * (1 - 31 * z**2 / 294))
    small = jnp.abs(z) < 1e-2
    z = jnp.where(small, 1, z)
    return jnp.where(small, near, z / jnp.sinh(z))


def _slope_of_log_over_sinh(z):
    near = -z / 3 * (1 - z**2 / 15)
    small = jnp.abs(z) < 1e-2
    z = jnp.where(small, 1, z)
    return jnp.where(small, near, 1 / z - 1 / jnp.tanh(z))

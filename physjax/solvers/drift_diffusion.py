"""Drift and diffusion of electrons and holes through a device, in one dimension."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Real

from .._solution import MAX_ITERATIONS, NON_FINITE, SUCCESS, Solution
from .._solution import throw as _throw
from . import _scharfetter_gummel as sg
from ._block_tridiagonal import solve_block_tridiagonal
from ._continuation import NewtonRun, follow
from ._devices import Device1D as Device1D
from ._devices import Profile, profile, wide

FIRST_STEP = 2.0  # of the bias, in kT/q
SMALLEST_STEP = 1e-4
MAX_NEWTON = 25
SMALL = 1e-5  # an update of the unknowns, in kT/q, after which only rounding is left,
BALANCED = 1e-8  # if the currents were constant to this fraction before it
ROUNDING = 1e-10  # an update that says nothing: this often in a row it is the end
PATIENCE = 4


class DriftDiffusion(eqx.Module):
    """State of a device at each bias, leading axes; nodes or edges last.

    Attributes:
        current_density: Total current along x in A/cm^2, its mean over x.
        potential: In V; zero in undoped material at the bias of the right contact.
        electron_quasi_fermi: In V; the bias at a contact, falling along the current.
        hole_quasi_fermi: Likewise.
        electron_density: In cm^-3.
        hole_density: In cm^-3.
        electron_current: Between neighbouring nodes, in A/cm^2 along x.
        hole_current: Likewise.
    """

    current_density: Float[Array, "*sweep"]
    potential: Float[Array, "*sweep m"]
    electron_quasi_fermi: Float[Array, "*sweep m"]
    hole_quasi_fermi: Float[Array, "*sweep m"]
    electron_density: Float[Array, "*sweep m"]
    hole_density: Float[Array, "*sweep m"]
    electron_current: Float[Array, "*sweep edges"]
    hole_current: Float[Array, "*sweep edges"]


def solve_drift_diffusion(
    device: Device1D,
    biases: Real[ArrayLike, "..."] | Sequence[float],
    *,
    throw: bool = False,
) -> Solution[DriftDiffusion]:
    r"""Steady state of a device at each bias.

    Solves, with $n = n_i e^{(\psi - \phi_n)/V_t}$, $p = n_i e^{(\phi_p - \psi)/V_t}$,
    $$-(\epsilon \psi')' = q (p - n + N_D - N_A), \quad J_n' = q R = -J_p', \quad
    J_n = -q \mu_n n \phi_n', \quad J_p = -q \mu_p p \phi_p'$$
    (Boltzmann statistics, Einstein relation, constant mobilities, Shockley-Read-Hall
    recombination at midgap traps) between ohmic contacts, in finite volumes around the
    nodes, the fluxes by Scharfetter and Gummel: second order in the spacing, with
    currents conserved and detailed balance exact on any mesh. Permittivity and
    mobilities of an edge are harmonic means of those of its nodes.

    Newton's method in all three potentials follows the biases in rising order, from
    equilibrium, in steps of its own. The quasi-Fermi potentials are counted from the
    contact of the majority, so that the current keeps about 12 digits down to the
    smallest bias. What is left of them is in `stats`.

    Float64 only: densities span thirty decades and more.

    Args:
        device: The device.
        biases: Voltages of the left contact; the right one is grounded. Any order.
        throw: Whether to raise on the host if the result is not a success.

    Returns:
        `Solution` with a `DriftDiffusion`. The result, one per bias, is success where
        the equations hold to rounding; elsewhere the value is NaN. `stats` has
        `num_iterations` of Newton's method, and `current_spread`: by how much the
        total current varies over x, relative to the sum of the sizes of its two
        parts. Differentiable in every leaf of the device and in the biases to any
        order, implicitly: by one linear solve per bias.

    Raises:
        TypeError: If 64-bit types are off, or an array is narrower.
        NumericsError: If `throw` is set and a bias was not reached.

    Example:
        >>> with jax.enable_x64(True):
        ...     x = jnp.linspace(0.0, 4e-5, 101)
        ...     doping = jnp.where(x < 2e-5, -1e17, 1e17)
        ...     silicon = Device1D(x, doping, 11.7, 1e10, 800.0, 300.0)
        ...     solution = solve_drift_diffusion(silicon, [0.0, 0.6])
        >>> [f"{float(current):.1f}" for current in solution.value.current_density]
        ['0.0', '3.3']

    References:
        Scharfetter and Gummel, IEEE Trans. Electron Devices 16, 64 (1969); Selberherr,
        Analysis and Simulation of Semiconductor Devices (1984), chapter 6.
    """
    nodes = profile(device)
    volts = wide(biases, "biases")
    sweep = volts.ravel()
    order = jnp.argsort(sweep)

    still = jax.lax.stop_gradient(nodes)
    roots, reached, finite, num_iterations = follow(
        lambda v, u: _newton(still, v, u),
        sg.neutral_start(still)[:, 1:-1],
        jnp.zeros((), volts.dtype),
        jax.lax.stop_gradient(sweep)[order],
        first_step=FIRST_STEP * still.thermal_voltage,
        smallest_step=SMALLEST_STEP * still.thermal_voltage,
    )
    back = jnp.argsort(order)
    roots, reached, finite = roots[back], reached[back], finite[back]
    # Without bias both are zero; a path that comes back leaves rounding errors.
    no_bias = (sweep == 0)[:, None, None]
    roots = roots.at[:, 1:].set(jnp.where(no_bias, 0, roots[:, 1:]))
    roots = jnp.where(reached[:, None, None], roots, jnp.nan)
    value = jax.vmap(_state, in_axes=(None, 0, 0))(nodes, sweep, roots)

    result = jnp.where(finite, MAX_ITERATIONS, NON_FINITE)
    result = jnp.where(reached, SUCCESS, result).astype(jnp.int32)
    total = value.electron_current + value.hole_current
    parts = jnp.abs(value.electron_current) + jnp.abs(value.hole_current)
    spread = jnp.max(total, -1) - jnp.min(total, -1)
    largest = jnp.max(parts, -1)
    stats = {
        "num_iterations": num_iterations[back],
        "current_spread": spread / jnp.where(largest > 0, largest, 1),
    }
    value, result, stats = jax.tree.map(
        lambda leaf: leaf.reshape(volts.shape + leaf.shape[1:]), (value, result, stats)
    )
    solution = Solution(value, result, stats)
    return _throw(solution) if throw else solution


def _newton(device: Profile, volts, guess) -> NewtonRun:
    def iterate(state):
        u, _, _, calm, k = state
        unbalanced = sg.residual(device, volts, u)
        update = solve_block_tridiagonal(sg.jacobian(device, volts, u), -unbalanced)
        size = jnp.max(jnp.abs(update))
        currents = sg.fluxes(device, volts, sg.with_contacts(device, volts, u))[1:]
        balanced = jnp.max(jnp.abs(unbalanced[1:])) <= BALANCED * jnp.max(
            jnp.abs(currents)
        )
        calm = jnp.where(size < ROUNDING, calm + 1, 0)
        done = ((size < SMALL) & balanced) | (calm == PATIENCE)
        return _moved(u, update), done, jnp.isfinite(size), calm, k + 1

    def unfinished(state):
        _, done, finite, _, k = state
        return ~done & finite & (k < MAX_NEWTON)

    yes, no = jnp.ones((), bool), jnp.zeros((), bool)
    zero = jnp.zeros((), jnp.int32)
    state = guess, no, yes, zero, zero
    u, done, finite, _, k = jax.lax.while_loop(unfinished, iterate, state)
    return NewtonRun(u, done & finite, finite, k)


def _moved(u, update):
    """A Newton step, shortened where it leaves the realm of linearity.

    At fixed potential the continuity equations are linear in exp(-phi_n) and
    exp(phi_p): the step is taken there. Large steps of the potential count by their
    logarithm.
    """
    psi, phi_n, phi_p = update
    size = jnp.abs(psi)
    psi = jnp.where(size < 2, psi, jnp.sign(psi) * 2 * (1 + jnp.log(size / 2)))
    linear = lambda y: jnp.log1p(jnp.maximum(y, -0.99))
    return u + jnp.stack([psi, -linear(-phi_n), linear(phi_p)])


@jax.custom_jvp
def _root(device: Profile, volts, inner):
    """`inner`, with the derivatives of a root of the residual."""
    return inner


@_root.defjvp
def _root_jvp(primals, tangents):
    device, volts, inner = primals
    inner = _root(device, volts, inner)
    _, unbalanced = jax.jvp(
        lambda device, volts: sg.residual(device, volts, inner),
        (device, volts),
        tangents[:2],
    )
    matrix = sg.jacobian(device, volts, inner)
    return inner, solve_block_tridiagonal(matrix, -unbalanced)


def _state(device: Profile, volts, inner) -> DriftDiffusion:
    u = sg.with_contacts(device, volts, _root(device, volts, inner))
    v_t = device.thermal_voltage
    zero_n, zero_p = sg.references(device, volts)
    n, p = sg.densities(device, volts, u)
    _, j_n, j_p = sg.fluxes(device, volts, u)
    widths = jnp.diff(device.x)
    return DriftDiffusion(
        jnp.sum((j_n + j_p) * widths) / jnp.sum(widths),
        v_t * u[0],
        v_t * (u[1] + zero_n),
        v_t * (u[2] + zero_p),
        n,
        p,
        j_n,
        j_p,
    )

"""solve_drift_diffusion, Device1D, graded_mesh."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import devsim_curves
from physjax import NumericsError, throw
from physjax._constants import ELEMENTARY_CHARGE as Q
from physjax._constants import thermal_voltage
from physjax.operators import built_in_potential, depletion_width, short_diode_current
from physjax.solvers import Device1D, graded_mesh, solve_drift_diffusion
from physjax.solvers import _scharfetter_gummel as sg
from physjax.solvers._devices import profile
from physjax.testing import assert_lowers, observed_order

solve = jax.jit(solve_drift_diffusion)
LENGTH, JUNCTION = 4e-5, 2e-5
X = graded_mesh([0.0, JUNCTION, LENGTH], [1e-6, 1.5e-7, 1e-6])
FORWARD = np.array([1e-3, 0.1, 0.3, 0.5, 0.8, 1.1])
BOTH = np.array([-3.0, -0.1, 0.0, 1e-3, 0.4, 0.9])
V_T = thermal_voltage(300.0)


def step(left, right, x=X):
    """Doping, the mean of both sides at the junction."""
    return np.where(
        x < JUNCTION, left, np.where(x > JUNCTION, right, 0.5 * (left + right))
    )


def device(doping=None, **changes):
    """Silicon, all numbers in arrays: one compilation for all tests."""
    numbers = {
        "x": X,
        "doping": step(-1e17, 1e17) if doping is None else doping,
        "relative_permittivity": 11.7,
        "intrinsic_density": 1e10,
        "electron_mobility": 800.0,
        "hole_mobility": 300.0,
        "electron_lifetime": np.inf,
        "hole_lifetime": np.inf,
        "temperature": 300.0,
    }
    numbers |= changes
    return Device1D(**{k: np.asarray(v, np.float64) for k, v in numbers.items()})


DEVICES = {
    "pn": device(),
    "np with traps": device(
        step(1e18, -1e16), electron_lifetime=1e-9, hole_lifetime=3e-9
    ),
    "pin": device(np.where(X < 1e-5, -1e18, np.where(X > 3e-5, 1e18, 0.0))),
    "pp": device(step(-1e18, -1e15)),
    "cold": device(temperature=200.0, intrinsic_density=1e5),
}


@pytest.fixture(params=DEVICES)
def any_device(request):
    return DEVICES[request.param]


def test_equilibrium_has_no_current_and_no_recombination(any_device):
    value = solve(any_device, BOTH).value
    zero = int(np.flatnonzero(BOTH == 0)[0])
    assert not np.any(value.electron_current[zero])
    assert not np.any(value.hole_current[zero])
    product = value.electron_density[zero] * value.hole_density[zero]
    np.testing.assert_allclose(product, any_device.intrinsic_density**2, rtol=1e-12)


def test_contacts_are_neutral_and_in_equilibrium_at_any_bias(any_device):
    value = solve(any_device, BOTH).value
    n, p = value.electron_density[:, [0, -1]], value.hole_density[:, [0, -1]]
    ends = np.broadcast_to(np.asarray(any_device.doping)[[0, -1]], n.shape)
    np.testing.assert_allclose(n - p, ends, rtol=1e-12)
    np.testing.assert_allclose(n * p, any_device.intrinsic_density**2, rtol=1e-11)
    bias = np.stack([BOTH, np.zeros_like(BOTH)], axis=1)
    for fermi in (value.electron_quasi_fermi, value.hole_quasi_fermi):
        np.testing.assert_allclose(fermi[:, [0, -1]], bias, atol=1e-14)


def test_the_total_current_is_the_same_everywhere(any_device):
    solution = solve(any_device, BOTH)
    assert solution.message == "converged"
    assert np.max(solution.stats["current_spread"]) < 1e-9
    value = solution.value
    total = value.electron_current + value.hole_current
    mean = np.broadcast_to(value.current_density[:, None], total.shape)
    np.testing.assert_allclose(total, mean, rtol=1e-9)
    assert np.all(np.sign(value.current_density) == np.sign(BOTH))


def test_the_carriers_currents_change_by_what_recombines():
    value = jax.tree.map(np.asarray, solve(DEVICES["np with traps"], BOTH).value)
    n, p = value.electron_density[:, 1:-1], value.hole_density[:, 1:-1]
    rate = (n * p - 1e20) / (3e-9 * (n + 1e10) + 1e-9 * (p + 1e10))
    change = Q * rate * (X[2:] - X[:-2]) / 2
    scale = np.max(np.abs(change), axis=1, keepdims=True)
    biased = BOTH != 0
    for current in (value.electron_current, -value.hole_current):
        error = (np.diff(current) - change) / scale
        assert np.max(np.abs(error[biased])) < 1e-8


def test_without_recombination_each_carriers_current_is_the_same_everywhere():
    value = solve(device(), BOTH).value
    for current in (value.electron_current, value.hole_current):
        mean = jnp.broadcast_to(jnp.mean(current, 1, keepdims=True), current.shape)
        np.testing.assert_allclose(current, mean, rtol=1e-9)


def test_a_device_seen_from_behind():
    traps = DEVICES["np with traps"]
    behind = device(
        np.asarray(traps.doping)[::-1],
        x=LENGTH - X[::-1],
        electron_lifetime=1e-9,
        hole_lifetime=3e-9,
    )
    seen = solve(traps, BOTH).value.current_density
    other = solve(behind, -BOTH).value.current_density
    np.testing.assert_allclose(other, -seen, rtol=1e-9)


def test_uniform_material_obeys_ohm():
    for doping in (1e15, 0.0, -1e17):
        value = solve(device(np.full_like(X, doping)), BOTH).value
        n, p = value.electron_density[:, 0], value.hole_density[:, 0]
        expected = Q * (800 * n + 300 * p) * BOTH / LENGTH
        np.testing.assert_allclose(value.current_density, expected, rtol=1e-9)


def test_built_in_potential_and_the_law_of_the_short_diode():
    value = solve(device(), FORWARD).value
    barrier = built_in_potential(1e17, 1e17, 1e10)
    np.testing.assert_allclose(
        value.potential[:, -1] - value.potential[:, 0] + FORWARD, barrier, rtol=1e-12
    )
    volts = FORWARD[:4]
    depleted = depletion_width(1e17, 1e17, barrier - volts - 2 * V_T, 11.7)
    base = JUNCTION - depleted / 2
    law = short_diode_current(volts, 1e17, 1e17, 1e10, 800.0, 300.0, base, base)
    np.testing.assert_allclose(value.current_density[:4], law, rtol=0.04)


def test_traps_that_rarely_catch_are_none():
    rare = device(electron_lifetime=1e12, hole_lifetime=1e12)
    found = solve(rare, FORWARD).value.current_density
    np.testing.assert_allclose(
        found, solve(device(), FORWARD).value.current_density, rtol=1e-10
    )


def test_any_order_any_step_and_repetition():
    volts = np.array([1.1, -3.0, 0.0, 1e-3, 1.1, -30.0])
    found = solve(device(), volts)
    assert found.message == "converged"
    one = [float(solve_one(v)) for v in volts]
    np.testing.assert_allclose(found.value.current_density, one, rtol=1e-9)


def solve_one(volts):
    """From equilibrium straight to this bias."""
    return solve(device(), np.full(6, volts)).value.current_density[0]


def test_a_bias_that_is_no_number_is_a_result_not_a_wrong_answer():
    volts = np.array([0.1, np.nan, 0.4, np.inf, -0.1, 0.2])
    solution = solve(device(), volts)
    bad = ~np.isfinite(volts)
    assert np.all((np.asarray(solution.result) != 0) == bad)
    assert np.all(np.isnan(solution.value.current_density) == bad)
    with pytest.raises(NumericsError, match="2 of 6 problems failed"):
        throw(solution)


# DEVSIM 2.11.2 in extended precision, silicon 1e17 / 1e17, 0.4 um, no traps.
SILICON = {
    0.3: 3.462805e-05,
    0.5: 7.268174e-02,
    0.6: 3.300591e00,
    0.7: 1.460378e02,
    0.8: 4.531679e03,
    1.0: 1.049211e05,
}


def test_independent_figures_on_the_same_mesh():
    x = graded_mesh([0.0, 2e-5, 4e-5], [2e-7, 2e-9, 2e-7])
    assert len(x) == 929
    silicon = device(step(-1e17, 1e17, x), x=x)
    volts = np.array(list(SILICON))
    current = solve_padded(silicon, volts).value.current_density[: len(volts)]
    np.testing.assert_allclose(current, list(SILICON.values()), rtol=2e-7)


def solve_padded(device, volts, size=61):
    """Repeats the last bias: one length, one compilation."""
    return solve(device, np.pad(volts, (0, size - len(volts)), mode="edge"))


def test_currents_converge_as_the_square_of_the_spacing():
    x = graded_mesh([0.0, 2e-5, 4e-5], [2e-7, 2e-9, 2e-7])
    fine = device(step(-1e17, 1e17, x), x=x)
    exact = solve_padded(fine, BOTH).value.current_density[: len(BOTH)]
    judged, errors, intervals = np.array([1, 3, 4]), [], (len(X) - 1, 46)
    for m in intervals:
        even = np.linspace(0.0, LENGTH, m + 1)
        even[m // 2] = JUNCTION
        found = solve(device(step(-1e17, 1e17, even), x=even), BOTH)
        error = found.value.current_density - exact
        errors.append(np.abs(error[judged] / exact[judged]))
    for pair in np.transpose(errors):
        assert abs(observed_order(pair, 1 / np.array(intervals)) - 2) < 0.1


@pytest.mark.parametrize(
    "stem",
    [
        "si_1e17_1e17_400nm_norecomb",
        "gaas_paper_1e17_1e17_400nm_norecomb",
        "si_1e18_1e16_2um",
    ],
)
def test_independent_curves(stem):
    shared = os.environ.get("PHYSJAX_SHARED_DATA")
    if not shared:
        pytest.skip("PHYSJAX_SHARED_DATA is not set: no DEVSIM curves to judge by")
    folder = Path(shared) / "pn_junction"
    junction, volts, expected = devsim_curves.read(folder / f"devsim_meta_{stem}.json")
    solution = solve_padded(junction, volts)
    current = np.asarray(solution.value.current_density)[: len(volts)]
    judged = expected > 1e-15  # A/cm^2: the digits of small currents are kept
    np.testing.assert_allclose(current[judged], expected[judged], rtol=1e-8)
    profiles = folder / f"devsim_profile_{stem}.csv"
    if not profiles.exists():
        return
    for bias, _, potential, n, p in _by_bias(profiles):
        i = int(np.argmin(np.abs(volts - bias)))
        value = solution.value
        np.testing.assert_allclose(value.electron_density[i], n, rtol=1e-7)
        np.testing.assert_allclose(value.hole_density[i], p, rtol=1e-7)
        np.testing.assert_allclose(value.potential[i], potential, atol=1e-9)


def _by_bias(path):
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    for volts in np.unique(table[:, 0]):
        yield volts, *table[table[:, 0] == volts, 1:].T


def test_the_jacobian_is_the_derivative_of_the_residual():
    coarse = graded_mesh([0.0, JUNCTION, LENGTH], [5e-6, 2e-6, 5e-6])
    nodes = profile(
        device(
            step(-1e17, 1e17, coarse),
            x=coarse,
            electron_lifetime=1e-8,
            hole_lifetime=1e-7,
        )
    )
    k = len(coarse) - 2
    noise = np.random.default_rng(0).standard_normal((3, k))
    volts = jnp.asarray(0.3)
    inner = sg.neutral_start(nodes)[:, 1:-1] + noise
    derivative = jax.jit(jax.jacfwd(lambda u: sg.residual(nodes, volts, u)))(inner)
    derivative = np.asarray(derivative)
    by_hand = jax.jit(sg.jacobian)(nodes, volts, inner)
    scale = np.abs(np.einsum("ijij->ij", derivative))
    for offset, blocks in zip((-1, 0, 1), by_hand, strict=True):
        for i in range(max(0, -offset), min(k, k - offset)):
            expected = derivative[:, i, :, i + offset]
            error = np.abs(blocks[..., i] - expected) / scale[:, i, None]
            assert np.max(error) < 1e-11


COARSE = graded_mesh([0.0, JUNCTION, LENGTH], [3e-6, 1e-6, 3e-6])


def scales():
    """Factors of the doping of each node, of the mobilities and of the lifetimes."""
    return jnp.ones_like(COARSE), jnp.ones(2), jnp.ones(2)


def log_currents(scales, volts):
    """Logarithms of the currents of a device whose numbers are scaled."""
    doping, mobility, lifetime = scales
    base = device(step(-1e17, 2e17, COARSE), x=COARSE)
    fields = vars(base) | {
        "doping": doping * base.doping,
        "electron_mobility": mobility[0] * 800.0,
        "hole_mobility": mobility[1] * 300.0,
        "electron_lifetime": lifetime[0] * 1e-9,
        "hole_lifetime": lifetime[1] * 3e-9,
    }
    return jnp.log(
        solve_drift_diffusion(Device1D(**fields), volts).value.current_density
    )


def test_gradients_in_doping_mobilities_lifetimes_and_bias():
    """As `assert_gradients`, with one solve in one program that has to be compiled."""
    volts, h = jnp.array([0.05, 0.4, 0.8]), 6e-6
    random = np.random.default_rng(0)
    normal = lambda leaf: jnp.asarray(random.standard_normal(leaf.shape))
    place = (scales(), volts)
    direction, projection = jax.tree.map(normal, (place, volts))

    @jax.jit
    def measure(place):
        value, push = jax.linearize(log_currents, *place)
        (pulled,) = jax.linear_transpose(lambda d: push(*d), place)(projection)
        return value, push(*direction), pulled

    _, forward, reverse = measure(place)
    move = lambda h: jax.tree.map(lambda x, d: x + h * d, place, direction)
    moved = measure(move(h))[0], measure(move(-h))[0]
    np.testing.assert_allclose(forward, (moved[0] - moved[1]) / (2 * h), rtol=1e-8)
    pairs = jax.tree.map(jnp.vdot, reverse, direction)
    by_reverse = sum(jax.tree.leaves(pairs))
    np.testing.assert_allclose(by_reverse, jnp.vdot(forward, projection), rtol=1e-10)


def test_second_derivatives():
    v, h = jnp.array([0.05, 0.4, 0.8]), 1e-5
    along = lambda fn: lambda v: jax.jvp(fn, (v,), (jnp.ones_like(v),))
    conductance = lambda v: along(lambda v: log_currents(scales(), v))(v)[1]
    measure = jax.jit(along(conductance))
    _, found = measure(v)
    difference = (measure(v + h)[0] - measure(v - h)[0]) / (2 * h)
    np.testing.assert_allclose(found, difference, rtol=1e-5)


def test_devices_map_like_a_loop_and_one_bias_has_no_axis():
    devices = [DEVICES["pn"], DEVICES["np with traps"], DEVICES["pp"]]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *devices)
    solution = jax.jit(jax.vmap(lambda d: solve_drift_diffusion(d, 0.4)))(stacked)
    assert solution.result.tolist() == [0, 0, 0]
    assert solution.value.potential.shape == (3, len(X))
    one_by_one = [solve(d, BOTH).value.current_density[4] for d in devices]
    np.testing.assert_allclose(solution.value.current_density, one_by_one, rtol=1e-9)


def test_lowers_for_machines_that_are_not_here():
    assert_lowers(solve_drift_diffusion, device(), BOTH)


def test_narrow_numbers_are_refused():
    with jax.enable_x64(False), pytest.raises(TypeError, match="`x` must be float64"):
        solve_drift_diffusion(device(), np.array([0.1]))
    with pytest.raises(TypeError, match="`biases` must be float64; got float32"):
        solve_drift_diffusion(device(), jnp.zeros(2, jnp.float32))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": X[::-1]}, "`x` must increase"),
        ({"x": X[:2]}, "`x` must hold three nodes or more"),
        ({"doping": X[:-1]}, r"`doping` must have shape \(\) or \(\d+,\)"),
        ({"temperature": X}, r"`temperature` must have shape \(\)"),
        ({"hole_mobility": 0.0}, "`hole_mobility` must be positive; got 0.0"),
        ({"electron_lifetime": np.nan}, "`electron_lifetime` must be positive"),
        ({"doping": np.where(X < 1e-5, np.nan, 1e17)}, "`doping` must be finite"),
        ({"relative_permittivity": np.inf}, "`relative_permittivity` must be finite"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_devices_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        device(**changes)


def test_mesh_is_graded_and_keeps_the_given_positions():
    x = graded_mesh([0.0, 1.0, 3.0], [0.1, 0.01, 0.2])
    assert {0.0, 1.0, 3.0} <= set(x)
    h = np.diff(x)
    left = h[np.flatnonzero(x[1:] <= 1.0)]
    np.testing.assert_allclose(left[1:-1] / left[:-2], 0.9 / 0.99, rtol=1e-9)
    assert np.min(h) > 0.001
    np.testing.assert_allclose(np.diff(graded_mesh([0, 1], [0.1, 0.1])), 0.1)
    np.testing.assert_array_equal(graded_mesh([0, 1], [0.6, 0.6]), [0, 1])


@pytest.mark.parametrize(
    ("positions", "spacings", "word"),
    [
        ([0.0], [1.0], "`positions`"),
        ([0.0, 0.0], [1.0, 1.0], "`positions`"),
        ([0.0, 1.0], [0.1], "`spacings`"),
        ([0.0, 1.0], [0.1, 0.0], "`spacings`"),
    ],
)
def test_bad_meshes_are_refused(positions, spacings, word):
    with pytest.raises(ValueError, match=word):
        graded_mesh(positions, spacings)

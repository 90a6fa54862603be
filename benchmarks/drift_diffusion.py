"""Current-voltage sweeps of a silicon p-n junction on a graded mesh.

Abrupt, 1e17 on both sides, 0.4 um, no traps, 929 nodes: a mesh on which DEVSIM 2.11.2,
in extended precision, gave the currents below. The error of a row is the largest
relative deviation from them.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from physjax.solvers import Device1D, graded_mesh, solve_drift_diffusion

from .harness import Case, Gate, Table
from .launch import Context
from .peers import jax_case

BIASES = np.arange(1, 41) / 40
DEVSIM = {
    0.3: 3.462805e-05,
    0.5: 7.268174e-02,
    0.6: 3.300591e00,
    0.7: 1.460378e02,
    0.8: 4.531679e03,
    0.9: 3.526279e04,
    1.0: 1.049211e05,
}
DEVICES = 16
# 40 biases in 2 s, better in 0.3 s.
SWEEP = Gate("rate", 20.0, 40 / 0.3)


def tables(context: Context) -> Iterator[Table]:
    jax.config.update("jax_enable_x64", True)
    device = _silicon()
    at = np.array([np.argmin(np.abs(BIASES - v)) for v in DEVSIM])
    exact = np.array(list(DEVSIM.values()))
    deviation = lambda current: np.asarray(current)[..., at] / exact
    yield Table(
        op="drift-diffusion",
        size=f"{len(device.x)} nodes x {len(BIASES)} biases",
        dtype="float64",
        ref="sweep",
        cases=[
            jax_case("sweep", _sweep, device, gates=[SWEEP], value=deviation),
            jax_case("sweep and gradient", _gradient, device, compare=False),
        ],
        reference=np.ones(len(exact)),
        tolerance=1e-6,
        items=len(BIASES),
    )
    many = 4 if context.quick else DEVICES
    yield Table(
        op="drift-diffusion",
        size=f"{many} devices x {len(BIASES)} biases",
        dtype="float64",
        ref="one by one",
        cases=[
            jax_case("vmap", jax.vmap(_sweep), _stack(device, many), value=deviation),
            _one_by_one(device, many, deviation),
        ],
        reference=np.ones((many, len(exact))),
        tolerance=1e-6,
        items=many * len(BIASES),
    )


def _silicon() -> Device1D:
    x = graded_mesh([0.0, 2e-5, 4e-5], [2e-7, 2e-9, 2e-7])
    doping = 1e17 * np.sign(np.where(x == 2e-5, 0.0, x - 2e-5))
    device = Device1D(x, doping, 11.7, 1e10, 800.0, 300.0)
    return jax.tree.map(jnp.asarray, device)


def _stack(device: Device1D, many: int) -> Device1D:
    return jax.tree.map(lambda leaf: jnp.stack([leaf] * many), device)


def _sweep(device: Device1D):
    return solve_drift_diffusion(device, BIASES).value.current_density


def _gradient(device: Device1D):
    """Of the sum of the logarithms of the currents, in every number of the device."""
    return jax.value_and_grad(lambda d: jnp.sum(jnp.log(_sweep(d))))(device)


def _one_by_one(device: Device1D, many: int, value) -> Case:
    def build():
        sweep = jax.jit(_sweep)
        return lambda: [sweep(device) for _ in range(many)]

    stacked = lambda currents: value(np.stack(currents))
    return Case("one by one", build, jax.block_until_ready, stacked)

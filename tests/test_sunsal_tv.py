"""solvers.unmixing.sunsal_tv."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES

from physjax.solvers.unmixing import nonnegative, sunsal_tv
from physjax.testing import assert_gradients, assert_lowers

WIDE = DTYPES[-1]
RANDOM = np.random.default_rng(0)
ENDMEMBERS = np.eye(3, 8) + 0.2 * RANDOM.uniform(0, 1, (3, 8))


def scene(noise):
    """Two fields with a straight border."""
    shares = np.zeros((6, 7, 3))
    shares[:, :4] = [0.7, 0.3, 0.0]
    shares[:, 4:] = [0.0, 0.4, 0.6]
    cube = shares @ ENDMEMBERS + noise * RANDOM.standard_normal((6, 7, 8))
    return jnp.asarray(cube, WIDE), jnp.asarray(ENDMEMBERS, WIDE), shares


def objective(a, cube, endmembers, penalty, variation):
    residual = jnp.matmul(a, endmembers) - cube
    jumps = sum(jnp.sum(jnp.abs(jnp.diff(a, axis=axis))) for axis in (0, 1))
    return jnp.sum(residual**2) / 2 + penalty * jnp.sum(a) + variation * jumps


def test_without_variation_every_pixel_is_for_itself(dtype):
    cube, endmembers, _ = scene(0.1)
    args = cube.astype(dtype), endmembers.astype(dtype)
    solution = sunsal_tv(*args, variation=0.0)
    assert solution.result == 0
    assert solution.value.dtype == dtype
    np.testing.assert_allclose(solution.value, nonnegative(*args).value, atol=1e-3)


def test_no_other_scene_is_better():
    cube, endmembers, shares = scene(0.1)
    found = sunsal_tv(
        cube, endmembers, penalty=0.01, variation=0.05, tolerance=1e-5, max_steps=2000
    )
    assert not found.result
    cost = jax.jit(lambda a: objective(a, cube, endmembers, 0.01, 0.05))
    least = cost(found.value)
    assert least < cost(jnp.asarray(shares, WIDE))
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(10):
            step = jnp.asarray(size * RANDOM.standard_normal((6, 7, 3)), WIDE)
            other = cost(jnp.maximum(found.value + step, 0))
            assert least < other + 1e-5


def test_variation_smooths_within_fields():
    cube, endmembers, shares = scene(0.1)
    error = lambda a: float(jnp.sqrt(jnp.mean((a - jnp.asarray(shares, WIDE)) ** 2)))
    rough = error(nonnegative(cube, endmembers).value)
    smooth = error(sunsal_tv(cube, endmembers, variation=0.1).value)
    assert smooth < 0.7 * rough


def test_derivatives_hold_the_plateaus():
    cube, endmembers, _ = scene(0.0)
    solve = lambda y, e: (
        sunsal_tv(y, e, variation=0.02, max_steps=2000, tolerance=1e-10).value
    )
    small = cube[:3, 2:6]
    bound = 1e-4 if jnp.float64 == WIDE else 2e-2
    assert_gradients(solve, small, endmembers, step=1e-3, rtol=bound)
    assert_lowers(solve, small, endmembers)


def test_wrong_input_is_refused(unchecked):
    cube, endmembers, _ = scene(0.0)
    with pytest.raises(ValueError, match="`cube` must be"):
        sunsal_tv(cube[0], endmembers)
    with pytest.raises(ValueError, match="must be positive"):
        sunsal_tv(cube, endmembers, tolerance=0.0)

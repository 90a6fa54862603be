"""solvers.unmixing: abundances."""

import jax.numpy as jnp
import numpy as np
import pytest

from physjax.solvers.unmixing import fcls
from physjax.testing import assert_gradients, assert_transforms


def scene(num_members=4, pixels=60, bands=50, noise=0.05, seed=0):
    """Smooth positive spectra and noisy mixtures, many of them outside the simplex."""
    random = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    bumps = [
        1 / (1 + ((axis - c) / w) ** 2)
        for c, w in random.uniform(0.1, 1, (num_members, 2))
    ]
    endmembers = 0.1 + 0.8 * np.stack(bumps) * random.uniform(0.5, 1, (num_members, 1))
    abundances = random.dirichlet(np.full(num_members, 0.3), pixels)
    spectra = abundances @ endmembers + noise * random.standard_normal((pixels, bands))
    return spectra, endmembers


def quadratic_program(spectra, endmembers, sum_to_one=True):
    """The least objective over all supports whose answer is feasible, in float64."""
    n = len(endmembers)
    best = np.full(len(spectra), np.inf)
    answer = np.zeros((len(spectra), n))
    for number in range(sum_to_one, 2**n):
        s = [i for i in range(n) if number >> i & 1]
        corner = endmembers[s[0]] if sum_to_one else 0 * endmembers[0]
        free = s[1:] if sum_to_one else s
        matrix = (endmembers[free] - corner).T
        part = np.linalg.lstsq(matrix, (spectra - corner).T)[0].T
        a = np.zeros((len(spectra), n))
        a[:, free] = part
        if sum_to_one:
            a[:, s[0]] = 1 - np.sum(part, -1)
        size = np.sum((spectra - a @ endmembers) ** 2, -1)
        size = np.where(np.min(a, -1) >= -1e-12, size, np.inf)
        answer = np.where((size < best)[:, None], a, answer)
        best = np.minimum(size, best)
    return answer


@pytest.mark.parametrize("num_members", [1, 2, 4, 6])
def test_fcls_is_the_quadratic_program(num_members, dtype):
    spectra, endmembers = scene(num_members)
    solution = fcls(jnp.asarray(spectra, dtype), jnp.asarray(endmembers, dtype))
    error = np.abs(np.asarray(solution.value) - quadratic_program(spectra, endmembers))
    assert np.max(error) < (1e-6 if dtype == jnp.float64 else 1e-4)
    assert not np.any(solution.result)
    assert np.min(solution.value) >= 0
    assert np.max(np.abs(np.sum(np.asarray(solution.value), -1) - 1)) < 1e-6


def test_transforms_and_gradients(dtype):
    spectra, endmembers = (jnp.asarray(x, dtype) for x in scene(3, 6, 8))
    solve = lambda y, e: fcls(y, e).value
    assert_transforms(solve, spectra, endmembers)
    assert_gradients(solve, spectra, endmembers)

"""solvers.unmixing: abundances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import DTYPES

from physjax._errors import NumericsError
from physjax._solution import NON_FINITE, RESIDUAL
from physjax.solvers import unmixing
from physjax.testing import assert_gradients, assert_lowers, assert_transforms

WIDE = DTYPES[-1]


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
    check_constrained(num_members, True, dtype)


@pytest.mark.parametrize("num_members", [3, 10])
def test_nonnegative_least_squares_are_exact(num_members, dtype):
    check_constrained(num_members, False, dtype)


def test_fcls_of_many_members_is_exact(dtype):
    check_constrained(9, True, dtype)


def check_constrained(num_members, sum_to_one, dtype):
    spectra, endmembers = (x.astype(dtype) for x in scene(num_members))
    solve = unmixing.fcls if sum_to_one else unmixing.nonnegative
    solution = solve(jnp.asarray(spectra, dtype), jnp.asarray(endmembers, dtype))
    value = np.asarray(solution.value)
    wide = (x.astype(np.float64) for x in (spectra, endmembers))
    exact = quadratic_program(*wide, sum_to_one)
    # Rounding of the data alone moves the answer by the condition number.
    rounding = float(jnp.finfo(dtype).eps) * np.linalg.cond(endmembers)
    bound = max(1e-6 if dtype == jnp.float64 else 1e-4, 0 if sum_to_one else rounding)
    assert np.max(np.abs(value - exact)) < bound
    assert not np.any(solution.result)
    assert np.min(value) >= 0
    if sum_to_one:
        assert np.max(np.abs(np.sum(value, -1) - 1)) < 1e-6


def test_the_unbounded_forms_are_linear_algebra(dtype):
    spectra, endmembers = scene(4)
    args = jnp.asarray(spectra, dtype), jnp.asarray(endmembers, dtype)
    exact = np.linalg.lstsq(endmembers.T, spectra.T)[0].T
    np.testing.assert_allclose(unmixing.unconstrained(*args).value, exact, atol=1e-4)
    ones = np.ones((4, 1))
    system = np.block([[endmembers @ endmembers.T, ones], [ones.T, np.zeros((1, 1))]])
    right = np.vstack([endmembers @ spectra.T, np.ones(len(spectra))])
    exact = np.linalg.solve(system, right)[:-1].T
    np.testing.assert_allclose(unmixing.sum_to_one(*args).value, exact, atol=1e-4)


@pytest.mark.parametrize("num_members", [4, 12])
def test_sunsal_meets_its_conditions(num_members):
    """Minus the gradient is the penalty on the support, and less elsewhere."""
    spectra, endmembers = scene(num_members)
    args = jnp.asarray(spectra, WIDE), jnp.asarray(endmembers, WIDE)
    value = np.asarray(unmixing.sunsal(*args, penalty=0.3).value, np.float64)
    pull = (spectra - value @ endmembers) @ endmembers.T - 0.3
    assert np.max(pull) < 1e-3
    assert np.max(np.abs(np.where(value > 0, pull, 0))) < 1e-3
    plain = np.asarray(unmixing.sunsal(*args).value)
    np.testing.assert_allclose(plain, unmixing.nonnegative(*args).value, atol=1e-5)
    assert np.sum(value) < np.sum(plain)


def test_a_library_is_searched_by_admm():
    """Beyond 32 members the answer is ADMM's, to its tolerance."""
    random = np.random.default_rng(1)
    library = random.uniform(0, 1, (40, 60))
    truth = np.zeros((5, 40))
    truth[np.arange(5), [3, 9, 12, 30, 39]] = 0.4
    truth[:, 20] = 0.6
    solution = unmixing.sunsal(
        jnp.asarray(truth @ library, WIDE), jnp.asarray(library, WIDE), max_steps=4000
    )
    assert not np.any(solution.result)
    np.testing.assert_allclose(solution.value, truth, atol=1e-3)


def test_normalised_shares_know_neither_shade_nor_scale(dtype):
    spectra, endmembers = scene(3, noise=0.0)
    unit = endmembers / np.linalg.norm(endmembers, axis=-1, keepdims=True)
    args = jnp.asarray(spectra, dtype), jnp.asarray(endmembers, dtype)
    value = unmixing.normalized_nonnegative(*args).value
    scales = jnp.asarray([[3.0], [0.2], [1.0]], dtype)
    other = unmixing.normalized_nonnegative(args[0] * 0.3, args[1] * scales).value
    np.testing.assert_allclose(value, other, atol=2e-4)
    exact = quadratic_program(spectra, unit, False)
    exact = exact / np.sum(exact, -1, keepdims=True)
    np.testing.assert_allclose(value, exact, atol=1e-4)
    dark = unmixing.normalized_nonnegative(-args[0], args[1])
    assert not np.any(dark.value)
    assert np.all(np.asarray(dark.result) == RESIDUAL)


def test_dependent_endmembers_still_have_an_answer(dtype):
    spectra, endmembers = scene(3)
    doubled = np.concatenate([endmembers, endmembers[:1], endmembers.mean(0)[None]])
    solution = unmixing.fcls(jnp.asarray(spectra, dtype), jnp.asarray(doubled, dtype))
    exact = quadratic_program(spectra, endmembers) @ endmembers
    mixed = np.asarray(solution.value, np.float64) @ doubled
    np.testing.assert_allclose(mixed, exact, atol=1e-4)
    assert not np.any(solution.result)


@pytest.mark.parametrize("num_members", [3, 9])
def test_pixels_that_are_not_finite_say_so_alone(num_members, dtype):
    spectra, endmembers = scene(num_members, pixels=4)
    spectra[1, 3], spectra[2, 0] = np.nan, np.inf
    args = jnp.asarray(spectra, dtype), jnp.asarray(endmembers, dtype)
    solution = unmixing.fcls(*args)
    assert solution.result.tolist() == [0, NON_FINITE, NON_FINITE, 0]
    assert np.all(np.isfinite(solution.value[jnp.asarray([0, 3])]))
    with pytest.raises(NumericsError, match="2 of 4"):
        unmixing.fcls(*args, throw=True)


# Nearly orthogonal members, and pixels far from every change of support.
CORNERS = np.eye(3, 6) + 0.1 * np.random.default_rng(3).uniform(0, 1, (3, 6))
SHARES = np.array([[0.4, 0.3, 0.3], [0.7, 0.6, -0.3], [1.6, -0.3, -0.3]])
SOLVERS = {
    "fcls": unmixing.fcls,
    "nonnegative": unmixing.nonnegative,
    "unconstrained": unmixing.unconstrained,
    "sum_to_one": unmixing.sum_to_one,
    "normalized_nonnegative": unmixing.normalized_nonnegative,
    "sunsal": lambda y, e: unmixing.sunsal(y, e, penalty=jnp.sum(y) / 20),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_transforms_gradients_and_lowering(name, dtype):
    spectra, endmembers = (
        jnp.asarray(SHARES @ CORNERS, dtype),
        jnp.asarray(CORNERS, dtype),
    )
    solve = lambda y, e: SOLVERS[name](y, e).value
    assert_transforms(solve, spectra, endmembers)
    assert_gradients(solve, spectra, endmembers)
    assert_lowers(solve, spectra, endmembers)


def test_gradients_of_many_members():
    random = np.random.default_rng(3)
    endmembers = np.eye(9, 14) + 0.1 * random.uniform(0, 1, (9, 14))
    shares = np.full((2, 9), 0.2)
    shares[1, :4] = -0.2
    args = jnp.asarray(shares @ endmembers, WIDE), jnp.asarray(endmembers, WIDE)
    assert_gradients(lambda y, e: unmixing.fcls(y, e).value, *args)


def test_scenes_and_seeds_can_be_batched():
    spectra, endmembers = (jnp.asarray(x, WIDE) for x in scene(3, 12))
    stacked = jnp.stack([endmembers, endmembers[::-1]])
    both = jax.vmap(lambda e: unmixing.fcls(spectra, e).value)(stacked)
    np.testing.assert_allclose(both[0], both[1][:, ::-1], atol=1e-4)


def test_chunks_change_nothing(tmp_path):
    spectra, endmembers = (jnp.asarray(x, WIDE) for x in scene(3, 77))
    solve = lambda y: unmixing.fcls(y, endmembers)
    whole = solve(spectra)
    cube = spectra.reshape(11, 7, -1)
    np.save(tmp_path / "cube.npy", np.asarray(cube))
    mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
    for data in (cube, mapped, np.asarray(cube)[::-1][::-1]):
        parts = unmixing.in_chunks(solve, data, chunk_size=20)
        assert parts.value.shape == (11, 7, 3)
        found = np.asarray(parts.value).reshape(77, 3)
        np.testing.assert_allclose(found, whole.value, atol=1e-5)
    with pytest.raises(ValueError, match="`chunk_size` be positive"):
        unmixing.in_chunks(solve, cube, chunk_size=0)


def test_wrong_input_is_refused(unchecked):
    with pytest.raises(ValueError, match="same number of bands"):
        unmixing.fcls(jnp.ones((2, 3)), jnp.ones((2, 4)))
    with pytest.raises(ValueError, match=r"\(members, bands\)"):
        unmixing.fcls(jnp.ones((2, 3)), jnp.ones(3))
    with pytest.raises(ValueError, match="`penalty`"):
        unmixing.sunsal(jnp.ones((2, 3)), jnp.ones((2, 3)), penalty=-1.0)
    with pytest.raises(ValueError, match="`max_steps`"):
        unmixing.fcls(jnp.ones((2, 3)), jnp.ones((2, 3)), max_steps=0)
    with pytest.raises(TypeError, match="`spectra` must be real"):
        unmixing.fcls(jnp.ones((2, 3), jnp.complex64), jnp.ones((2, 3)))

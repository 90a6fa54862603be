"""Non-negative least squares in a fixed number of steps."""

import jax.numpy as jnp
import numpy as np
from scipy.optimize import nnls

from physjax import testing
from physjax.solvers.unmixing import nonnegative_in_steps


def _mixtures(rng, members, bands, pixels):
    spectra = rng.uniform(0.1, 1, (members, bands))
    shares = rng.dirichlet(np.full(members, 0.5), pixels)
    noise = 0.02 * rng.standard_normal((pixels, bands))
    return spectra.astype(np.float32), (shares @ spectra + noise).astype(np.float32)


def test_many_steps_are_the_answer_of_scipy():
    members, pixels = _mixtures(np.random.default_rng(0), 5, 40, 50)
    found = nonnegative_in_steps(
        jnp.asarray(pixels), jnp.asarray(members), num_steps=400
    )
    truth = np.stack([nnls(members.T.astype(float), y)[0] for y in pixels])
    assert np.abs(np.asarray(found) - truth).max() < 1e-5


def test_few_steps_leave_little_more_than_the_least_squares():
    """Twelve members: the sum of squares within five per cent of the least."""
    members, pixels = _mixtures(np.random.default_rng(1), 12, 200, 200)
    found = nonnegative_in_steps(jnp.asarray(pixels), jnp.asarray(members))
    left = lambda c: np.sum((pixels - np.asarray(c, float) @ members) ** 2)
    least = left([nnls(members.T.astype(float), y)[0] for y in pixels])
    assert np.all(np.asarray(found) >= 0)
    assert left(found) < 1.05 * least


def test_bands_without_cover_do_not_count():
    members, pixels = _mixtures(np.random.default_rng(2), 3, 30, 20)
    cover = jnp.asarray((np.arange(30) % 3 > 0).astype(np.float32))
    seen = np.asarray(cover) > 0
    half = nonnegative_in_steps(jnp.asarray(pixels), jnp.asarray(members), cover)
    cut = nonnegative_in_steps(
        jnp.asarray(pixels[:, seen]), jnp.asarray(members[:, seen])
    )
    assert jnp.allclose(half, cut, atol=1e-5)


def test_the_slope_of_the_misfit_is_that_with_contributions_held():
    members, pixels = _mixtures(np.random.default_rng(3), 3, 20, 30)
    y = jnp.asarray(pixels.astype(float))

    def misfit(a):
        return jnp.sum((y - nonnegative_in_steps(y, a, num_steps=400) @ a) ** 2)

    testing.assert_gradients(misfit, jnp.asarray(members.astype(float)))


def test_transforms():
    members, pixels = _mixtures(np.random.default_rng(5), 4, 25, 12)
    testing.assert_transforms(
        nonnegative_in_steps, jnp.asarray(pixels), jnp.asarray(members)
    )

"""One setting for scenes of every kind: the data decide how far to extrapolate."""

import functools

import jax
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from .._numerics import working_dtype
from .._solution import Solution
from ._endmembers import Endmembers, as_solution, check_scene, spectrum_of_scene
from ._endmembers_archetypes import archetypes_in
from ._endmembers_likelihood import likeliest
from ._endmembers_number import above_noise


def blind_endmembers(
    spectra: Float[Array, "pixels bands"], num_members: int, key: PRNGKeyArray
) -> Solution[Endmembers]:
    """Endmembers by largest likelihood where mixing is linear, else by archetypes.

    Where the eigenvalues beyond the members are those of white noise, the linear model
    holds to the accuracy of the data, and endmembers that no pixel shows can be
    extrapolated (`simplex_likelihood`). Where more of them stand out, the spectra of a
    material vary by more than the noise, and extrapolation would follow that: the
    endmembers stay inside the data (`archetypes`). Nothing is set by hand.

    Args:
        spectra: Pixels of the scene, more than bands, any unit.
        num_members: Number of endmembers; static.
        key: Random key.

    Returns:
        Solution with the endmembers, of unit L2 norm; `stats` has `extrapolated`,
        whether the linear model was found to hold, and `num_significant`, the number of
        eigenvalues above the noise.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> key = jax.random.key(0)
        >>> shares = jax.random.dirichlet(key, jnp.ones(3), (500,))
        >>> y = shares @ (jnp.eye(3, 8) + 0.1)
        >>> y = y + 1e-3 * jax.random.normal(key, y.shape)
        >>> bool(blind_endmembers(y, 3, key).stats["extrapolated"])
        True
    """
    y = check_scene(spectra, num_members).astype(working_dtype(spectra.dtype))
    spectrum, significant = _look(y)
    is_linear = significant <= num_members
    operands = (y, spectrum, key)
    searches = [functools.partial(f, num_members) for f in (_inside, _outside)]
    if isinstance(is_linear, Tracer):
        members = lax.cond(is_linear, searches[1], searches[0], *operands)
    else:  # only the search that is needed is compiled
        members = searches[bool(is_linear)](*operands)
    stats = {"extrapolated": is_linear, "num_significant": significant}
    return as_solution(Endmembers(members), spectra.dtype, stats)


@jax.jit
def _look(y):
    spectrum = spectrum_of_scene(y)
    return spectrum, above_noise(spectrum[0], y.shape[0])[0]


@functools.partial(jax.jit, static_argnums=0)
def _outside(num_members, y, spectrum, key):
    return likeliest(y, spectrum, num_members, key)[0]


@functools.partial(jax.jit, static_argnums=0)
def _inside(num_members, y, spectrum, key):
    return archetypes_in(y, spectrum[1], num_members, key)[0]

"""Iterations with the derivative of what they converge to."""

import functools as ft
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ._stencil import Stencil
from .multigrid import Iterate, Multigrid, conjugate_gradients
from .relaxation import relax


class Settings(NamedTuple):
    """What is static about an iteration."""

    method: str
    max_iterations: int
    by_change: bool


class Options(NamedTuple):
    """What is not."""

    rtol: Any
    max_change: Any
    factor: Any


@ft.partial(jax.custom_jvp, nondiff_argnums=(0,))
def iterate(
    settings: Settings,
    stencil: Stencil,
    multigrid: Multigrid,
    source: Float[Array, "..."],
    guess: Float[Array, "..."] | None,
    options: Options,
) -> Iterate:
    r"""Solves $S \phi = s$ from a guess. The derivative is that of the solution,

    $$S\,d\phi = ds - dS\,\phi ,$$

    solved by conjugate gradients with the multigrid cycle, forwards and backwards: S is
    symmetric, so that the adjoint has the same solver. It does not depend on the guess
    or on when the iteration stopped.
    """
    if settings.method == "multigrid":
        return conjugate_gradients(
            stencil,
            source,
            guess,
            multigrid,
            rtol=options.rtol,
            max_iterations=settings.max_iterations,
        )
    return relax(
        stencil,
        source,
        guess,
        settings.method,  # pyright: ignore[reportArgumentType]
        rtol=options.rtol,
        max_change=options.max_change if settings.by_change else None,
        max_iterations=settings.max_iterations,
        factor=options.factor,
    )


@iterate.defjvp
def _(settings, primals, tangents):
    stencil, multigrid, _, _, options = primals
    out = iterate(settings, *primals)
    _, change = jax.jvp(lambda s: s(out.phi), (stencil,), (tangents[0],))
    tangent = linear_solve(stencil, multigrid, tangents[2] - change, options.rtol)
    rest = jax.tree.map(_no_tangent, out)
    return out, Iterate(tangent, rest.residual, rest.converged, rest.num_iterations)


def sensible(
    stencil: Stencil, source: Float[Array, "..."], guess: Float[Array, "..."]
) -> Float[Array, "..."]:
    """The guess where its energy is below that of nothing, nothing elsewhere.

    Twice the energy is minus the product of the guess with source plus residual; what
    is not finite compares as false.
    """
    gain = guess * (2 * source - stencil(guess))
    gain = jnp.sum(gain, axis=stencil.axes, keepdims=True)
    return jnp.where(gain >= 0, guess, 0)


def linear_solve(
    stencil: Stencil, multigrid: Multigrid, source: Float[Array, "..."], rtol: Any
) -> Float[Array, "..."]:
    """The solution alone, a linear function of the source."""

    def solve(matvec, b):
        del matvec
        return conjugate_gradients(
            stencil, b, None, multigrid, rtol=rtol, max_iterations=200
        ).phi

    return lax.custom_linear_solve(stencil, source, solve, symmetric=True)


def _no_tangent(x: Array) -> Any:
    if jnp.issubdtype(x.dtype, jnp.inexact):
        return jnp.zeros_like(x)
    return np.zeros(x.shape, jax.dtypes.float0)

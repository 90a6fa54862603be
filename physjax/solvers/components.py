"""Principal components of spectra, and minimum noise fractions."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._numerics import as_real, working_dtype
from ._endmembers import dot, plain_cholesky, plain_inverse


class Components(eqx.Module):
    """Linear components of spectra.

    Attributes:
        mean: What is subtracted first.
        forward: Spectra to components, one component per column.
        backward: Components to spectra, one component per row.
        values: Variance (PCA) or ratio of signal to noise variance (MNF) of each
            component, largest first.
    """

    mean: Float[Array, " bands"]
    forward: Float[Array, "bands components"]
    backward: Float[Array, "components bands"]
    values: Float[Array, " components"]

    def transform(self, spectra: Float[Array, "... bands"]):
        """Components of spectra."""
        mean = jnp.broadcast_to(self.mean, spectra.shape)
        return dot(spectra - mean, self.forward)

    def inverse(self, components: Float[Array, "... components"]):
        """Spectra of components: without the noise of those left out."""
        spectra = dot(components, self.backward)
        return spectra + jnp.broadcast_to(self.mean, spectra.shape)


def pca(
    spectra: Float[Array, "pixels bands"], num_components: int | None = None
) -> Components:
    """Principal components: eigenvectors of the covariance matrix.

    Args:
        spectra: Pixels, any unit.
        num_components: How many are kept; all by default.

    Example:
        >>> y = jnp.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
        >>> round(float(pca(y, 1).values[0]), 3)
        3.333
    """
    y, keep = _check(spectra, num_components)
    mean = jnp.mean(y, axis=0)
    centered = y - mean[None, :]
    values, vectors = jnp.linalg.eigh(dot(centered.T, centered) / y.shape[0])
    vectors = vectors[:, ::-1][:, :keep]
    return Components(mean, vectors, vectors.T, values[::-1][:keep])


def mnf(
    cube: Float[Array, "rows columns bands"],
    num_components: int | None = None,
    *,
    ridge: float = 1e-6,
) -> Components:
    r"""Minimum noise fractions: components of largest ratio of signal to noise.

    The noise is half the difference of diagonal neighbours, squared:
    $\Sigma_n = \tfrac12 \overline{(y_{i+1,j+1} - y_{ij})(\cdot)^T}$. The components are
    the eigenvectors of $\Sigma_n^{-1/2} \Sigma \Sigma_n^{-1/2}$, whose eigenvalues less
    1 are the ratios.

    Args:
        cube: Scene, any unit.
        num_components: How many are kept; all by default.
        ridge: Added to the noise variance, as a fraction of its mean.

    Example:
        >>> import jax
        >>> smooth = jnp.outer(jnp.arange(20.0), jnp.ones(20))[..., None] * jnp.ones(5)
        >>> cube = smooth + jax.random.normal(jax.random.key(0), (20, 20, 5))
        >>> values = mnf(cube).values
        >>> bool(values[0] > 10), bool(values[1] < 1)
        (True, True)

    References:
        Green, Berman, Switzer and Craig, IEEE TGRS 26, 65 (1988).
    """
    cube = as_real(cube, "cube")
    if cube.ndim != 3 or min(cube.shape[:2]) < 2:
        raise ValueError(
            f"`cube` has shape {cube.shape}; expected (rows, columns, bands) with two "
            "rows and columns or more."
        )
    y, keep = _check(cube.reshape(-1, cube.shape[-1]), num_components)
    cube = cube.astype(y.dtype)
    step = (cube[1:, 1:] - cube[:-1, :-1]).reshape(-1, y.shape[1])
    noise = 0.5 * dot(step.T, step) / step.shape[0]
    bands = y.shape[1]
    noise = noise + ridge * jnp.trace(noise) / bands * jnp.eye(bands, dtype=y.dtype)
    colour = plain_cholesky(noise).T
    whiten = plain_inverse(colour)

    mean = jnp.mean(y, axis=0)
    white = dot(y - mean[None, :], whiten)
    values, vectors = jnp.linalg.eigh(dot(white.T, white) / y.shape[0])
    vectors = vectors[:, ::-1][:, :keep]
    forward, backward = dot(whiten, vectors), dot(vectors.T, colour)
    return Components(mean, forward, backward, values[::-1][:keep] - 1)


def _check(spectra, num_components):
    y = as_real(spectra, "spectra")
    if y.ndim != 2:
        raise ValueError(
            f"`spectra` has shape {y.shape}; expected (pixels, bands): flatten the "
            "rows and columns of a cube."
        )
    keep = y.shape[1] if num_components is None else num_components
    if not 1 <= keep <= y.shape[1]:
        raise ValueError(
            f"`num_components` is {keep}; expected 1 to {y.shape[1]}, the bands."
        )
    return y.astype(working_dtype(y.dtype)), keep

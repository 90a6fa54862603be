"""How many endmembers a scene has: HySime, HFC and the edge of the noise."""

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

from .._numerics import as_real, working_dtype
from .._solution import NON_FINITE, SUCCESS, Solution
from ._endmembers import dot, plain_cholesky, plain_inverse


def hysime(spectra: Float[Array, "pixels bands"]) -> Solution[Array]:
    """Signal subspace of least error: HySime.

    The noise of a band is what regression on all other bands leaves. Of the
    eigenvectors of the signal's second moment those are kept whose power in the data
    exceeds twice that of the noise along them.

    Args:
        spectra: Pixels of the scene, more than bands, any unit.

    Returns:
        Solution with the number; `stats` has `noise`, the standard deviation of each
        band, and `power` and `noise_power` along the eigenvectors, strongest first.

    Example:
        >>> key = jax.random.key(0)
        >>> mixed = jax.random.uniform(key, (500, 3)) @ jax.random.uniform(key, (3, 20))
        >>> noise = 1e-2 * jax.random.normal(jax.random.key(1), (500, 20))
        >>> int(hysime(mixed + noise).value)
        3

    References:
        Bioucas-Dias and Nascimento, IEEE TGRS 46, 2435 (2008).
    """
    y = _scene(spectra)
    precision = _precision(y)
    # Band i regressed on the rest: beta_ji = -P_ji / P_ii, and 1 / P_ii is left. With
    # the noise n = y - y beta, E y^T n = D = diag(1 / P_ii) and E n^T n = D P D.
    variance = 1 / jnp.diagonal(precision)
    both = variance[:, None] * precision * variance[None, :] - 2 * jnp.diag(variance)
    signal = dot(y.T, y) / y.shape[0] + both
    _, vectors = jnp.linalg.eigh(0.5 * (signal + signal.T))
    vectors = vectors[:, ::-1]
    # The covariance of independent noise is diagonal.
    noise_power = dot(vectors.T**2, variance)
    # From the pixels: the second moment has lost directions of little power.
    power = jnp.mean(dot(y, vectors) ** 2, axis=0)
    number = jnp.sum(power > 2 * noise_power).astype(jnp.int32)
    stats = {"noise": jnp.sqrt(variance), "power": power, "noise_power": noise_power}
    return _counted(number, power, stats)


def hfc(
    spectra: Float[Array, "pixels bands"],
    false_alarm: float = 1e-3,
    *,
    whiten: bool = False,
) -> Solution[Array]:
    r"""Virtual dimensionality: Harsanyi, Farrand and Chang's test.

    An endmember makes an eigenvalue of the correlation matrix larger than that of the
    covariance matrix; the difference of both, which has a standard deviation of
    $\sqrt{2(\lambda_R^2 + \lambda_C^2)/N}$, is tested at the rate of false alarms.

    Args:
        spectra: Pixels of the scene, more than bands, any unit.
        false_alarm: Probability of a false alarm, in (0, 1/2).
        whiten: Whether bands are divided by their noise first (NWHFC).

    Returns:
        Solution with the number; `stats` has `correlation` and `covariance`, the
        eigenvalues, largest first.

    Raises:
        ValueError: If `false_alarm` is outside its range.

    Example:
        >>> key = jax.random.key(0)
        >>> mixed = jax.random.uniform(key, (500, 3)) @ jax.random.uniform(key, (3, 20))
        >>> noise = 1e-2 * jax.random.normal(jax.random.key(1), (500, 20))
        >>> int(hfc(mixed + noise).value) >= 1
        True

    References:
        Chang and Du, IEEE TGRS 42, 608 (2004).
    """
    if isinstance(false_alarm, float | int) and not 0 < false_alarm < 0.5:
        raise ValueError(
            f"`false_alarm` is {false_alarm}; expected more than 0 and less than 0.5."
        )
    y = _scene(spectra)
    pixels = y.shape[0]
    if whiten:
        y = y * jnp.sqrt(jnp.diagonal(_precision(y)))[None, :]
    mean = jnp.mean(y, axis=0)
    centered = y - mean[None, :]
    covariance = dot(centered.T, centered) / pixels
    correlation = covariance + mean[:, None] * mean[None, :]
    # One batched decomposition: a program may hold one.
    pair = jnp.linalg.eigvalsh(jnp.stack([correlation, covariance]))[:, ::-1]
    spread = jnp.sqrt(2 * (pair[0] ** 2 + pair[1] ** 2) / pixels)
    quantile = -ndtri(jnp.asarray(false_alarm).astype(y.dtype))
    number = jnp.sum(pair[0] - pair[1] > quantile * spread).astype(jnp.int32)
    return _counted(number, pair, {"correlation": pair[0], "covariance": pair[1]})


def noise_edge(
    spectra: Float[Array, "pixels bands"], *, margin: float = 1.05
) -> Solution[Array]:
    r"""Number of eigenvalues above what noise alone can reach.

    For white noise of variance $\sigma^2$ the largest eigenvalue of the second moment
    of N pixels of L bands is $\sigma^2 (1 + \sqrt{L/N})^2$ (Marchenko and Pastur). The
    variance is that of the eigenvalues below the edge, which is repeated until the
    number stays.

    Args:
        spectra: Pixels of the scene, more than bands, any unit, with white noise.
        margin: Factor on the edge, for what finite matrices exceed it by.

    Returns:
        Solution with the number; `stats` has `eigenvalues`, largest first, `edge`, and
        `noise`, the standard deviation.

    Example:
        >>> key = jax.random.key(0)
        >>> mixed = jax.random.uniform(key, (500, 3)) @ jax.random.uniform(key, (3, 20))
        >>> noise = 1e-2 * jax.random.normal(jax.random.key(1), (500, 20))
        >>> int(noise_edge(mixed + noise).value)
        3

    References:
        Kritchman and Nadler, IEEE TSP 57, 3930 (2009).
    """
    y = _scene(spectra)
    pixels = y.shape[0]
    values = jnp.linalg.eigvalsh(dot(y.T, y) / pixels)[::-1]
    number, edge, noise = above_noise(values, pixels, margin)
    stats = {"eigenvalues": values, "edge": edge, "noise": noise}
    return _counted(number, values, stats)


def above_noise(
    values: Float[Array, " bands"], pixels: int, margin: float = 1.05
) -> tuple[Array, Array, Array]:
    """How many descending eigenvalues exceed the edge, the edge, and the noise."""
    bands = len(values)
    places = jnp.arange(bands, dtype=jnp.int32)
    rounding = 4 * jnp.finfo(values.dtype).eps * values[0]

    def edge_of(variance, number):
        rest = (bands - number).astype(values.dtype)
        return margin * variance * (1 + jnp.sqrt(rest / pixels)) ** 2 + rounding

    def variance_of(number):
        below = jnp.where(places >= number, values, 0)
        variance = jnp.sum(below) / jnp.maximum(bands - number, 1).astype(values.dtype)
        # The fitted directions have taken their share of the noise of the others.
        return variance * pixels / jnp.maximum(pixels - number, 1).astype(values.dtype)

    def step(_, number):
        variance = variance_of(number)
        return jnp.sum(values > edge_of(variance, number)).astype(jnp.int32)

    # From the median upwards: half of the bands at least are taken to be noise.
    middle = jnp.asarray(bands // 2, jnp.int32)
    number = jax.lax.fori_loop(0, 20, step, middle)
    variance = variance_of(number)
    noise = jnp.sqrt(jnp.maximum(variance, 0))
    return number, edge_of(variance, number), noise


def _precision(y):
    """Inverse of the second moment of pixels, in two steps, as in CholeskyQR2.

    The moment holds squares: in float32 the noise of 60 dB is less than its rounding.
    Pixels whitened by a factor of it have a second one that is well conditioned.
    """
    eye = jnp.eye(y.shape[1], dtype=y.dtype)
    eps = jnp.finfo(y.dtype).eps
    second = dot(y.T, y) / y.shape[0]
    lower = plain_cholesky(second + eps * jnp.trace(second) * eye)
    whiten = plain_inverse(lower)
    z = dot(y, whiten.T)
    inner = plain_inverse(dot(z.T, z) / y.shape[0] + eps * eye)
    return dot(whiten.T, dot(inner, whiten))


def _scene(spectra):
    spectra = as_real(spectra, "spectra")
    if spectra.ndim != 2 or spectra.shape[0] <= spectra.shape[1]:
        raise ValueError(
            f"`spectra` has shape {spectra.shape}; expected (pixels, bands) with more "
            "pixels than bands."
        )
    return spectra.astype(working_dtype(spectra.dtype))


def _counted(number, figures, stats) -> Solution:
    finite = jnp.all(jnp.isfinite(figures))
    return Solution(number, jnp.where(finite, SUCCESS, NON_FINITE), stats)

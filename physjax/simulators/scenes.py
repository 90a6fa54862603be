r"""Hyperspectral scenes with their truth, made on the device from a key.

$$y_n = s_n \sum_k a_{nk}\, m_k\,(1 + v\, g_{nk}) + \text{noise}, \qquad
a \ge 0, \quad \textstyle\sum_k a_{nk} = 1,$$

with endmembers m from a library, abundances a that are random fields, a brightness s
that is one too, and, where asked for, spectra g that vary from place to place.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray


class SceneConfig(NamedTuple):
    """The recipe of a scene. Plain numbers: what shapes the program is static.

    Attributes:
        num_members: Number of endmembers.
        size: Pixels along an edge, or `(rows, columns)`.
        snr_db: $10\\log_{10}$ of mean square of the clean cube over noise variance.
        purity: Largest abundance anywhere.
        brightness: Range of the brightness, which is uniform in it.
        variability: Root mean square of $v\\,g$, relative; 0 is off.
        min_angle: Smallest angle between two endmembers, rad.
        correlation: Correlation length of the fields, as a fraction of the edge.
        contrast: How decided the abundances are: softmax of this times a field of
            variance 1.
    """

    num_members: int = 4
    size: int | tuple[int, int] = 100
    snr_db: float = 30.0
    purity: float = 0.9
    brightness: tuple[float, float] = (0.7, 1.3)
    variability: float = 0.0
    min_angle: float = 0.1
    correlation: float = 0.06
    contrast: float = 3.0

    @property
    def shape(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size


DEFAULT = SceneConfig()


class Scene(NamedTuple):
    """A cube and what it was made of.

    Attributes:
        cube: Reflectance with noise.
        abundances: Fractions, at least 0, of sum 1.
        endmembers: Spectra as they stand in the library.
        brightness: Factor of each pixel.
    """

    cube: Float[Array, "rows columns bands"]
    abundances: Float[Array, "rows columns members"]
    endmembers: Float[Array, "members bands"]
    brightness: Float[Array, "rows columns"]


def make_scene(
    key: PRNGKeyArray,
    library: Float[Array, "n bands"],
    config: SceneConfig = DEFAULT,
) -> Scene:
    """A scene of spectra from a library.

    Mixing is linear: the scene of another sensor is that of a library resampled to it
    with `operators.mixing.gaussian_response` and `resample`.

    Args:
        key: Random key.
        library: Reflectance spectra, one per row. The endmembers are drawn from it so
            that every two are at least `config.min_angle` apart; where the library has
            no such choice, the spectra farthest from those chosen are taken.
        config: The recipe; static under `jit`.

    Returns:
        The scene, in the dtype of `library`.

    Raises:
        ValueError: If the library has fewer spectra than endmembers are asked for, or
            a setting is outside its range.

    Example:
        >>> key = jax.random.key(0)
        >>> library = smooth_spectra(key, enmap_wavelengths(), 20)
        >>> scene = make_scene(key, library, SceneConfig(num_members=3, size=16))
        >>> scene.cube.shape, bool(scene.abundances.max() <= 0.9001)
        ((16, 16, 224), True)
    """
    _check(library, config)
    pick, mix, shade, vary, noise = jax.random.split(key, 5)
    dtype = library.dtype
    chosen = distinct_spectra(pick, library, config.num_members, config.min_angle)
    endmembers = library[chosen]

    fields = random_fields(
        mix, config.shape, config.num_members, config.correlation, dtype
    )
    mixed = jax.nn.softmax(config.contrast * fields, axis=-1)
    abundances = limit_purity(mixed, config.purity)

    low, high = config.brightness
    level = random_fields(shade, config.shape, 1, config.correlation, dtype)[..., 0]
    brightness = low + (high - low) * jax.scipy.stats.norm.cdf(level)

    clean = _dot(abundances, endmembers)
    if config.variability:
        clean = clean + config.variability * _deviation(
            vary, abundances, endmembers, config
        )
    clean = brightness[..., None] * clean
    sigma = jnp.sqrt(jnp.mean(clean**2)) * 10.0 ** (-config.snr_db / 20)
    cube = clean + sigma * jax.random.normal(noise, clean.shape, dtype)
    return Scene(cube, abundances, endmembers, brightness)


def _check(library, config: SceneConfig) -> None:
    if not 1 <= config.num_members <= library.shape[0]:
        raise ValueError(
            f"`num_members` is {config.num_members}; expected 1 to "
            f"{library.shape[0]}, the spectra in `library`."
        )
    if not 1 / config.num_members <= config.purity <= 1:
        raise ValueError(
            f"`purity` is {config.purity}; expected 1 / num_members = "
            f"{1 / config.num_members:.3g} to 1."
        )
    if not 0 <= config.brightness[0] <= config.brightness[1]:
        raise ValueError(
            f"`brightness` is {config.brightness}; expected (low, high), not negative."
        )


def distinct_spectra(
    key: PRNGKeyArray,
    library: Float[Array, "n bands"],
    num_members: int,
    min_angle: float,
) -> Int[Array, " members"]:
    """Places of random spectra, every two of them at least `min_angle` rad apart.

    One after the other, each uniform among those far enough from all before it.
    """
    norm = jnp.linalg.norm(library, axis=-1, keepdims=True)
    unit = library / jnp.where(norm > 0, norm, 1)
    limit = 2 * math.sin(min_angle / 2)  # as a chord: exact for small angles too

    def choose(distance, key):
        allowed = distance >= limit
        weight = jnp.where(allowed, jax.random.uniform(key, distance.shape), -1.0)
        place = jnp.where(
            jnp.any(allowed), jnp.argmax(weight), jnp.argmax(distance)
        ).astype(jnp.int32)
        apart = jnp.linalg.norm(unit - unit[place][None, :], axis=-1)
        return jnp.minimum(distance, apart), place

    start = jnp.full(library.shape[:1], jnp.inf, library.dtype)
    start = jnp.where(norm[:, 0] > 0, start, 0)
    return lax.scan(choose, start, jax.random.split(key, num_members))[1]


def random_fields(
    key: PRNGKeyArray,
    shape: tuple[int, int],
    num_fields: int,
    correlation: float,
    dtype=jnp.float32,
) -> Float[Array, "rows columns fields"]:
    r"""Periodic Gaussian fields of mean 0 and variance 1.

    White noise through the filter $\exp(-\tfrac12 (2\pi f \ell)^2)$.

    Args:
        key: Random key.
        shape: Rows and columns.
        num_fields: Number of independent fields.
        correlation: Length $\ell$ as a fraction of the longer edge.
        dtype: Floating-point type.
    """
    length = correlation * max(shape)
    row, column = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    square = row[:, None] ** 2 + column[None, :] ** 2
    transfer = np.exp(-0.5 * (2 * math.pi * length) ** 2 * square)
    full = np.exp(
        -0.5
        * (2 * math.pi * length) ** 2
        * (row[:, None] ** 2 + np.fft.fftfreq(shape[1])[None, :] ** 2)
    )
    transfer = transfer / math.sqrt(np.mean(full**2))
    white = jax.random.normal(key, (num_fields, *shape), dtype)
    spectrum = jnp.fft.rfft2(white)
    filtered = jnp.asarray(transfer, spectrum.dtype)[None] * spectrum
    smooth = jnp.fft.irfft2(filtered, shape)
    return jnp.moveaxis(smooth, 0, -1).astype(dtype)


def limit_purity(
    abundances: Float[Array, "... members"], purity: float
) -> Float[Array, "... members"]:
    """Lowers the largest fraction to `purity`, what is taken going to the others."""
    members = abundances.shape[-1]
    if members == 1 or purity >= 1:
        return abundances
    top = jnp.max(abundances, axis=-1, keepdims=True)
    is_top = jax.nn.one_hot(
        jnp.argmax(abundances, axis=-1), members, dtype=abundances.dtype
    )
    rest = 1 - top
    even = 1.0 / (members - 1)
    share = jnp.where(rest > 1e-6, abundances / jnp.where(rest > 1e-6, rest, 1), even)
    limited = purity * is_top + (1 - purity) * share * (1 - is_top)
    return jnp.where(top > purity, limited, abundances)


_SHAPES = 3
"""Smooth curves that the variability of a spectrum is made of."""


def _deviation(key, abundances, endmembers, config):
    """Sum of a_k m_k g_k, with g smooth in the spectrum and in space."""
    members, bands = endmembers.shape
    x = (np.arange(bands) + 0.5) / bands
    order = np.arange(1, _SHAPES + 1)
    curves = math.sqrt(2 / _SHAPES) * np.cos(math.pi * order[:, None] * x[None, :])
    dtype = endmembers.dtype
    fields = random_fields(
        key, config.shape, members * _SHAPES, config.correlation, dtype
    ).reshape(*config.shape, _SHAPES, members)
    parts = _dot(abundances[..., None, :] * fields, endmembers)
    return jnp.einsum("...sb,sb->...b", parts, jnp.asarray(curves, dtype))


def _dot(a, b):
    return jnp.matmul(a, b, precision="highest")


# --- spectra and sensors --------------------------------------------------------------


def smooth_spectra(
    key: PRNGKeyArray, wavelength: Float[Array, " bands"], num_spectra: int
) -> Float[Array, "n bands"]:
    """Made-up reflectance spectra: a bent continuum with absorption bands.

    A level of U(0.1, 0.8), a slope and an edge (as of vegetation or iron) of random
    place and height, and six absorption bands of depth up to 0.6 and width 2 to 12 % of
    the range.

    Args:
        key: Random key.
        wavelength: Any unit, in any order.
        num_spectra: Number of spectra.

    Returns:
        Reflectance between 0 and 1, in the dtype of `wavelength`.

    Example:
        >>> spectra = smooth_spectra(jax.random.key(0), jnp.linspace(400, 2500, 50), 7)
        >>> spectra.shape, bool(spectra.min() > 0), bool(spectra.max() < 1)
        ((7, 50), True, True)
    """
    dtype, n = wavelength.dtype, num_spectra
    low, high = jnp.min(wavelength), jnp.max(wavelength)
    x = ((wavelength - low) / jnp.where(high > low, high - low, 1))[None, :]
    ground, bend, place, width, depth = jax.random.split(key, 5)

    level = jax.random.uniform(ground, (n, 1), dtype, 0.1, 0.8)
    slope, edge, height, sharp = jax.random.uniform(bend, (4, n, 1), dtype)
    rise = jax.nn.sigmoid((x - edge) * (10 + 40 * sharp))
    continuum = level * (0.6 + 0.4 * (slope * x + (1 - slope) * (1 - x)))
    continuum = continuum * (1 - height + height * rise)

    center = jax.random.uniform(place, (n, 6, 1), dtype)
    half = jax.random.uniform(width, (n, 6, 1), dtype, 0.02, 0.12)
    deep = 0.6 * jax.random.uniform(depth, (n, 6, 1), dtype) ** 2
    bands = 1 - deep * jnp.exp(-0.5 * ((x[None] - center) / half) ** 2)
    return 0.01 + 0.98 * continuum * jnp.prod(bands, axis=1)


_ENMAP_DETECTORS = (
    # bands, and Chebyshev coefficients of centre and width over their numbers, nm
    (91, (682.2, 286.0, 26.3, 0.8, -2.4, 0.4), (8.02, 2.52, 0.55, -0.36)),
    (44, (1140.4, 246.1, 6.1, -1.9), (10.71, 1.02, -0.52)),
    (28, (1612.8, 149.2, -2.1), (10.52, -0.59)),
    (61, (2200.3, 252.7, -7.8, 0.3), (8.12, -0.99, 0.05)),
)


def _along_detectors(which: int) -> np.ndarray:
    chebval = np.polynomial.chebyshev.chebval
    pieces = [
        chebval(np.linspace(-1, 1, row[0]), row[which]) for row in _ENMAP_DETECTORS
    ]
    return np.concatenate(pieces)


def enmap_wavelengths() -> Float[Array, " bands"]:
    """Centres of the 224 bands of the satellite EnMAP, nm, to better than 1 nm.

    91 bands of the first detector (418 to 993 nm), 133 of the second (902 to 2446 nm),
    without those of the water vapour near 1400 and 1850 nm. The detectors overlap: the
    order is that of the files, not ascending.

    Source: EnMAP product specification, level 2A.

    Example:
        >>> enmap_wavelengths().shape
        (224,)
    """
    return jnp.asarray(_along_detectors(1), jnp.result_type(float))


def enmap_fwhm() -> Float[Array, " bands"]:
    """Full widths at half maximum of the bands of EnMAP, nm."""
    return jnp.asarray(_along_detectors(2), jnp.result_type(float))


def enmap_good_bands() -> Bool[Array, " bands"]:
    """False at the six bands (1331 to 1391 nm) that its reflectances leave empty."""
    return jnp.asarray((np.arange(224) < 129) | (np.arange(224) > 134))

r"""Simulated coherent anti-Stokes Raman (CARS) spectra, made on the device.

Every generator is a pure function of a key and returns one `CarsSpectrum`; `jax.vmap`
over keys makes a batch inside a training step. The data model is

$$I(\nu) = \tfrac12\,|\chi_R(\nu) + \chi_{NRB}(\nu)|^2 + \text{noise}, \qquad
\chi_R(\nu) = \sum_k \frac{A_k}{\Omega_k - \nu - i\Gamma_k},$$

with poles in the lower half plane, so $\operatorname{Im}\chi_R > 0$ and
$\operatorname{Re}\chi_R = -H[\operatorname{Im}\chi_R]$. The background $\chi_{NRB}$ is
real. A Stokes envelope $S$ scales $\chi_R$ and $\chi_{NRB}$ by $\sqrt S$ alike.

The generators `specnet`, `lut`, `vector` and `crimson` follow the published ones, each
with its source; `broad` is ours.
"""

import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..operators import hilbert_transform
from .backgrounds import (
    BACKGROUNDS,
    excitation_profile,
    polynomial_background,
    stokes_envelope,
    two_sigmoid_background,
)

VECTOR_SETS = ("1a", "1b", "1c", "2a", "2b", "2c", "3a", "3b", "3c")
Background = Literal["two_sigmoid", "one_sigmoid", "polynomial"]
_MAX_LINES = 50


class Lines(NamedTuple):
    """Lorentzian lines; an amplitude of zero is no line."""

    amplitude: Float[Array, " lines"]
    center: Float[Array, " lines"]
    width: Float[Array, " lines"]


class CarsSpectrum(NamedTuple):
    """One simulated spectrum with its truth.

    Attributes:
        intensity: Measured intensity $I$ with noise.
        raman: $\\operatorname{Im}\\chi_R$, in units of $\\sqrt{2I}$.
        background: $\\chi_{NRB}$, in units of $\\sqrt{2I}$.
    """

    intensity: Float[Array, " n"]
    raman: Float[Array, " n"]
    background: Float[Array, " n"]


def susceptibility(
    wavenumber: Float[Array, " n"], lines: Lines
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    r"""Real and imaginary part of $\sum_k A_k / (\Omega_k - \nu - i\Gamma_k)$.

    Args:
        wavenumber: Axis $\nu$, in the units of the line centres and widths.
        lines: Amplitudes, centres and widths (half width at half maximum).

    Returns:
        `(real, imag)`, each with the shape and dtype of `wavenumber`.

    Example:
        >>> nu = jnp.array([990.0, 1000.0, 1010.0])
        >>> line = Lines(jnp.array([5.0]), jnp.array([1000.0]), jnp.array([5.0]))
        >>> real, imag = susceptibility(nu, line)
        >>> imag.round(3).tolist()
        [0.20000000298023224, 1.0, 0.20000000298023224]
    """
    detuning = lines.center[:, None] - wavenumber[None, :]
    width = lines.width[:, None]
    scale = lines.amplitude[:, None] / (detuning**2 + width**2)
    return jnp.sum(scale * detuning, 0), jnp.sum(scale * width, 0)


def at_resolution(
    wavenumber: Float[Array, " n"],
    lines: Lines,
    background: Float[Array, " n"],
    sigma: Float[Array, ""],
    *,
    lag: Float[Array, " n"] | float = 0.0,
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    r"""Intensity through a Gaussian instrument response, and the Raman spectrum in it.

    The intensity is $G_\sigma * \tfrac12|\chi_R + e^{i\theta}\chi_{NRB}|^2$. Blurred,
    it is the squared modulus of no sum of Lorentzians. What is left to find is the
    susceptibility that has no zeros in the upper half-plane and, for $\theta = 0$, this
    intensity: the Kramers-Kronig retrieval with a perfect reference,

    $$\varphi = \arg(\chi' + \chi_{NRB}) + H[\tfrac12 \ln(I / I')], \qquad
      \text{raman} = \sqrt{2I} \sin\varphi.$$

    with its negative lobe below strong narrow lines set to 0. These lines lie above
    their centres, by up to $\sigma$; where nothing is blurred, `raman` is
    $\operatorname{Im}\chi_R$ exactly.

    Args:
        wavenumber: Ascending uniform axis.
        lines: As they are before the instrument.
        background: $\chi_{NRB}$, varying slowly over $\sigma$.
        sigma: Standard deviation of the response, in points.
        lag: Phase $\theta$ of the background, rad.

    Returns:
        `(intensity, raman)`.
    """
    # chi' has the lines broadened by sigma: near the answer, free of zeros, and as
    # smooth as I, so that the transform of the logarithm meets no narrow features.
    step = wavenumber[1] - wavenumber[0]
    near = lines._replace(width=lines.width + sigma * step)
    real, imag = susceptibility(wavenumber, lines)
    near_real, near_imag = susceptibility(wavenumber, near)
    half_square = lambda re, im: 0.5 * (re**2 + im**2)
    ideal = _blur(half_square(real + background, imag), sigma)
    near_ideal = half_square(near_real + background, near_imag)
    floor = 1e-7 * jnp.max(near_ideal)
    log = 0.5 * jnp.log((ideal + floor) / (near_ideal + floor))
    phase = jnp.arctan2(near_imag, near_real + background) + hilbert_transform(log)
    raman = jnp.sqrt(2 * ideal) * jnp.maximum(jnp.sin(phase), 0)
    turned = half_square(
        real + background * jnp.cos(lag), imag + background * jnp.sin(lag)
    )
    return _blur(turned, sigma), raman


def _blur(signal, sigma):
    """Convolution with a Gaussian of `sigma` points, edges continued."""
    pad = 32
    padded = jnp.pad(signal, pad, mode="edge")
    frequency = jnp.asarray(np.fft.rfftfreq(padded.size), signal.dtype)
    transfer = jnp.exp(-0.5 * (2 * math.pi * frequency * sigma) ** 2)
    spectrum = jnp.fft.rfft(padded)
    blurred = jnp.fft.irfft(transfer.astype(spectrum.dtype) * spectrum, padded.size)
    return jnp.maximum(blurred[pad:-pad], 0)


# --- pieces the generators share ------------------------------------------------------


def _loguniform(key, shape, dtype, low, high):
    return low * jnp.exp(jax.random.uniform(key, shape, dtype) * math.log(high / low))


def _line_mask(key, low, high):
    """1 for the first N of _MAX_LINES lines, N uniform in low..high inclusive."""
    count = jax.random.randint(key, (), low, high + 1)
    return jnp.arange(_MAX_LINES) < count


def _assemble(key, real, imag, background, noise) -> CarsSpectrum:
    """Intensity of chi_R + chi_NRB with white noise of standard deviation `noise`."""
    intensity = 0.5 * ((real + background) ** 2 + imag**2)
    white = jax.random.normal(key, intensity.shape, intensity.dtype)
    return CarsSpectrum(intensity + noise * white, imag, background)


def _normalised(key, real, imag):
    """chi_R scaled to max |chi_R| = U(0.3, 1), as in SpecNet, LUT and VECTOR."""
    strength = jax.random.uniform(key, (), real.dtype, 0.3, 1.0)
    scale = strength / jnp.sqrt(jnp.max(real**2 + imag**2))
    return real * scale, imag * scale


def _uniform_lines(key, mask, dtype, amplitude, center, width) -> Lines:
    draw = lambda k, bounds: jax.random.uniform(
        k, (_MAX_LINES,), dtype, bounds[0], bounds[1]
    )
    a, c, w = jax.random.split(key, 3)
    return Lines(
        mask.astype(dtype) * draw(a, amplitude), draw(c, center), draw(w, width)
    )


# --- published generators -------------------------------------------------------------


def lut(
    key: PRNGKeyArray,
    *,
    num_points: int = 640,
    background: Background = "two_sigmoid",
    dtype: DTypeLike = jnp.float32,
) -> CarsSpectrum:
    """LUT: SpecNet's lines over one of three background families.

    1 to 14 lines on a normalised axis [0, 1]: A ~ U(0.01, 1), centre ~ U(0, 1), width ~
    U(0.001, 0.008); noise of U(0.0005, 0.003).

    Source: Junjuri, Saghi, Lensu, Vartiainen, RSC Adv. 12, 28755 (2022); lines:
    Valensise et al., APL Photonics 5, 061305 (2020).

    Example:
        >>> spectrum = lut(jax.random.key(0), background="polynomial")
        >>> spectrum.raman.shape
        (640,)
    """
    if background not in BACKGROUNDS:
        raise ValueError(
            f"`background` is {background!r}; expected one of {tuple(BACKGROUNDS)}."
        )
    count, shape, scale, back, level, noise = jax.random.split(key, 6)
    x = jnp.asarray(np.linspace(0, 1, num_points), dtype)
    lines = _uniform_lines(
        shape, _line_mask(count, 1, 14), dtype, (0.01, 1.0), (0.0, 1.0), (0.001, 0.008)
    )
    real, imag = _normalised(scale, *susceptibility(x, lines))
    sigma = jax.random.uniform(level, (), dtype, 0.0005, 0.003)
    return _assemble(noise, real, imag, BACKGROUNDS[background](back, x), sigma)


def specnet(
    key: PRNGKeyArray, *, num_points: int = 640, dtype: DTypeLike = jnp.float32
) -> CarsSpectrum:
    """SpecNet: up to 14 lines anywhere on [0, 1] over a product of two sigmoids.

    Source: Valensise et al., APL Photonics 5, 061305 (2020).
    """
    return lut(key, num_points=num_points, background="two_sigmoid", dtype=dtype)


def vector(
    key: PRNGKeyArray,
    which: str | Int[Array, ""] = "1a",
    *,
    num_points: int = 1000,
    dtype: DTypeLike = jnp.float32,
) -> CarsSpectrum:
    """One of VECTOR's nine sets, over 0.1 to 2000 cm^-1.

    The digit is the width Gamma (1: 2-10, 2: 2-25, 3: 2-75 cm^-1), the letter the
    number of lines (a: 1-14, b: 15-29, c: 30-49). Centres 300 to 1700 cm^-1, A ~
    U(0.01, 1), product of two sigmoids, noise of U(0.0005, 0.003).

    Args:
        key: Random key.
        which: Name of the set, or its place in `VECTOR_SETS` as a traced integer.
        num_points: Points of the axis.
        dtype: Floating-point type.

    Source: Wang, O' Dwyer, Muddiman et al., J. Raman Spectrosc. 53, 1081 (2022). Its
    code uses the width as Gamma, the half width, and its published sets were drawn with
    an upper bound that is never reached (14, 29 and 49 lines).

    Example:
        >>> spectrum = vector(jax.random.key(0), "3c")
        >>> spectrum.intensity.shape
        (1000,)
    """
    if isinstance(which, str):
        if which not in VECTOR_SETS:
            raise ValueError(f"`which` is {which!r}; expected one of {VECTOR_SETS}.")
        which = jnp.asarray(VECTOR_SETS.index(which))
    low, high = jnp.array([1, 15, 30]), jnp.array([14, 29, 49])
    widest = jnp.array([10.0, 25.0, 75.0], dtype)[which // 3]
    count, shape, scale, back, level, noise = jax.random.split(key, 6)
    nu = jnp.asarray(np.linspace(0.1, 2000, num_points, endpoint=False), dtype)
    mask = _line_mask(count, low[which % 3], high[which % 3])
    lines = _uniform_lines(
        shape, mask, dtype, (0.01, 1.0), (300.0, 1700.0), (2.0, widest)
    )
    real, imag = _normalised(scale, *susceptibility(nu, lines))
    sigma = jax.random.uniform(level, (), dtype, 0.0005, 0.003)
    background = two_sigmoid_background(back, nu / 2000)
    return _assemble(noise, real, imag, background, sigma)


def crimson(
    key: PRNGKeyArray, *, num_points: int = 1000, dtype: DTypeLike = jnp.float32
) -> CarsSpectrum:
    """CRIMSON: few lines, linear background 0.3 to 0.7, Stokes envelope, wide noise.

    1 to 11 lines on [0, 1]: A ~ U(0.1, 1), width ~ U(0.001, 0.025); chi_R scaled to max
    1; noise of U(0.0002, U(0.005, 0.05)). Lines whose interference with the background
    stays below the noise are dropped from `raman`, as in the paper's targets; the
    threshold (one standard deviation) is ours.

    Source: Vernuccio et al., Opt. Express 32, 18301 (2024).
    """
    count, shape, ends, env, top, level, noise = jax.random.split(key, 7)
    x = jnp.asarray(np.linspace(0, 1, num_points), dtype)
    lines = _uniform_lines(
        shape, _line_mask(count, 1, 11), dtype, (0.1, 1.0), (0.0, 1.0), (0.001, 0.025)
    )
    real, imag = susceptibility(x, lines)
    scale = 1.0 / jnp.sqrt(jnp.max(real**2 + imag**2))
    start, stop = jax.random.uniform(ends, (2,), dtype, 0.3, 0.7)
    background = start + (stop - start) * x
    root = jnp.sqrt(stokes_envelope(env, x))
    widest = jax.random.uniform(top, (), dtype, 0.005, 0.05)
    sigma = 0.0002 + (widest - 0.0002) * jax.random.uniform(level, (), dtype)
    spectrum = _assemble(
        noise, real * scale * root, imag * scale * root, background * root, sigma
    )
    at_line = jnp.interp(lines.center, x, background * root**2)
    visible = scale * lines.amplitude / lines.width * at_line > sigma
    shown = lines._replace(amplitude=jnp.where(visible, lines.amplitude, 0))
    return spectrum._replace(raman=susceptibility(x, shown)[1] * scale * root)


# --- our own --------------------------------------------------------------------------


def broad(
    key: PRNGKeyArray, *, num_points: int = 1000, dtype: DTypeLike = jnp.float32
) -> CarsSpectrum:
    """Spectra as broad as spectrometers make them; ours.

    Lines anywhere (also just outside the window), gathered in one region or spread;
    width 0.7 to 30 points, log-uniform with a spread of its own per spectrum; half of
    the spectra are blurred by an instrument response of 0.7 to 4 points (sigma), see
    `at_resolution`. Resonance, as resolved, 0.04 to 2 times the background's scale,
    log-uniform. Six of ten backgrounds vary slowly, the others are two sigmoids. A
    quarter carry a Stokes envelope, half one of
    two- and three-colour excitation. Noise: white, log-uniform 1e-4 to 5e-3, and shot
    noise with variance proportional to intensity; half keep a constant dark offset of
    up to 1 % of the maximum. Three of ten saturate the detector, at 0.15 to 0.95 of the
    maximum. In half the background is not quite real, as near a two-photon resonance
    or with chirped pulses: its phase is a line of N(0, 0.25) rad at the centre.
    """
    keys = jax.random.split(key, 12)
    x = jnp.asarray(np.linspace(0, 1, num_points), dtype)
    coin = lambda k, p: jax.random.bernoulli(k, p)

    # lines: gathered between two limits, log-uniform in number and width
    count = _loguniform(keys[0], (), dtype, 1.0, 45.0)
    mask = (jnp.arange(_MAX_LINES, dtype=dtype) < count).astype(dtype)
    limits = jnp.sort(jax.random.uniform(keys[1], (2,), dtype, -0.05, 1.05))
    gathered = coin(jax.random.fold_in(keys[1], 1), 0.5)
    low, high = jnp.where(gathered, limits, jnp.array([-0.03, 1.03], dtype))
    ka, kc, kw, ks = jax.random.split(keys[2], 4)
    center = jax.random.uniform(kc, (_MAX_LINES,), dtype, low, high)
    middle = _loguniform(ks, (), dtype, 1.0, 12.0)
    spread = jax.random.uniform(jax.random.fold_in(ks, 1), (), dtype, 0.0, 1.0)
    width = middle * jnp.exp(spread * jax.random.normal(kw, (_MAX_LINES,), dtype))
    width = jnp.clip(width, 0.7, 30.0) / num_points
    height = _loguniform(ka, (_MAX_LINES,), dtype, 0.02, 1.0)
    lines = Lines(mask * height * width, center, width)

    # background: slow polynomial bounded away from zero, or two sigmoids
    low, high = jnp.sort(jax.random.uniform(keys[3], (2,), dtype, 0.15, 1.0))
    slow = low + (high - low) * polynomial_background(keys[4], x)
    background = jnp.where(coin(keys[5], 0.6), slow, two_sigmoid_background(keys[6], x))
    strength = _loguniform(keys[7], (), dtype, 0.04, 2.0) * background.max()
    sigma = _loguniform(jax.random.fold_in(keys[7], 1), (), dtype, 0.7, 4.0)
    sigma = jnp.where(coin(jax.random.fold_in(keys[7], 2), 0.5), sigma, 0.0)
    resolved = lines._replace(width=width + sigma / num_points)
    real, imag = susceptibility(x, resolved)
    scale = strength / jnp.sqrt(jnp.max(real**2 + imag**2))
    lines = lines._replace(amplitude=scale * lines.amplitude)
    lag = jax.random.normal(jax.random.fold_in(keys[8], 1), (2,), dtype)
    lag = 0.25 * (lag[0] + lag[1] * (x - 0.5))  # radian
    lag = jnp.where(coin(jax.random.fold_in(keys[8], 2), 0.5), lag, 0.0)
    clean, raman = at_resolution(x, lines, background, sigma, lag=lag)

    pick = jax.random.randint(keys[8], (), 0, 4)
    envelope = jnp.where(
        pick == 1, stokes_envelope(keys[9], x), excitation_profile(keys[9], x)
    )
    envelope = jnp.where(pick == 0, 1.0, envelope)
    root = jnp.sqrt(envelope)
    clean, raman, background = envelope * clean, root * raman, root * background
    top = clean.max()
    white = _loguniform(keys[10], (), dtype, 1e-4, 5e-3)
    shot = _loguniform(jax.random.fold_in(keys[10], 1), (), dtype, 1e-4, 1e-2)
    dark = _loguniform(jax.random.fold_in(keys[10], 2), (), dtype, 1e-4, 1e-2)
    dark = jnp.where(coin(jax.random.fold_in(keys[10], 3), 0.5), dark, 0.0)
    deviation = jnp.sqrt((white * top) ** 2 + shot**2 * top * clean)
    noise = deviation * jax.random.normal(keys[11], x.shape, dtype)
    measured = clean + dark * top + noise

    clip, level = jax.random.split(jax.random.fold_in(key, 12))
    ceiling = jax.random.uniform(level, (), dtype, 0.15, 0.95) * top
    measured = jnp.where(coin(clip, 0.3), jnp.minimum(measured, ceiling), measured)
    return CarsSpectrum(measured, raman, background)

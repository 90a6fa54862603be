r"""Networks that turn a CARS intensity into a Raman spectrum and its background.

Both take one intensity in raw units on an ascending uniform axis of any length, divide
by its maximum, and give back their answer in units of $\sqrt{2I}$: four times the
intensity gives twice the answer. On a descending axis the phase changes sign; callers
turn the axis.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ...nn import Conv, Decoder, Encoder, SelfAttention
from ...operators import hilbert_transform
from .config import Config


class Retrieval(NamedTuple):
    """What a model makes of one intensity, in units of sqrt(2 I).

    Attributes:
        raman: $\\operatorname{Im}\\chi_R$.
        background: $\\chi_{NRB}$.
    """

    raman: Float[Array, " n"]
    background: Float[Array, " n"]


def amplitude_and_scale(
    intensity: Float[Array, " n"],
) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    r"""$\sqrt{2I}/s$ in [0, 1] and its scale $s = \sqrt{2 \max I}$.

    By the maximum, never min-max: subtracting the minimum would destroy
    $|\chi_R + \chi_{NRB}|^2$. Negative counts (a dark offset taken off) become 0.
    """
    top = jnp.max(intensity)
    tiny = jnp.finfo(intensity.dtype).tiny
    scale = jnp.sqrt(2 * jnp.maximum(top, tiny))
    share = jnp.maximum(intensity, 0) / jnp.maximum(top, tiny)
    return jnp.sqrt(share), scale


def phase_features(amplitude: Float[Array, " n"]) -> Float[Array, "n 4"]:
    r"""What the network sees: the amplitude a, its logarithm, and two phases.

    $H[\tfrac12 \ln(a^2 + \epsilon)]$ is the Kramers-Kronig phase of the whole
    susceptibility but for a slowly varying error (the background, and what lies outside
    the window); two values of $\epsilon$ bound what noise does where no signal is.
    """
    power = amplitude**2
    columns = [amplitude, 0.25 * jnp.log(power + 1e-3)]
    for floor in (1e-3, 3e-2):
        log = 0.5 * jnp.log(power + floor)
        columns.append(hilbert_transform(log, extend="edge"))
    return jnp.stack(columns, -1)


def _fold(x, fold, levels):
    """Pad at the end to whole positions at the coarsest level, fold points together."""
    n, channels = x.shape
    pad = -n % (fold * 2 ** (levels - 1))
    x = jnp.pad(x, ((0, pad), (0, 0)), mode="edge")
    return x.reshape((n + pad) // fold, fold * channels)


class PhaseNet(eqx.Module):
    r"""Ours: a U-Net for the phase of the susceptibility and a denoised modulus.

    $\operatorname{Im}\chi_R > 0$ and a real background confine the phase of
    $\chi = \chi_R + \chi_{NRB}$ to (0, pi). With $\varphi = \pi\,\sigma(z)$ and
    $|\chi| = |a + \delta|$ from the network,

    $$\text{raman} = |\chi| \sin\varphi, \qquad
      \text{background} = |\chi| \cos\varphi + H[\text{raman}],$$

    so that $|\chi_R + \chi_{NRB}|^2 / 2$ is the denoised intensity by construction.
    """

    encoder: Encoder
    attention: SelfAttention
    decoder: Decoder
    head: Conv
    fold: int = eqx.field(static=True)

    def __init__(self, config: Config, *, key: PRNGKeyArray):
        m = config.model
        k1, k2, k3, k4 = jax.random.split(key, 4)
        self.encoder = Encoder(4 * m.fold, m.widths, m.kernels, key=k1)
        self.attention = SelfAttention(m.widths[-1], m.heads, key=k2)
        self.decoder = Decoder(m.widths, m.kernels, join="add", key=k3)
        head = Conv(m.widths[0], 2 * m.fold, 1, key=k4)
        self.head = eqx.tree_at(lambda c: c.weight, head, 0.1 * head.weight)
        self.fold = m.fold

    def __call__(self, intensity: Float[Array, " n"]) -> Retrieval:
        n = intensity.shape[0]
        a, scale = amplitude_and_scale(intensity)
        x = _fold(phase_features(a), self.fold, len(self.encoder.blocks))
        *skips, bottom = self.encoder(x)
        y = self.head(self.decoder([*skips, self.attention(bottom)]))
        z, delta = y.reshape(-1, 2)[:n].T
        phase = jnp.pi * jax.nn.sigmoid(z - 2)  # a small phase before any training
        modulus = jnp.abs(a + 0.1 * delta)
        raman = modulus * jnp.sin(phase)
        background = modulus * jnp.cos(phase) + hilbert_transform(raman)
        return Retrieval(scale * raman, scale * background)


class RamPINN(eqx.Module):
    """The paper's layout: one encoder, self-attention, two decoders, sigmoid outputs.

    Four blocks with average pooling, a bottleneck with self-attention, four up-sampling
    blocks and a final convolution per decoder, skips from the encoder to both. Outputs
    lie in (0, 1) times sqrt(2 max I). Widths and kernels are not published.
    """

    encoder: Encoder
    attention: SelfAttention
    raman_decoder: Decoder
    raman_head: Conv
    background_decoder: Decoder
    background_head: Conv
    fold: int = eqx.field(static=True)

    def __init__(self, config: Config, *, key: PRNGKeyArray):
        m = config.model
        k1, k2, k3, k4, k5, k6 = jax.random.split(key, 6)
        self.encoder = Encoder(m.fold, m.widths, m.kernels, key=k1)
        self.attention = SelfAttention(m.widths[-1], m.heads, key=k2)
        self.raman_decoder = Decoder(m.widths, m.kernels, key=k3)
        self.raman_head = Conv(m.widths[0], m.fold, 1, key=k4)
        self.background_decoder = Decoder(m.widths, m.kernels, key=k5)
        self.background_head = Conv(m.widths[0], m.fold, 1, key=k6)
        self.fold = m.fold

    def __call__(self, intensity: Float[Array, " n"]) -> Retrieval:
        n = intensity.shape[0]
        a, scale = amplitude_and_scale(intensity)
        x = _fold(a[:, None], self.fold, len(self.encoder.blocks))
        *skips, bottom = self.encoder(x)
        skips.append(self.attention(bottom))
        answer = lambda decoder, head: jax.nn.sigmoid(head(decoder(skips)))
        raman = answer(self.raman_decoder, self.raman_head).reshape(-1)[:n]
        back = answer(self.background_decoder, self.background_head).reshape(-1)[:n]
        return Retrieval(scale * raman, scale * back)


def make_model(config: Config, key: PRNGKeyArray) -> PhaseNet | RamPINN:
    """The network of `config.model.head` with fresh weights."""
    kind = {"phase": PhaseNet, "paper": RamPINN}[config.model.head]
    return kind(config, key=key)

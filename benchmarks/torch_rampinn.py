"""The paper's RamPINN in PyTorch: same layers, names and losses as ours.

Parameters carry the names of our pytree's leaves, so that weights and gradients can be
laid side by side. Needs torch: imported by the training benchmark only.
"""

import numpy as np
import scipy.fft
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Conv(nn.Module):
    """Channels first, "same" zero padding; the weight is (out, in, kernel)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x, self.weight, self.bias, padding=self.padding)


class Norm(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        power = torch.mean(x * x, 1, keepdim=True)
        return x * torch.rsqrt(power + 1e-5) * self.gain[:, None]


class ConvBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, kernel: int):
        super().__init__()
        self.first = Conv(in_channels, out_channels, kernel)
        self.second = Conv(out_channels, out_channels, kernel)
        self.norm = Norm(out_channels)
        same = in_channels == out_channels
        self.project = None if same else Conv(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(F.silu(self.norm(self.first(x))))
        return F.silu(y + (x if self.project is None else self.project(x)))


class SelfAttention(nn.Module):
    def __init__(self, channels: int, num_heads: int):
        super().__init__()
        self.norm = Norm(channels)
        self.to_qkv = Conv(channels, 3 * channels, 1)
        self.to_out = Conv(channels, channels, 1)
        self.num_heads = num_heads

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, n = x.shape
        qkv = self.to_qkv(self.norm(x))
        qkv = qkv.reshape(batch, 3, self.num_heads, channels // self.num_heads, n)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v)
        return x + self.to_out(y.transpose(-1, -2).reshape(batch, channels, n))


class Encoder(nn.Module):
    def __init__(self, in_channels: int, widths, kernels):
        super().__init__()
        sizes = (in_channels, *widths)
        self.blocks = nn.ModuleList(
            ConvBlock(sizes[i], sizes[i + 1], k) for i, k in enumerate(kernels)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        skips = []
        for i, block in enumerate(self.blocks):
            x = block(x if i == 0 else F.avg_pool1d(x, 2))
            skips.append(x)
        return skips


class Decoder(nn.Module):
    def __init__(self, widths, kernels):
        super().__init__()
        self.blocks = nn.ModuleList(
            ConvBlock(widths[i + 1] + widths[i], widths[i], kernels[i])
            for i in range(len(widths) - 1)
        )

    def forward(self, skips: list[Tensor]) -> Tensor:
        *skips, x = skips
        for block, skip in zip(reversed(self.blocks), reversed(skips), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skip], 1))
        return x


class RamPINN(nn.Module):
    """(batch, n) intensities -> Raman spectra and backgrounds, n a multiple of 16."""

    def __init__(self, widths, kernels, heads: int):
        super().__init__()
        self.encoder = Encoder(1, widths, kernels)
        self.attention = SelfAttention(widths[-1], heads)
        self.raman_decoder = Decoder(widths, kernels)
        self.raman_head = Conv(widths[0], 1, 1)
        self.background_decoder = Decoder(widths, kernels)
        self.background_head = Conv(widths[0], 1, 1)

    def forward(self, intensity: Tensor) -> tuple[Tensor, Tensor]:
        top = intensity.amax(-1, keepdim=True)
        scale = torch.sqrt(2 * top)
        amplitude = torch.sqrt(intensity.clamp_min(0) / top)
        skips = self.encoder(amplitude[:, None])
        skips[-1] = self.attention(skips[-1])
        raman = self.raman_head(self.raman_decoder(skips))
        background = self.background_head(self.background_decoder(skips))
        sigmoid = lambda y: scale * torch.sigmoid(y[:, 0])
        return sigmoid(raman), sigmoid(background)

    def load(self, leaves: dict[str, np.ndarray]) -> None:
        """Takes the leaves of our model, by name."""
        parameters = dict(self.named_parameters())
        if parameters.keys() != leaves.keys():
            raise ValueError(f"leaves differ: {parameters.keys() ^ leaves.keys()}")
        with torch.no_grad():
            for name, leaf in leaves.items():
                parameters[name].copy_(torch.from_numpy(_turn(leaf)))

    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients in our layout, by name."""
        return {
            name: _turn(parameter.grad.cpu().numpy())
            for name, parameter in self.named_parameters()
        }


def _turn(leaf: np.ndarray) -> np.ndarray:
    """(kernel, in, out) <-> (out, in, kernel); other shapes as they are."""
    return np.array(leaf.transpose(2, 1, 0) if leaf.ndim == 3 else leaf, order="C")


class IdealHilbert(nn.Module):
    """The ideal transform on n points by real FFT of a good length."""

    def __init__(self, n: int):
        super().__init__()
        length = scipy.fft.next_fast_len(2 * n - 1, real=True)
        k = np.arange(-(n - 1), n)
        kernel = np.zeros(length)
        kernel[k] = np.where(k % 2, 2 / (np.pi * np.where(k, k, 1)), 0.0)
        spectrum = torch.from_numpy(np.fft.rfft(kernel).astype(np.complex64))
        self.register_buffer("spectrum", spectrum)
        self.n, self.length = n, length

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x, self.length) * self.spectrum
        return torch.fft.irfft(spectrum, self.length)[..., : self.n]


class Loss(nn.Module):
    """Data, Kramers-Kronig and smoothness terms, as `systems/rampinn/loss.py`."""

    def __init__(self, n: int, weights):
        super().__init__()
        self.hilbert = IdealHilbert(n)
        self.weights = weights

    def forward(self, answer, intensity, raman_truth) -> Tensor:
        raman, background = answer
        scale = torch.sqrt(2 * intensity.amax(-1, keepdim=True))
        data = torch.mean(torch.abs(raman - raman_truth) / scale)
        real = background - self.hilbert(raman)
        residual = (real**2 + raman**2) / 2 - intensity
        kramers_kronig = torch.mean((residual / scale**2) ** 2)
        b = background / scale
        curvature = b[:, 2:] - 2 * b[:, 1:-1] + b[:, :-2]
        w = self.weights
        return (
            w.raman * data
            + w.kramers_kronig * kramers_kronig
            + w.smoothness * torch.mean(curvature**2)
        )

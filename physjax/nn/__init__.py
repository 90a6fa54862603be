"""Equinox blocks that more than one system uses."""

from .unet import Conv as Conv
from .unet import ConvBlock as ConvBlock
from .unet import Decoder as Decoder
from .unet import Encoder as Encoder
from .unet import Norm as Norm
from .unet import SelfAttention as SelfAttention
from .unet import pool as pool
from .unet import upsample as upsample

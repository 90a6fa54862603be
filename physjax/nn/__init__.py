"""Equinox blocks that more than one system uses."""

from .unet import Conv as Conv
from .unet import ConvBlock as ConvBlock
from .unet import Decoder as Decoder
from .unet import Encoder as Encoder
from .unet import Norm as Norm
from .unet import SelfAttention as SelfAttention
from .unet import pool as pool
from .unet import upsample as upsample
from .vit import Block as Block
from .vit import Dense as Dense
from .vit import Transformer as Transformer
from .vit import from_patches as from_patches
from .vit import patches as patches
from .vit import sine_positions as sine_positions
from .vit import visible_tokens as visible_tokens

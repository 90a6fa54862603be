"""KARMA as a record of functions."""

from pathlib import Path

from ..._system import System
from .config import PAPER, PRESETS, Config
from .data import sample_batch
from .demo import demo
from .evaluate import evaluate
from .loss import loss
from .model import make_model
from .predict import predict_file

SYSTEM = System(
    name="karma",
    paper=PAPER,
    Config=Config,
    presets=PRESETS,
    make_model=make_model,
    sample_batch=sample_batch,
    loss=loss,
    evaluate=evaluate,
    predict=predict_file,
    weights=Path(__file__).with_name("weights.safetensors"),
    demo=demo,
)

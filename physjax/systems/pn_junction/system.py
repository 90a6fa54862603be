"""The PN junction as a record of functions."""

from pathlib import Path
from typing import Any

from jaxtyping import PRNGKeyArray

from ..._system import System
from .config import PAPER, PRESETS, Config
from .data import sample_batch
from .demo import demo
from .evaluate import evaluate
from .frames import prepare
from .loss import loss
from .model import make_model
from .predict import predict_file
from .settle import settle


def finish(config: Config, model: Any, key: PRNGKeyArray) -> Any:
    """Statistics of many batches and solved dense layers for the paper's network."""
    if config.model.kind == "paper" and config.model.statistics == "batch":
        return settle(config, model, key)
    return model


SYSTEM = System(
    name="pn_junction",
    paper=PAPER,
    Config=Config,
    presets=PRESETS,
    make_model=make_model,
    sample_batch=sample_batch,
    loss=loss,
    evaluate=evaluate,
    predict=predict_file,
    demo=demo,
    weights=Path(__file__).with_name("weights.safetensors"),
    prepare=prepare,
    finish=finish,
)

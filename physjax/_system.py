"""The record of pure functions that a published system is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class System(NamedTuple):
    """A published system, reproduced: everything generic works from this record.

    Attributes:
        name: Name in the registry and on the command line.
        paper: Citation, with its arXiv number.
        Config: Frozen dataclass of all settings, with a `train` field of type
            `physjax.training.TrainConfig`.
        presets: Named instances of `Config`. `"default"` is always there.
        make_model: `(config, key) -> model`, a pytree.
        sample_batch: `(config, key) -> batch`, made on the device and traceable.
        loss: `(config, model, batch, key) -> (scalar, metrics)`, `metrics` a flat dict
            of scalars.
        evaluate: `(config, model, **options) -> dict` of figures, by set of data.
        predict: `(config, model, input, output, **options) -> dict` summary; reads a
            file, writes a file.
        demo: `(config, model, folder, **options) -> path` of the report; the tour
            behind `physjax demo`.
        weights: Path of the weights that come with the package, or None.
        prepare: `(config) -> None`, before the first step of a training, or None: makes
            what `sample_batch` reads, such as recorded states, and shows progress.
        finish: `(config, model, key) -> model`, after the last step, or None: such as
            statistics over many batches.
    """

    name: str
    paper: str
    Config: type
    presets: Mapping[str, Any]
    make_model: Callable[..., Any]
    sample_batch: Callable[..., Any]
    loss: Callable[..., Any]
    evaluate: Callable[..., Any]
    predict: Callable[..., Any]
    demo: Callable[..., Any]
    weights: Any = None
    prepare: Callable[..., None] | None = None
    finish: Callable[..., Any] | None = None

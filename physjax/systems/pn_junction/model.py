"""The network of the settings, with fresh weights."""

from jaxtyping import PRNGKeyArray

from .config import Config
from .learned import MultilevelNet


def make_model(config: Config, key: PRNGKeyArray):
    """`MultilevelNet` or `PaperNet`, as `config.model.kind` says."""
    m = config.model
    if m.kind == "paper":
        from .paper_net import PaperNet

        return PaperNet(m.divisor, m.dropout, key=key)
    return MultilevelNet(m.channels, m.cycles, m.depth, key=key)

"""AdamW with warm-up, cosine decay and clipping, as `TrainConfig` says."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from .config import TrainConfig


def learning_rate(config: TrainConfig) -> Callable[[jax.typing.ArrayLike], jax.Array]:
    """Schedule `step -> rate`: a line up to the peak, then half a cosine down.

    With peak $r$, warm-up $w$ and $T$ steps, step $k$ (from 0) uses $r (k + 1) / w$
    for $k < w$ and $r (f + (1 - f) (1 + \\cos \\pi (k - w) / (T - w)) / 2)$ after, $f$
    being `final_learning_rate`. At most a tenth of the steps is warm-up. The result is
    a float32 scalar.

    Example:
        >>> rate = learning_rate(TrainConfig(steps=100, warmup_steps=10))
        >>> float(rate(9))
        0.0010000000474974513
    """
    warmup = min(config.warmup_steps, config.steps // 10)
    decay = max(config.steps - warmup, 1)
    final = config.final_learning_rate

    def rate(step: jax.typing.ArrayLike) -> jax.Array:
        k = jnp.asarray(step, jnp.float32)
        rise = (k + 1.0) / max(warmup, 1)
        fraction = jnp.clip((k - warmup) / decay, 0.0, 1.0)
        fall = final + (1.0 - final) * 0.5 * (1.0 + jnp.cos(jnp.pi * fraction))
        return config.learning_rate * jnp.where(k < warmup, rise, fall)

    return rate


def make_optimiser(config: TrainConfig) -> optax.GradientTransformation:
    """The Optax chain: clip by global norm, Adam, decoupled decay, schedule."""
    clip = optax.clip_by_global_norm(config.clip_norm)
    return optax.chain(
        clip if config.clip_norm > 0 else optax.identity(),
        optax.scale_by_adam(),
        optax.add_decayed_weights(config.weight_decay),
        optax.scale_by_learning_rate(learning_rate(config)),
    )

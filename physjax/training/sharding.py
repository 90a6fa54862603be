"""Data parallelism: one mesh axis `data`, the batch cut, the state on every device."""

from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from .._errors import DeviceError
from .config import TrainConfig


def data_mesh(config: TrainConfig) -> Mesh:
    """Mesh of `config.devices` devices along `data`; 0 takes all that divide the batch.

    Raises:
        DeviceError: there are fewer devices, they do not divide the batch, or jax runs
            in several processes.
    """
    if jax.process_count() > 1:
        raise DeviceError(
            f"training runs in one process over all its devices, here are "
            f"{jax.process_count()}; start one process per run."
        )
    available = jax.device_count()
    count, batch = config.devices, config.batch_size
    if count == 0:
        count = max(d for d in range(1, available + 1) if batch % d == 0)
    if count > available:
        raise DeviceError(
            f"train.devices is {count} but jax sees {available} "
            f"{jax.default_backend()} device(s); set train.devices to at most "
            f"{available}, or to 0 for all."
        )
    if batch % count:
        raise DeviceError(
            f"train.batch_size {batch} cannot be divided over {count} devices; "
            "make it a multiple, or set train.devices to 0."
        )
    return jax.make_mesh(
        (count,),
        ("data",),
        axis_types=(AxisType.Auto,),
        devices=jax.devices()[:count],
    )


def replicated(mesh: Mesh) -> NamedSharding:
    """The sharding of what every device holds in full."""
    return NamedSharding(mesh, PartitionSpec())


def shard_batch(batch: Any, mesh: Mesh, batch_size: int) -> Any:
    """Cut the leaves whose leading axis is the batch; the others stay whole."""
    if mesh.size == 1:
        return batch

    def shard(x):
        spec = ("data",) if x.ndim and x.shape[0] == batch_size else ()
        sharding = NamedSharding(mesh, PartitionSpec(*spec))
        return jax.lax.with_sharding_constraint(x, sharding)

    return jax.tree.map(shard, batch)

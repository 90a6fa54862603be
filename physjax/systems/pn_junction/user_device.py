"""A DEVICE.toml as a device for particles."""

import itertools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..._constants import BOLTZMANN, ELEMENTARY_CHARGE, VACUUM_PERMITTIVITY_CM
from ..._errors import DataError
from ...simulators import particles as P
from ...solvers import Device1D
from .device import DeviceFile, Region
from .devices import Setup
from .layers import CM_PER_UM, layered_device

_WIDTH = 8
"""Height, in spacings, that a device of one dimension is given."""
_STEP = 0.3
"""Standard deviation of a step, in spacings, that the default time step allows."""
_RELAXATION = 0.2
"""Time step over the dielectric relaxation time, likewise at most."""


def particle_setup(file: DeviceFile, per_cell: float) -> Setup:
    """Grid, doping, permittivity and transport of a user's device.

    In one dimension the device is given a height of 8 spacings. Runs begin with the
    densities of drift-diffusion, for what depends on y with the mean over y.

    Args:
        file: A device that lies.
        per_cell: Particles per cell at the highest doping.

    Raises:
        DataError: The device has what particles cannot do: traps, mobilities that
            differ, doping that varies along a contact, no doping at all.
    """
    size = file.device
    length, height = size.length_um, size.height_um
    nodes = tuple(size.nodes)
    if height is None:
        nodes = (*nodes, 2)
    doping = _on_nodes(file, nodes, lambda r: r.donor_cm3 - r.acceptor_cm3)
    epsilon = _on_nodes(file, nodes, lambda r: r.eps_r) * VACUUM_PERMITTIVITY_CM
    if height is None:
        height = _WIDTH * length / (nodes[0] - 1)
    spacing = (length * CM_PER_UM / (nodes[0] - 1), height * CM_PER_UM / (nodes[1] - 1))
    mobility = _check(file, doping)

    vt = BOLTZMANN * size.temperature_K / ELEMENTARY_CHARGE
    highest = np.abs(doping).max()
    smallest = min(spacing) if len(size.nodes) == 2 else spacing[0]
    cells = spacing[0] * spacing[1] / smallest**2 if len(size.nodes) == 1 else 1
    fastest = max(mobility)
    dt = min(
        (_STEP * smallest) ** 2 / (2 * fastest * vt),
        _RELAXATION * epsilon.min() / (ELEMENTARY_CHARGE * fastest * highest),
    )
    device = P.ParticleDevice(
        (nodes[0], nodes[1]),
        spacing,
        jnp.asarray(doping, jnp.float32),
        weight=float(highest * spacing[0] * spacing[1] / (per_cell * cells)),
        intrinsic=size.n_i_cm3,
        thermal_voltage=vt,
    )
    return Setup(
        device,
        epsilon,
        P.Overdamped(jnp.array(mobility, jnp.float32)),
        P.GhostSlab(),
        float(dt),
        _layers(file, doping, epsilon, mobility),
    )


def _layers(file, doping, epsilon, mobility) -> Device1D:
    if file.is_layered:
        return layered_device(file)
    return Device1D(
        np.linspace(0, file.device.length_um * CM_PER_UM, len(doping)),
        doping.mean(1),
        epsilon.mean(1) / VACUUM_PERMITTIVITY_CM,
        file.device.n_i_cm3,
        *mobility,
        temperature=file.device.temperature_K,
    )


def _on_nodes(
    file: DeviceFile, nodes: tuple[int, ...], read: Callable[[Region], float]
) -> Float[np.ndarray, "nx ny"]:
    """Mean over the regions that meet at each node."""
    length, height = file.device.length_um, file.device.height_um
    x = np.linspace(0, length, nodes[0]).tolist()
    y = [0.0] if height is None else np.linspace(0, height, nodes[1]).tolist()
    tiny = 1e-9 * length
    inside = lambda a, end: min(max(a, 0.0), end)
    total = np.zeros((len(x), len(y)))
    for dx, dy in itertools.product((-tiny, tiny), repeat=2):
        for i, j in np.ndindex(total.shape):
            region = file.region_at(
                inside(x[i] + dx, length), inside(y[j] + dy, height or 0.0)
            )
            total[i, j] += read(region) / 4
    return np.broadcast_to(total, (nodes[0], nodes[1]))


def _check(file: DeviceFile, doping: Float[np.ndarray, "nx ny"]) -> tuple[float, float]:
    """The two mobilities, if particles can do what the file asks for."""
    advice = "use --solver drift_diffusion."
    if any(np.isfinite([r.tau_n_s, r.tau_p_s]).any() for r in file.regions):
        raise DataError(
            f"the device has traps (tau_n_s, tau_p_s), but particles do not recombine; "
            f"{advice}"
        )
    pairs = {(r.mu_n_cm2_Vs, r.mu_p_cm2_Vs) for r in file.regions}
    if len(pairs) > 1:
        raise DataError(
            f"particles need one mobility of electrons and one of holes, but the "
            f"regions have {sorted(pairs)}; {advice}"
        )
    for end, name in ((doping[0], "first"), (doping[-1], "last")):
        if np.ptp(end) > 0 or end[0] == 0:
            raise DataError(
                f"particles need one doping along a contact, and not none, but at the "
                f"{name} contact it is {end.min():g} to {end.max():g} cm^-3."
            )
    return pairs.pop()


def forward(file: DeviceFile) -> float:
    """1 if current from left to right is forward in a device that lies, else -1.

    Forward is from acceptors to donors; without a junction, from the biased contact.
    """
    first = next(c for c in file.contacts if c.side == "left")
    net = [
        region.donor_cm3 - region.acceptor_cm3
        for region in (file.region_at(0.0), file.region_at(file.device.length_um))
    ]
    if net[0] == net[1]:
        return 1.0 if file.bias.contact == first.name else -1.0
    return 1.0 if net[0] < net[1] else -1.0


def first_contact_volts(file: DeviceFile) -> Float[np.ndarray, " b"]:
    """Voltage of the left contact over the right one at every bias."""
    first = next(c for c in file.contacts if c.side == "left")
    sign = 1.0 if file.bias.contact == first.name else -1.0
    return sign * np.array(file.bias.volts, float)

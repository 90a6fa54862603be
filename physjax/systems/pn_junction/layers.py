"""A layered device of a DEVICE.toml, for the drift-diffusion solver."""

import itertools

import numpy as np
from jaxtyping import Float64

from ..._errors import DataError
from ...solvers import Device1D, graded_mesh
from .device import DeviceFile

CM_PER_UM = 1e-4
FINENESS = 50
"""How much closer than the file's nodes those at a seam of two regions stand."""


def layers_mesh(file: DeviceFile) -> Float64[np.ndarray, " m"]:
    """Positions in um: as far apart as the file asks, and much closer at the seams."""
    length = file.device.length_um
    spacing = length / (file.device.nodes[0] - 1)
    seams = {end for region in file.regions for end in region.x_um} - {0.0, length}
    positions = [0.0, *sorted(seams), length]
    spacings = [spacing, *[spacing / FINENESS] * len(seams), spacing]
    # Between two seams the spacing may grow again.
    points = [(positions[0], spacings[0])]
    for (a, s), (b, t) in itertools.pairwise(zip(positions, spacings, strict=True)):
        if s == t < spacing and b - a > 2 * spacing:
            points.append((0.5 * (a + b), spacing))
        points.append((b, t))
    return graded_mesh([p for p, _ in points], [s for _, s in points])


def layered_device(
    file: DeviceFile, x_um: Float64[np.ndarray, " m"] | None = None
) -> Device1D:
    """The device between its contacts left and right.

    A node on the seam of two regions has the mean of their numbers, of lifetimes the
    mean rate.

    Args:
        file: A device in which nothing depends on y.
        x_um: Positions of the nodes; by default those of `layers_mesh`.

    Raises:
        DataError: If the device depends on y.
    """
    if not file.is_layered:
        raise DataError(
            "drift-diffusion is one-dimensional: every region must have the whole "
            "height, and the contacts must be left and right."
        )
    x = layers_mesh(file) if x_um is None else x_um
    length = file.device.length_um
    tiny = 1e-9 * length
    sides = [
        [file.region_at(min(max(x_ + d, 0.0), length)) for x_ in x.tolist()]
        for d in (-tiny, tiny)
    ]

    def mean(read):
        low, high = (np.array([read(region) for region in side]) for side in sides)
        return 0.5 * (low + high)

    def rate(read):
        with np.errstate(divide="ignore"):
            return 1 / mean(lambda region: 1 / read(region))

    net = lambda region: region.donor_cm3 - region.acceptor_cm3
    return Device1D(
        x=x * CM_PER_UM,
        doping=mean(net),
        relative_permittivity=mean(lambda region: region.eps_r),
        intrinsic_density=file.device.n_i_cm3,
        electron_mobility=mean(lambda region: region.mu_n_cm2_Vs),
        hole_mobility=mean(lambda region: region.mu_p_cm2_Vs),
        electron_lifetime=rate(lambda region: region.tau_n_s),
        hole_lifetime=rate(lambda region: region.tau_p_s),
        temperature=file.device.temperature_K,
    )

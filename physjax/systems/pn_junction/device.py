"""DEVICE.toml: a user's own device. Imports no jax.

    [device]
    length_um = 0.4
    height_um = 0.08        # two dimensions only
    nodes = [41, 9]         # along x, and along y in two dimensions
    n_i_cm3 = 1e10
    temperature_K = 300.0   # the default

    [[region]]              # later regions cover earlier ones
    x_um = [0.0, 0.2]
    y_um = [0.0, 0.08]      # the default is the whole height
    acceptor_cm3 = 1e17     # donor_cm3 likewise; the default is none
    eps_r = 11.7
    mu_n_cm2_Vs = 800.0
    mu_p_cm2_Vs = 300.0
    tau_n_s = 1e-7          # of traps, with tau_p_s; the default is no traps

    [[contact]]
    name = "p"
    side = "left"           # or right; in two dimensions also bottom, top

    [bias]
    contact = "p"           # all others are grounded
    volts = [0.0, 0.4, 0.8]

Every mistake is a DataError of one sentence.
"""

import itertools
import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Literal, TypeVar

from ..._errors import ConfigError, DataError
from ..._settings import from_table

T = TypeVar("T")
Range = tuple[float, float]
Side = Literal["left", "right", "bottom", "top"]
_TABLES = ("device", "region", "contact", "bias")
_UNIT_RANGE = (0.0, 1.0)


@dataclass(frozen=True)
class Region:
    """A rectangle of one material."""

    x_um: Range = _UNIT_RANGE
    """From left to right."""
    eps_r: float = 1.0
    """Relative permittivity."""
    mu_n_cm2_Vs: float = 1.0
    """Mobility of electrons."""
    mu_p_cm2_Vs: float = 1.0
    """Mobility of holes."""
    y_um: Range | None = None
    """From bottom to top; None is the whole height."""
    acceptor_cm3: float = 0.0
    """Density of acceptors."""
    donor_cm3: float = 0.0
    """Density of donors."""
    tau_n_s: float = math.inf
    """Lifetime of electrons in traps; infinite without traps."""
    tau_p_s: float = math.inf
    """Lifetime of holes in traps."""

    def __post_init__(self):
        for name in ("x_um", "y_um"):
            ends = getattr(self, name)
            if ends is not None and not 0 <= ends[0] < ends[1] < math.inf:
                raise ValueError(f"{name} must rise from 0 or more; got {list(ends)}.")
        for name in ("acceptor_cm3", "donor_cm3"):
            _check(name, getattr(self, name), lambda x: 0 <= x < math.inf, "0 or more")
        for name in ("eps_r", "mu_n_cm2_Vs", "mu_p_cm2_Vs"):
            _check_positive(name, getattr(self, name))
        for name in ("tau_n_s", "tau_p_s"):
            _check(name, getattr(self, name), lambda x: x > 0, "positive, or inf")


@dataclass(frozen=True)
class Contact:
    """An ohmic contact along one side."""

    name: str = "contact"
    """What [bias] calls it."""
    side: Side = "left"
    """Where it is."""

    def __post_init__(self):
        if not self.name:
            raise ValueError("name must not be empty.")


@dataclass(frozen=True)
class Bias:
    """Voltages of one contact; the others are grounded."""

    contact: str = ""
    """Its name."""
    volts: tuple[float, ...] = (0.0,)
    """In any order."""

    def __post_init__(self):
        if not self.volts:
            raise ValueError("volts must hold one number or more; got [].")
        for volts in self.volts:
            _check("volts", volts, math.isfinite, "finite numbers")


@dataclass(frozen=True)
class Geometry:
    """Size, nodes and what all materials share."""

    length_um: float = 1.0
    """Along x."""
    nodes: tuple[int, ...] = (3,)
    """Along x, and along y in two dimensions; the outermost ones lie on the sides."""
    n_i_cm3: float = 1.0
    """Intrinsic density."""
    height_um: float | None = None
    """Along y; None in one dimension."""
    temperature_K: float = 300.0
    """Of lattice and carriers."""

    def __post_init__(self):
        for name in ("length_um", "n_i_cm3", "temperature_K"):
            _check_positive(name, getattr(self, name))
        if len(self.nodes) not in (1, 2) or min(self.nodes) < 3:
            raise ValueError(
                "nodes must hold one number, or two in two dimensions, each 3 or more; "
                f"got {list(self.nodes)}."
            )
        if self.height_um is not None:
            _check_positive("height_um", self.height_um)
        if len(self.nodes) == 2 and self.height_um is None:
            raise ValueError("height_um is missing: two numbers of nodes are given.")
        if len(self.nodes) == 1 and self.height_um is not None:
            raise ValueError(
                "nodes must hold a number for y too, as height_um is given; "
                f"got {list(self.nodes)}."
            )


@dataclass(frozen=True)
class DeviceFile:
    """What a DEVICE.toml describes."""

    device: Geometry
    regions: tuple[Region, ...]
    contacts: tuple[Contact, ...]
    bias: Bias

    @property
    def is_layered(self) -> bool:
        """Whether nothing depends on y, so that one dimension is enough."""
        full = (None, (0.0, self.device.height_um))
        sides = {contact.side for contact in self.contacts}
        return sides == {"left", "right"} and all(r.y_um in full for r in self.regions)

    @property
    def lying(self) -> "DeviceFile":
        """The same with its contacts left and right: axes exchanged if need be."""
        if self.contacts[0].side in ("left", "right"):
            return self
        size, height = self.device, self.device.height_um
        assert height is not None
        side: dict[Side, Side] = {"bottom": "left", "top": "right"}
        return DeviceFile(
            replace(
                size,
                length_um=height,
                height_um=size.length_um,
                nodes=size.nodes[::-1],
            ),
            tuple(
                replace(region, x_um=region.y_um or (0.0, height), y_um=region.x_um)
                for region in self.regions
            ),
            tuple(replace(c, side=side[c.side]) for c in self.contacts),
            self.bias,
        )

    def region_at(self, x_um: float, y_um: float = 0.0) -> Region:
        """The region of a point; on a seam that of its right and upper neighbour."""
        return next(
            region
            for region in reversed(self.regions)
            if _holds(region.x_um, x_um, self.device.length_um)
            and _holds(region.y_um, y_um, self.device.height_um)
        )


def read_device(path: str | PathLike[str]) -> DeviceFile:
    """The device of a TOML file.

    Args:
        path: As this module describes it.

    Raises:
        DataError: The file is missing, cut short or no TOML; a key is unknown, missing
            or of the wrong type; a number is out of range or not a number; a region
            leaves the device, or a part of it bare; contacts touch, or share a name.
    """
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise DataError(f"cannot read device {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not valid TOML: {error}.") from error
    return device_from_tables(tables, str(path))


def device_from_tables(tables: dict[str, Any], name: str) -> DeviceFile:
    """The device of nested dicts, as TOML gives them.

    Args:
        tables: Tables by name.
        name: How messages call the source.

    Raises:
        DataError: As in `read_device`.

    Example:
        >>> device_from_tables({}, "DEVICE.toml")
        Traceback (most recent call last):
        physjax._errors.DataError: DEVICE.toml: the table [device] is missing.
    """
    for key in tables:
        if key not in _TABLES:
            raise DataError(
                f"{name}: key {key!r} is unknown; known here are {', '.join(_TABLES)}."
            )
    geometry = _one(Geometry(), tables, "device", name, "length_um nodes n_i_cm3")
    required = "x_um eps_r mu_n_cm2_Vs mu_p_cm2_Vs"
    regions = _many(Region(), tables, "region", name, required)
    contacts = _many(Contact(), tables, "contact", name, "name side")
    bias = _one(Bias(), tables, "bias", name, "contact volts")
    device = DeviceFile(geometry, regions, contacts, bias)
    for check in (_check_regions, _check_contacts):
        try:
            check(device)
        except ValueError as error:
            raise DataError(f"{name}: {error}") from None
    return device


def _one(template: T, tables: dict, key: str, name: str, required: str) -> T:
    if key not in tables:
        raise DataError(f"{name}: the table [{key}] is missing.")
    return _read(template, tables[key], f"{name}, [{key}]", required)


def _many(
    template: T, tables: dict, key: str, name: str, required: str
) -> tuple[T, ...]:
    found = tables.get(key, [])
    if not isinstance(found, list) or not found:
        raise DataError(f"{name}: there must be one table [[{key}]] or more.")
    return tuple(
        _read(template, table, f"{name}, [[{key}]] {i}", required)
        for i, table in enumerate(found, 1)
    )


def _read(template: T, table: Any, where: str, required: str) -> T:
    if not isinstance(table, dict):
        raise DataError(f"{where} is {table!r}, but must be a table.")
    for key in required.split():
        if key not in table:
            raise DataError(f"{where}: key {key!r} is missing.")
    try:
        return from_table(template, table, where)
    except ConfigError as error:
        raise DataError(str(error)) from None


def _check_regions(device: DeviceFile) -> None:
    size = device.device
    for i, region in enumerate(device.regions, 1):
        if region.x_um[1] > size.length_um:
            raise ValueError(
                f"[[region]] {i} ends at x_um {region.x_um[1]}, but the device at "
                f"{size.length_um}."
            )
        if region.y_um is None:
            continue
        if size.height_um is None:
            raise ValueError(f"[[region]] {i} has y_um, but the device no height_um.")
        if region.y_um[1] > size.height_um:
            raise ValueError(
                f"[[region]] {i} ends at y_um {region.y_um[1]}, but the device at "
                f"{size.height_um}."
            )
    height = size.height_um or 1.0
    xs = _middles([r.x_um for r in device.regions], size.length_um)
    ys = _middles([r.y_um for r in device.regions if r.y_um], height)
    for x, y in itertools.product(xs, ys):
        try:
            device.region_at(x, y)
        except StopIteration:
            place = f"x_um {x:g}" + ("" if size.height_um is None else f", y_um {y:g}")
            raise ValueError(f"no [[region]] covers the device at {place}.") from None


def _check_contacts(device: DeviceFile) -> None:
    contacts = device.contacts
    names = [contact.name for contact in contacts]
    if len(contacts) < 2:
        raise ValueError("there must be two tables [[contact]]; got 1.")
    across = {"left": "right", "right": "left", "bottom": "top", "top": "bottom"}
    for a, b in itertools.combinations(contacts, 2):
        if a.name == b.name:
            raise ValueError(f"two contacts are called {a.name!r}.")
        if across[a.side] != b.side:
            raise ValueError(
                f"contacts {a.name!r} ({a.side}) and {b.name!r} ({b.side}) touch; they "
                "must be on opposite sides."
            )
    if device.device.height_um is None and contacts[0].side in ("bottom", "top"):
        raise ValueError(
            f"contact {contacts[0].name!r} is on side {contacts[0].side!r}, but in one "
            "dimension there are only left and right."
        )
    if device.bias.contact not in names:
        raise ValueError(
            f"[bias] names contact {device.bias.contact!r}; known are "
            f"{', '.join(map(repr, names))}."
        )


def _middles(ranges: list[Range], end: float) -> list[float]:
    """A point in each interval between the ends of all ranges."""
    cuts = sorted({0.0, end, *itertools.chain.from_iterable(ranges)})
    return [0.5 * (a + b) for a, b in itertools.pairwise(cuts)]


def _holds(ends: Range | None, x: float, end: float | None) -> bool:
    if ends is None or end is None:
        return True
    return ends[0] <= x < ends[1] or x == ends[1] == end


def _check(name: str, x: float, fine: Callable[[float], bool], wanted: str) -> None:
    if not fine(x):
        raise ValueError(f"{name} must be {wanted}; got {x}.")


def _check_positive(name: str, x: float) -> None:
    _check(name, x, lambda x: 0 < x < math.inf, "positive")

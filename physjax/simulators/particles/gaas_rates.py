r"""Bands and scattering rates of gallium arsenide at 300 K, as tables over energy.

Four bands: electrons in $\Gamma$ and L, $E(1 + \alpha E) = \hbar^2k^2/2m$, heavy and
light holes, parabolic and isotropic. Golden-rule rates per initial band, energy and
mechanism:

* acoustic phonons, elastic, in equipartition;
* polar optical phonons, absorption and emission, with the overlap of non-parabolic
  bands for electrons;
* intervalley phonons $\Gamma \leftrightarrow$ L and L $\leftrightarrow$ L, and for
  holes non-polar optical phonons within and between the bands, deformation potential;
* ionised impurities, Brooks-Herring.

Sources: Jacoboni, Reggiani, Rev. Mod. Phys. 55, 645 (1983), for the rates; Tomizawa,
Numerical Simulation of Submicron Semiconductor Devices (1993), for the electrons'
constants. Masses, non-parabolicities, phonon energies and the intervalley field are
those of the published PN-junction code. The holes' constants are ours, chosen for the
measured mobility of 400 cm^2/(V s) of pure GaAs: that code's table is not published.
"""

from typing import NamedTuple

import numpy as np

from ..._constants import (
    ELECTRON_MASS,
    ELEMENTARY_CHARGE,
    PLANCK_REDUCED,
    VACUUM_PERMITTIVITY,
)

GAMMA, L, HEAVY, LIGHT = range(4)
MASS = np.array([0.067, 0.35, 0.51, 0.082])
NONPARABOLICITY = np.array([0.6113, 0.2465, 0.0, 0.0])  # 1/eV
L_OFFSET = 0.29  # eV above Gamma
VALLEYS = np.array([1, 4, 1, 1])

POLAR_PHONON = 0.03536  # eV
VALLEY_PHONON = 0.030  # eV
VALLEY_FIELD = 1e9  # eV/cm
PERMITTIVITY, PERMITTIVITY_FAST = 12.9, 10.92
DENSITY = 5360.0  # kg/m^3
SOUND = 5240.0  # m/s
ACOUSTIC = np.array([7.0, 9.2, 7.0, 7.0])  # eV
HOLE_FIELD = 1.2e9  # eV/cm, non-polar optical phonons of the holes

ISOTROPIC, POLAR, IMPURITY = range(3)
ENERGIES, ENERGY_STEP = 1000, 0.002  # eV
SLOTS = 15
"""Mechanisms per band; the sixteenth is self-scattering."""


class Tables(NamedTuple):
    """Scattering of all bands.

    Attributes:
        cumulative: Running sums of the rates over mechanisms, 1/s, by band, energy and
            mechanism.
        bound: Largest total rate at or below an energy, 1/s, by band and energy.
        final: Final band, by band and mechanism.
        gain: Change of the kinetic energy, eV, by band and mechanism.
        kind: Law of the angle, by band and mechanism.
        screening: $\\hbar^2 q_D^2 / 2 m_0$ of the impurities, eV.
    """

    cumulative: np.ndarray
    bound: np.ndarray
    final: np.ndarray
    gain: np.ndarray
    kind: np.ndarray
    screening: float


def scattering_tables(
    impurities: float,
    screening_density: float | None = None,
    temperature: float = 300.0,
) -> Tables:
    """Rates for a density of ionised impurities, cm^-3.

    Args:
        impurities: Ionised impurities, cm^-3; zero for the pure crystal.
        screening_density: Carriers that screen them, cm^-3; as many if not given.
        temperature: K.

    Example:
        >>> tables = scattering_tables(1e17)
        >>> tables.cumulative.shape
        (4, 1000, 15)
    """
    energy = (np.arange(ENERGIES) + 0.5) * ENERGY_STEP
    kt = temperature * 1.380649e-23 / ELEMENTARY_CHARGE
    carriers = impurities if screening_density is None else screening_density
    permittivity = PERMITTIVITY * VACUUM_PERMITTIVITY
    q2 = carriers * 1e6 * ELEMENTARY_CHARGE / (permittivity * kt)  # 1/m^2
    screening = PLANCK_REDUCED**2 * q2 / (2 * ELECTRON_MASS) / ELEMENTARY_CHARGE

    cumulative = np.zeros((4, ENERGIES, SLOTS))
    final, kind = np.zeros((4, SLOTS), int), np.zeros((4, SLOTS), int)
    gain = np.zeros((4, SLOTS))
    for band in range(4):
        listed = _electron(band, energy, kt) if band <= L else _hole(band, energy, kt)
        listed.append((band, 0.0, IMPURITY, _impurity(band, energy, impurities, q2)))
        rates = np.zeros((SLOTS, ENERGIES))
        for m, (to, change, law, rate) in enumerate(listed):
            final[band, m], gain[band, m], kind[band, m] = to, change, law
            rates[m] = rate
        cumulative[band] = np.cumsum(rates, axis=0).T
    bound = np.maximum.accumulate(cumulative[..., -1], axis=-1)
    return Tables(cumulative, bound, final, gain, kind, float(screening))


def _electron(band, energy, kt):
    listed = [(band, 0.0, ISOTROPIC, _acoustic(band, band, energy, kt, 1.0))]
    for sign in (1, -1):
        phonon = sign * POLAR_PHONON
        listed.append((band, phonon, POLAR, _polar(band, energy, phonon, kt)))
        phonon = sign * VALLEY_PHONON
        other = L if band == GAMMA else GAMMA
        step = phonon + (-L_OFFSET if band == GAMMA else L_OFFSET)
        valleys = VALLEYS[other]
        rate = _deformation(other, energy, step, phonon, kt, VALLEY_FIELD, valleys)
        listed.append((other, step, ISOTROPIC, rate))
        if band == L:  # to the three other valleys of its kind
            rate = _deformation(L, energy, phonon, phonon, kt, VALLEY_FIELD, 3)
            listed.append((L, phonon, ISOTROPIC, rate))
    return listed


def _hole(band, energy, kt):
    # Overlap of the p-like bands, averaged over angles: half to each of the two.
    listed = []
    for other in (HEAVY, LIGHT):
        rate = _acoustic(band, other, energy, kt, 0.5)
        listed.append((other, 0.0, ISOTROPIC, rate))
        for sign in (1, -1):
            phonon = sign * POLAR_PHONON
            rate = _deformation(other, energy, phonon, phonon, kt, HOLE_FIELD, 1)
            listed.append((other, phonon, ISOTROPIC, rate))
    for sign in (1, -1):
        phonon = sign * POLAR_PHONON
        rate = 0.5 * _polar(band, energy, phonon, kt)
        listed.append((band, phonon, POLAR, rate))
    return listed


def _gamma(band, energy):
    """E (1 + alpha E), eV; zero where there is no state."""
    energy = np.maximum(energy, 0)
    return energy * (1 + NONPARABOLICITY[band] * energy)


def _states(band, energy):
    """Density of states per spin and valley, 1/(J m^3)."""
    mass = MASS[band] * ELECTRON_MASS
    root = np.sqrt(_gamma(band, energy) * ELEMENTARY_CHARGE)
    slope = 1 + 2 * NONPARABOLICITY[band] * np.maximum(energy, 0)
    return (2 * mass) ** 1.5 * root * slope / (4 * np.pi**2 * PLANCK_REDUCED**3)


def _phonons(phonon, kt):
    """Occupation for absorption (phonon > 0), plus one for emission."""
    occupied = 1 / np.expm1(abs(phonon) / kt)
    return occupied if phonon > 0 else occupied + 1


def _acoustic(band, final, energy, kt, overlap):
    potential = ACOUSTIC[band] * ELEMENTARY_CHARGE
    strength = 2 * np.pi * potential**2 * kt * ELEMENTARY_CHARGE
    strength /= PLANCK_REDUCED * DENSITY * SOUND**2
    return overlap * strength * _states(final, energy)


def _deformation(final, energy, step, phonon, kt, field, valleys):
    frequency = abs(phonon) * ELEMENTARY_CHARGE / PLANCK_REDUCED
    potential = field * 100 * ELEMENTARY_CHARGE
    strength = np.pi * potential**2 * valleys / (DENSITY * frequency)
    return strength * _phonons(phonon, kt) * _states(final, energy + step)


def _polar(band, energy, phonon, kt):
    alpha, mass = NONPARABOLICITY[band], MASS[band] * ELECTRON_MASS
    after = energy + phonon
    allowed = after > 0
    after = np.where(allowed, after, 1.0)
    g0, g1 = _gamma(band, energy), _gamma(band, after)
    a0, a1 = 1 + alpha * energy, 1 + alpha * after
    mixed = 2 * a0 * a1 + alpha * (g0 + g1)
    root = np.sqrt(g0 * g1)
    a = mixed**2
    b = -2 * alpha * root * (4 * a0 * a1 + alpha * (g0 + g1))
    c = 4 * a0 * a1 * (1 + 2 * alpha * energy) * (1 + 2 * alpha * after)
    log = np.log((np.sqrt(g0) + np.sqrt(g1)) / np.abs(np.sqrt(g0) - np.sqrt(g1)))
    frequency = POLAR_PHONON * ELEMENTARY_CHARGE / PLANCK_REDUCED
    coupling = (1 / PERMITTIVITY_FAST - 1 / PERMITTIVITY) / VACUUM_PERMITTIVITY
    strength = ELEMENTARY_CHARGE**2 * frequency * np.sqrt(mass) * coupling
    strength /= 4 * np.sqrt(2) * np.pi * PLANCK_REDUCED
    slope = (1 + 2 * alpha * after) / np.sqrt(g0 * ELEMENTARY_CHARGE)
    rate = strength * _phonons(phonon, kt) * slope * (a * log + b) / c
    return np.where(allowed, rate, 0.0)


def _impurity(band, energy, impurities, q2):
    if not impurities:
        return np.zeros_like(energy)
    k2 = 2 * MASS[band] * ELECTRON_MASS * _gamma(band, energy) * ELEMENTARY_CHARGE
    k2 /= PLANCK_REDUCED**2
    permittivity = PERMITTIVITY * VACUUM_PERMITTIVITY
    strength = 2 * np.pi * impurities * 1e6 * ELEMENTARY_CHARGE**4
    strength /= PLANCK_REDUCED * permittivity**2
    return strength * _states(band, energy) / (q2 * (4 * k2 + q2))

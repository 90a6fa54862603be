"""The numerics once more with 64-bit types off, as most users have them.

Values, shapes and errors; transformations and lowering are the same programs in both.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = [
    "test_numerics.py",
    "test_grids.py",
    "test_boundaries.py",
    "test_differences.py",
    "test_differences_plumbing.py",
    "test_fluxes.py",
    "test_pointwise.py",
    "test_spectral.py",
    "test_transforms.py",
    "test_multigrid.py",
    "test_poisson.py",
    "test_poisson_electrodes.py",
    "test_hilbert.py",
    "test_kramers_kronig.py",
    "test_phase_retrieval.py",
    "test_baseline.py",
    "test_junctions.py",
    "test_losses.py",
    "test_testing.py",
    "test_particles_grid.py",
    "test_hamiltonians.py",
    "test_grid_hamiltonians.py",
    "test_energies.py",
    "test_anderson.py",
    "test_ising_bounds.py",
    "test_eigen.py",
    "test_lowest_states.py",
    "test_sharded.py",
    "test_interop_spins.py",
    "test_mixing.py",
    "test_abundances.py",
    "test_sunsal_tv.py",
    "test_sectors.py",
    "test_ground_energies.py",
    "test_scenes.py",
    "test_endmembers.py",
    "test_detection.py",
    "test_nonnegative_steps.py",
]


PARTS = 6
"""Processes, which may run side by side."""


@pytest.mark.parametrize("part", range(PARTS))
def test_the_numerics_hold_with_64_bit_types_off(part):
    files = FILES[part::PARTS]
    pytest_alone = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, *pytest_alone, "-k", "not transform and not lower", *files],
        cwd=HERE,
        env={**os.environ, "PHYSJAX_TEST_X64": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]

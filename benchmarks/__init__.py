"""Benchmarks of physjax: one harness, run from a checkout.

    python -m benchmarks --list
    python -m benchmarks hilbert               one pinned core, CPU clock
    python -m benchmarks hilbert --mode wall   all cores or the accelerator, wall clock
    python -m benchmarks all

Every table times ours and its peers in one process, interleaved and shuffled, and puts
the error against a float64 reference into the same row. Judge by the ratios: they are
medians of per-round ratios, and hold on a busy machine where milliseconds do not.
Peers come with `pip install 'physjax[bench]'`.
"""

BENCHMARKS = {
    "hilbert": "Hilbert transform against SciPy, PyTorch and pyFFTW",
    "kramers_kronig": "Kramers-Kronig retrieval, spectra per second",
    "laplacian": "Laplacian against SciPy, findiff, PyTorch and numba",
    "div_sigma_grad": "diffusion operator against NumPy, PyTorch and numba",
    "poisson": "Poisson's equation against SciPy, SuperLU, pyamg and numba",
    "refined_poisson": "changing permittivity, a guess by network or by the last frame",
    "drift_diffusion": "current-voltage sweeps of a p-n junction",
    "particles": "particle simulation of a PN junction against numba",
    "training_step": "full training step of rampinn against PyTorch",
    "prediction": "rampinn's predictions: spectra per second, peak memory",
    "hamiltonians": "spin Hamiltonians and ground states against QuSpin, NetKet, SciPy",
    "mixing": "mixtures, angles, abundances against NumPy, PyTorch, SPAMS, SPy",
    "imports": "CPU time of importing physjax",
}
"""Name (a module of this package with `tables(context)`) and what it measures."""

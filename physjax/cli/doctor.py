"""`physjax doctor`: is everything here that a computation needs, and does it work?"""

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .._errors import DeviceError
from ._arguments import parse

_PACKAGES = [
    "physjax",
    "jax",
    "jaxlib",
    "equinox",
    "optax",
    "flax",
    "numpy",
    "scipy",
    "orbax-checkpoint",
    "safetensors",
    "matplotlib",
    "h5py",
    "tifffile",
]


@dataclass(frozen=True)
class Doctor:
    """Check versions, devices, precision, and one operation of each kind."""


def run(argv: list[str]) -> int:
    """The verb `doctor`; raises DeviceError (exit code 3) if something is broken."""
    parse(Doctor, argv, "doctor")
    import jax

    from .. import training

    print(f"python {platform.python_version()} on {platform.platform()}")
    print(", ".join(f"{name} {_version(name)}" for name in _PACKAGES))
    # "matmul, fast" below shows what it means on each device.
    precision = jax.config.jax_default_matmul_precision or "default"  # type: ignore[attr-defined]
    x64 = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    print(f"matmul precision {precision}, float64 {'on' if x64 else 'off'}")
    broken = [_check_cache(training.enable_compilation_cache())]
    try:
        devices = jax.devices()
    except RuntimeError as error:
        raise DeviceError(f"jax finds no device: {error}") from error
    _hint_at_gpu(devices)
    for device in devices:
        print(f"device {device.id}: {device.platform}, {device.device_kind}")
        broken += [_check(device, name, *pair) for name, pair in _operations().items()]
    wrong = [line for line in broken if line]
    if wrong:
        raise DeviceError(
            f"{len(wrong)} checks failed, first: {wrong[0]}; reinstall jax for this "
            f"machine, or choose another device with JAX_PLATFORMS."
        )
    print("all is well")
    return 0


def _operations() -> dict[str, tuple[Callable[[], Any], Any]]:
    """By name: a jax computation and NumPy's answer."""
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 64)).astype(np.float32)
    double = x.astype(np.float64)
    kernel = x[0, :9]
    symmetric = x + x.T
    return {
        "FFT": (lambda: jnp.abs(jnp.fft.rfft(x)), np.abs(np.fft.rfft(double))),
        "matmul": (lambda: jnp.matmul(x, x, precision="highest"), double @ double),
        "matmul, fast": (lambda: jnp.matmul(x, x), double @ double),
        "convolution": (
            lambda: jnp.convolve(x[0], kernel, precision="highest"),
            np.convolve(double[0], kernel.astype(np.float64)),
        ),
        "eigh": (
            lambda: jnp.linalg.eigvalsh(symmetric),
            np.linalg.eigvalsh(symmetric.astype(np.float64)),
        ),
    }


def _check(device: Any, name: str, compute: Callable[[], Any], truth: Any) -> str:
    """One operation on one device; what is wrong, or nothing."""
    import jax
    import numpy as np

    try:
        with jax.default_device(device):
            answer = np.asarray(compute(), np.float64)
    except Exception as error:  # a backend may fail in any way it likes
        reason = str(error).strip() or type(error).__name__
        print(f"  {name:12} FAILED: {reason}")
        return f"{name} on {device} fails ({reason.splitlines()[0]})"
    error = float(np.abs(answer - truth).max() / np.abs(truth).max())
    # By default accelerators may round the factors of a product to 7 or 10 bits.
    good = error < (2e-2 if name == "matmul, fast" else 1e-5)
    print(f"  {name:12} {'ok' if good else 'WRONG'}, relative error {error:.1e}")
    return "" if good else f"{name} on {device} is off by {error:.1e}"


def _check_cache(folder: Any) -> str:
    if folder is None:
        print("compilation cache: none, no writable folder (set PHYSJAX_CACHE_DIR)")
        return ""  # slower, not broken
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            print(f"compilation cache: {folder}, writable")
    except OSError as error:
        print(f"compilation cache: {folder} NOT WRITABLE")
        return f"the compilation cache {folder} is not writable ({error.strerror})"
    return ""


def _hint_at_gpu(devices: list[Any]) -> None:
    if any(device.platform != "cpu" for device in devices):
        return
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return
    try:
        answer = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    cards = answer.stdout.strip().splitlines() if answer.returncode == 0 else []
    if cards:
        print(
            f"\n*** This machine has {len(cards)} NVIDIA GPU(s) ({cards[0]}), but jax "
            f"uses only the CPU.\n*** Mend it with: pip install 'physjax[cuda13]' "
            f"(or 'physjax[cuda12]' for older drivers), and see that JAX_PLATFORMS is "
            f"not cpu.\n"
        )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"

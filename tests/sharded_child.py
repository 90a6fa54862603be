"""Hamiltonians on eight virtual devices against one, in a process of its own.

python sharded_child.py prints one line of JSON.
"""

import json
import os


def main() -> None:
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    os.environ["JAX_PLATFORMS"] = "cpu"

    import jax
    import jax.numpy as jnp
    import numpy as np
    from conftest import X64
    from jax.sharding import AxisType, NamedSharding, PartitionSpec
    from test_hamiltonians import random_terms

    from physjax._numerics import complex_dtype
    from physjax.operators import hamiltonians as H
    from physjax.solvers import ground_state, lowest_states

    wide = jnp.float64 if X64 else jnp.float32
    mesh = jax.make_mesh((8,), ("states",), axis_types=(AxisType.Auto,))
    rng = np.random.default_rng(0)
    n = 8
    number = lambda x: jnp.asarray(x, wide)
    fields = number(rng.normal(size=n))
    terms = [(a, b, number(c)) for a, b, c in random_terms(rng, n, 14)]
    # Only strings with an even number of Y: real, though not device by device.
    real = [term for term in terms if term[0].count("Y") % 2 == 0]
    real.append(("YY", (0, n - 1), number(0.7)))
    models = {
        "ising": H.transverse_field_ising(n, number(1.0), fields, number(0.3)),
        "heisenberg": H.heisenberg(n, number(0.25)),
        "real": H.pauli_sum(n, real),
        "complex": H.pauli_sum(n, terms),
    }
    report = {}
    for name, h in models.items():
        psi = rng.normal(size=(2, 2**n))
        psi = jnp.asarray(psi, complex_dtype(wide) if name == "complex" else wide)
        spread = NamedSharding(mesh, PartitionSpec(None, "states"))
        put = jax.device_put(psi, spread)
        apply = jax.jit(lambda h, psi: H.sharded_apply(h, psi, mesh, "states"))
        compiled = apply.lower(h, put).compile()
        image, expected = compiled(h, put), jax.jit(lambda h, x: h.apply(x))(h, psi)
        report[name] = {
            "error": float(jnp.abs(image - expected).max() / jnp.abs(expected).max()),
            "same type": image.dtype == expected.dtype,
            "spread": image.sharding.is_equivalent_to(spread, 2),
            "gathers": compiled.as_text().count("all-gather"),
            "exchanges": compiled.as_text().count(" collective-permute"),
        }
    h = models["ising"]
    sharded = H.ShardedPauliSum(h, mesh, "states")
    levels = np.linalg.eigvalsh(h.to_sparse().toarray())[:2]
    solvers = {
        "ground_state": (lambda h: ground_state(h).value.energy, levels[0]),
        "lowest_states": (lambda h: lowest_states(h, 2).value.energies, levels),
    }
    for name, (solve, expected) in solvers.items():
        compiled = jax.jit(solve).lower(sharded).compile()
        off = np.asarray(compiled(sharded)) - expected
        report[name] = {
            "error": float(np.abs(off).max() / h.bound()),
            "gathers": compiled.as_text().count("all-gather"),
        }
    psi = jnp.asarray(rng.normal(size=2**n), wide)
    energy = lambda h, psi: H.energy(h, psi)
    slope = jax.jit(jax.grad(energy))(sharded, psi).full.coefficients
    expected = jax.jit(jax.grad(energy))(h, psi).coefficients
    report["slope"] = float(jnp.abs(slope - expected).max())
    print(json.dumps(report))


if __name__ == "__main__":
    main()

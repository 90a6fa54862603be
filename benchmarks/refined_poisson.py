"""Where a network could pay: many problems at once whose permittivity changes.

Discs of another permittivity (1:10), or floating conductors (1:1000), drift by a node
per frame between two contacts, and the charge with them. Multigrid conjugate
gradients solve every frame of a batch to the same residual, from nothing, from the
potential of the frame before (`warm`), and from what a network says (`refined`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from physjax.simulators.particles import WALLS, contact_labels
from physjax.solvers import solve_poisson

from .harness import Case, Gate, Table
from .launch import Context

SPACING = (1.0, 1.0)
CONTRASTS = {"discs 1:10": 10.0, "conductors 1:1000": 1000.0}
RESIDUALS = (1e-3, 1e-8)
DRIFT = 1 / 256
"""Way of a disc per frame, of the side."""

Guess = Callable[[Any, Any, Any], Any]
"""(charge, voltages, permittivity) of one problem -> potential of all its nodes."""


def tables(context: Context, network: Guess | None = None) -> Iterator[Table]:
    """One per contrast and residual.

    Args:
        context: How to measure.
        network: What guesses; the shipped weights of `pn_junction` if not given.
    """
    jax.config.update("jax_enable_x64", True)
    network = shipped_network() if network is None else network
    n, batch, frames = (33, 2, 2) if context.quick else (257, 32, 3)
    for name, contrast in CONTRASTS.items():
        problems = make_problems(n, batch, frames + 1, contrast)
        for rtol in RESIDUALS:
            yield _table(name, problems, rtol, network)


def shipped_network() -> Guess:
    """The multi-level network of the package."""
    from physjax import systems, training

    _, net = training.load_model(systems.load("pn_junction"), None)

    def guess(rho, voltages, permittivity):
        single = permittivity.astype(jnp.float32)
        solver = net.on(
            rho.shape,
            SPACING,
            WALLS,
            permittivity=single,
            electrodes=contact_labels(rho.shape),
        )
        f = rho.astype(jnp.float32), voltages.astype(jnp.float32)
        return solver(*f).astype(rho.dtype)

    return guess


def make_problems(n: int, batch: int, frames: int, contrast: float) -> tuple:
    """Permittivity and charge (frame, batch, n, n), voltages (frame, batch, 2)."""
    rng = np.random.default_rng(0)
    x = np.linspace(0, 1, n)
    maps = np.ones((frames, batch, n, n))
    rho = np.zeros_like(maps)
    for b in range(batch):
        centres, radii = rng.random((8, 2)), rng.uniform(0.04, 0.12, 8)
        ways = rng.standard_normal((8, 2))
        ways *= DRIFT / np.linalg.norm(ways, axis=1, keepdims=True)
        # Charge about the discs, of both signs, and noise as of superparticles.
        signs = rng.choice([-1.0, 1.0], 8)
        for k in range(frames):
            for centre, r, way, sign in zip(centres, radii, ways, signs, strict=True):
                cx, cy = centre + k * way
                squared = (x[:, None] - cx) ** 2 + (x[None] - cy) ** 2
                maps[k, b][squared < r**2] = contrast
                rho[k, b] += sign * np.exp(-squared / (2 * r**2))
            rho[k, b] += 0.3 * rng.standard_normal((n, n))
    voltages = n * rng.standard_normal((1, batch, 2)) * np.ones((frames, 1, 1))
    return tuple(map(jnp.asarray, (maps, rho, voltages)))


def _table(name: str, problems: tuple, rtol: float, network: Guess) -> Table:
    frames, batch, n, _ = problems[0].shape
    labels = contact_labels((n, n))

    def solve(permittivity, rho, voltages, guess, rtol):
        return solve_poisson(
            rho,
            SPACING,
            WALLS,
            permittivity=permittivity,
            electrodes=labels,
            voltages=voltages,
            method="multigrid",
            guess=guess,
            rtol=rtol,
        )

    def follow(kind):
        """All frames after the first, one after the other."""

        def run(problems, start):
            def step(before, problem):
                guess = {"cold": None, "warm": before}.get(kind)
                if kind == "refined":
                    permittivity, rho, voltages = problem
                    guess = jax.vmap(network)(rho, voltages, permittivity)
                solution = solve(*problem, guess, rtol)
                stats = solution.stats
                figures = stats["num_iterations"], jnp.max(stats["residual"])
                return solution.value, figures

            rest = jax.tree.map(lambda x: x[1:], problems)
            phi, figures = jax.lax.scan(step, start, rest)
            return phi, figures

        return jax.jit(run)

    first = jax.tree.map(lambda x: x[0], problems)
    # The network as it is, without a solve: what its guess is worth.
    start = jax.jit(lambda p: solve(*p, None, rtol).value)(first)
    exact_first = jax.jit(lambda p: solve(*p, None, 1e-11).value)(first)
    last = jax.tree.map(lambda x: x[-1], problems)
    exact = jax.jit(lambda p, guess: solve(*p, guess, 1e-11).value)(last, exact_first)

    def case(kind: str, gates=()) -> Case:
        run = follow(kind)
        seen: list[Any] = []

        def build():
            def call():
                seen[:] = [run(problems, start)]
                return seen[0]

            return call

        def metrics():
            iterations, residual = seen[0][1]
            return {
                "iterations": float(jnp.mean(iterations)),
                "residual": float(jnp.max(residual)),
            }

        return Case(
            kind,
            build,
            jax.block_until_ready,
            value=lambda out: np.asarray(out[0]),
            units=(frames - 1) * batch,
            gates=gates,
            metrics=metrics,
        )

    def raw() -> Callable[[], Any]:
        ask = jax.jit(lambda p: jax.vmap(network)(p[1], p[2], p[0]))
        return lambda: ask(last)

    def raw_error() -> dict[str, float]:
        phi = raw()()
        error = jnp.linalg.norm(phi - exact) / jnp.linalg.norm(exact)
        return {"error": float(error)}

    return Table(
        op=f"refined poisson, {name}",
        size=f"{batch}x{n}x{n} to {rtol:g}",
        dtype="float64",
        ref="warm",
        cases=[
            # Published whatever it is: the floor is that it is there.
            case("refined", [Gate("speed", 0.0, 1.3)]),
            case("warm"),
            case("cold"),
            Case(
                "network alone",
                raw,
                jax.block_until_ready,
                units=batch,
                compare=False,
                metrics=raw_error,
            ),
        ],
        reference=np.asarray(exact),
        tolerance=100 * rtol,
        rounds=3,
    )

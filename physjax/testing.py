"""Assertions about numerical JAX functions, for the tests of any package.

They need no test framework. Arguments are arrays or pytrees of arrays; close over
everything static. Tolerances follow the dtype unless given.
"""

import contextlib
import functools as ft
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

PyTree = Any


def assert_transforms(
    fn: Callable[..., PyTree], *args: PyTree, rtol: float | None = None
) -> None:
    """Asserts what every operator promises under JAX's transformations.

    `jit` agrees with eager evaluation; one shape and dtype is traced once; `vmap`
    agrees with a loop; the width of floating numbers is kept.

    Args:
        fn: Pure function of arrays.
        args: Its arguments.
        rtol: Difference allowed, relative to the largest element of the answer; 200
            times the precision of the arguments by default.

    Raises:
        AssertionError: Saying which promise is broken.

    Example:
        >>> assert_transforms(jnp.sin, jnp.linspace(0.0, 1.0, 5))
    """
    bound = 200 * _precision(args) if rtol is None else rtol
    eager = fn(*args)

    traces = 0

    @jax.jit
    def compiled(*args):
        nonlocal traces
        traces += 1
        return fn(*args)

    _assert_close(compiled(*args), eager, bound, "`jit` differs from eager evaluation")
    variants = [_scaled(args, factor) for factor in (1.0, 0.75, 0.5)]
    single = [compiled(*variant) for variant in variants]
    assert traces == 1, f"traced {traces} times for one shape and dtype"

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *variants)
    batched = jax.jit(jax.vmap(fn))(*stacked)
    loop = jax.tree.map(lambda *leaves: jnp.stack(leaves), *single)
    _assert_close(batched, loop, bound, "`vmap` differs from a loop")

    came = {_width(leaf) for leaf in _inexact(args)}
    left = {_width(leaf) for leaf in _inexact(eager)}
    assert not came or left <= came, (
        f"floating numbers came {came} bits wide and left {left}"
    )


def assert_gradients(
    fn: Callable[..., PyTree],
    *args: PyTree,
    rtol: float | None = None,
    step: float | None = None,
    seed: int = 0,
) -> None:
    """Asserts that forward and reverse mode agree, and with central differences.

    One random direction and one random projection are compared.

    Args:
        fn: Differentiable function of floating arrays.
        args: Where to differentiate.
        rtol: Error allowed, relative to the size of the derivative; by default the one
            that central differences reach, the precision to the power 2/3, times 100.
            Forward and reverse mode must agree to the precision times 1000.
        step: Length of the step; by default the precision to the power 1/3.
        seed: For the direction and the projection.

    Raises:
        AssertionError: If a derivative is not finite, or they differ.

    Example:
        >>> assert_gradients(lambda x: x**2, jnp.linspace(0.0, 1.0, 5))
    """
    args = jax.tree.map(jnp.asarray, args)
    precision = _precision(args)
    bound = 100 * precision ** (2 / 3) if rtol is None else rtol
    h = precision ** (1 / 3) if step is None else step
    random = np.random.default_rng(seed)

    direction = jax.tree.map(ft.partial(_normal_like, random), args)
    shapes = jax.eval_shape(fn, *args)
    projection = jax.tree.map(ft.partial(_normal_like, random), shapes)

    @jax.jit  # one program: compilation is what costs
    def measure(args, direction, projection):
        _, forward = jax.jvp(fn, args, direction)
        reverse = jax.vjp(fn, *args)[1](projection)
        moved = [fn(*_moved(args, direction, sign * h)) for sign in (1, -1)]
        return forward, reverse, *moved

    forward, reverse, plus, minus = measure(args, direction, projection)
    for leaf in jax.tree.leaves((forward, reverse)):
        assert np.all(np.isfinite(np.asarray(leaf))), "a derivative is not finite"

    # The bilinear pairing that `vjp` transposes: without conjugation.
    by_jvp = _pair(projection, forward)
    by_vjp = _pair(reverse, direction)
    size = max(_size(projection) * _size(forward), _size(reverse) * _size(direction))
    assert abs(by_jvp - by_vjp) <= 1e3 * precision * size, (
        f"`jvp` and `vjp` differ: {by_jvp} and {by_vjp}"
    )

    difference = jax.tree.map(
        lambda p, m: (_wide(p) - _wide(m)).reshape(p.shape) / (2 * h), plus, minus
    )
    _assert_close(forward, difference, bound, "derivative differs from differences")


def assert_adjoint(
    fn: Callable[[Any], Any],
    adjoint: Callable[[Any], Any],
    x: Any,
    y: Any,
    *,
    rtol: float | None = None,
) -> None:
    r"""Asserts that $\langle y, A x\rangle = \langle A^* y, x\rangle$.

    Args:
        fn: Linear map A of arrays.
        adjoint: Its adjoint.
        x: Element of the domain.
        y: Element of the codomain.
        rtol: Difference allowed, relative to the product of the norms; 100 times the
            precision by default.

    Raises:
        AssertionError: If they differ.

    Example:
        >>> x, y = jnp.array([1.0, 2.0]), jnp.array([3.0, -1.0])
        >>> assert_adjoint(lambda u: 2 * u[::-1], lambda u: 2 * u[::-1], x, y)
    """
    bound = 100 * _precision((x, y)) if rtol is None else rtol
    image, back = fn(x), adjoint(y)
    left, right = _inner(y, image), _inner(back, x)
    size = max(_size(y) * _size(image), _size(back) * _size(x))
    tiny = float(np.finfo(np.float64).tiny)  # below it rounding is absolute
    assert abs(left - right) <= bound * size + tiny, (
        f"not adjoint: <y, Ax> = {left}, <A*y, x> = {right}"
    )


def observed_order(errors: ArrayLike, spacings: ArrayLike) -> float:
    r"""Order p of a method whose errors fall as $h^p$: the slope of log against log.

    Args:
        errors: Positive errors.
        spacings: The spacings h they belong to.

    Returns:
        The slope of the least-squares line.

    Raises:
        ValueError: If there are not two or more of both.

    Example:
        >>> round(observed_order([0.04, 0.01], [0.2, 0.1]), 6)
        2.0
    """
    e, h = np.asarray(errors), np.asarray(spacings)
    if e.shape != h.shape or e.ndim != 1 or len(e) < 2:
        raise ValueError(
            "`errors` and `spacings` must be equally long, with two entries or more; "
            f"got shapes {e.shape} and {h.shape}."
        )
    return float(np.polyfit(np.log(h), np.log(e), 1)[0])


def assert_lowers(
    fn: Callable[..., PyTree],
    *args: PyTree,
    platforms: Sequence[str] = ("cpu", "cuda", "tpu"),
) -> None:
    """Asserts that a function compiles to StableHLO for machines that are not here.

    Args:
        fn: Pure function of arrays.
        args: Its arguments, or `jax.ShapeDtypeStruct`s.
        platforms: Names that `jax.export` knows.

    Raises:
        AssertionError: Naming the platform.

    Example:
        >>> assert_lowers(jnp.sin, jnp.zeros(3))
    """
    from jax import export

    def lower(*names: str) -> None:
        export.export(jax.jit(fn), platforms=names)(*args)

    with contextlib.suppress(Exception):
        return lower(*platforms)  # all at once; one by one to find which it is
    for platform in platforms:
        try:
            lower(platform)
        except Exception as error:
            raise AssertionError(f"does not lower for {platform}: {error}") from error


def _inexact(tree: PyTree) -> list[Any]:
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.inexact)]


def _width(leaf: Any) -> int:
    return int(jnp.finfo(leaf.dtype).bits)


def _precision(tree: PyTree) -> float:
    leaves = _inexact(tree)
    if not leaves:
        return float(jnp.finfo(jnp.result_type(float)).eps)
    return max(float(jnp.finfo(leaf.dtype).eps) for leaf in leaves)


def _scaled(tree: PyTree, factor: float) -> PyTree:
    def scale(leaf):
        leaf = jnp.asarray(leaf)
        return leaf * factor if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf

    return jax.tree.map(scale, tree)


def _normal_like(random: np.random.Generator, leaf: Any) -> Any:
    sample = random.standard_normal(leaf.shape)
    if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
        sample = sample + 1j * random.standard_normal(leaf.shape)
    return jnp.asarray(sample.astype(leaf.dtype))


def _moved(args: PyTree, direction: PyTree, step: float) -> PyTree:
    return jax.tree.map(lambda x, v: jnp.asarray(x) + step * v, args, direction)


def _wide(leaf: Any) -> np.ndarray:
    leaf = np.asarray(leaf)
    kind = np.complex128 if np.iscomplexobj(leaf) else np.float64
    return leaf.astype(kind).ravel()


def _pair(a: PyTree, b: PyTree) -> float:
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return float(sum(np.real(np.sum(_wide(x) * _wide(y))) for x, y in pairs))


def _inner(a: PyTree, b: PyTree) -> complex:
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return complex(sum(np.vdot(_wide(x), _wide(y)) for x, y in pairs))


def _size(tree: PyTree) -> float:
    """Euclidean norm, free of overflow and underflow."""
    leaves = [_wide(leaf) for leaf in jax.tree.leaves(tree)]
    scale = max((float(np.max(np.abs(x), initial=0.0)) for x in leaves), default=0.0)
    if scale == 0:
        return 0.0
    return scale * math.hypot(*(float(np.linalg.norm(x / scale)) for x in leaves))


def _assert_close(actual: PyTree, expected: PyTree, rtol: float, message: str) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(expected), message
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        assert np.shape(a) == np.shape(e), f"{message}: {np.shape(a)} and {np.shape(e)}"
        a, e = _wide(a), _wide(e)
        size = float(np.max(np.abs(e), initial=0.0, where=np.isfinite(e)))
        np.testing.assert_allclose(a, e, rtol=0, atol=rtol * size, err_msg=message)

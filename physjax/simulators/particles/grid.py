r"""Between particles and nodes: cloud-in-cell weights, charge and field.

A particle at $(x, y)$ has the weight $W_{ij} = h(x/\Delta x - i)\,h(y/\Delta y - j)$ on
node $(i, j)$, with the hat function $h(u) = \max(0, 1 - |u|)$. Deposit and gather use
the same weights, so on a uniform grid no particle drives itself.

Two formulations, equal up to rounding. `matmul`: the weights as two dense factors, the
deposit $W_x^T \operatorname{diag}(q) W_y$ and the gather products of matrices; no
scatter, the same bits every time, right for accelerators. `scatter`: the four corners
of a particle's cell as one row of a table; 20 times as fast on the CPU, where the
order, and so the bits, are fixed too.
"""

from typing import Literal

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

Method = Literal["auto", "matmul", "scatter"]
METHODS = ("auto", "matmul", "scatter")


def node_volumes(
    shape: tuple[int, int], spacing: tuple[float, float]
) -> Float[Array, "nx ny"]:
    """Area that each node owns: half a cell on the edges, a quarter in the corners.

    Example:
        >>> node_volumes((3, 3), (2.0, 1.0)).tolist()
        [[0.5, 1.0, 0.5], [1.0, 2.0, 1.0], [0.5, 1.0, 0.5]]
    """
    nx, ny = shape
    edge = lambda n: jnp.ones(n).at[jnp.array([0, n - 1])].set(0.5)
    return spacing[0] * spacing[1] * edge(nx)[:, None] * edge(ny)[None, :]


def deposit(
    x: Float[Array, "*slots"],
    y: Float[Array, "*slots"],
    amount: Float[Array, "*slots"],
    shape: tuple[int, int],
    spacing: tuple[float, float],
    *,
    method: Method = "auto",
) -> Float[Array, "nx ny"]:
    r"""Cloud-in-cell sums $\sum_p a_p W_{ij}(x_p, y_p)$ on the nodes.

    Their total is that of `amount`. Positions outside are taken to the nearest edge.

    Args:
        x: Positions along the first axis, from 0 to `(nx - 1) * spacing[0]`.
        y: Positions along the second axis.
        amount: What each particle carries; zero for an empty slot.
        shape: Nodes `(nx, ny)`, at least two each.
        spacing: Distance of nodes along each axis.
        method: `matmul`, `scatter`, or `auto`: `scatter` on the CPU.

    Returns:
        Sums on the nodes, of the dtype of `amount`; divide by `node_volumes` for a
        density.

    Raises:
        ValueError: If `method` is unknown or an axis has less than two nodes.

    Example:
        >>> x, y = jnp.array([0.25]), jnp.array([1.0])
        >>> deposit(x, y, jnp.ones(1), (2, 2), (1.0, 1.0))
        Array([[0.  , 0.75],
               [0.  , 0.25]], dtype=float32)
    """
    _check(shape, method)
    flat = (x.reshape(-1), y.reshape(-1), amount.reshape(-1))
    if method == "matmul":
        return _deposit_matmul(*flat, shape, spacing)
    if method == "scatter":
        return _deposit_scatter(*flat, shape, spacing)
    return lax.platform_dependent(
        *flat,
        cpu=lambda x, y, a: _deposit_scatter(x, y, a, shape, spacing),
        default=lambda x, y, a: _deposit_matmul(x, y, a, shape, spacing),
    )


def gather(
    x: Float[Array, "*slots"],
    y: Float[Array, "*slots"],
    fields: Float[Array, "fields nx ny"],
    spacing: tuple[float, float],
    *,
    method: Method = "auto",
) -> Float[Array, "fields *slots"]:
    r"""Fields at the particles, $\sum_{ij} W_{ij}(x_p, y_p) F_{ij}$: bilinear.

    Args:
        x: Positions along the first axis; outside, the nearest edge is taken.
        y: Positions along the second axis.
        fields: One or more fields on the nodes.
        spacing: Distance of nodes along each axis.
        method: As in `deposit`.

    Returns:
        One array of the shape of `x` per field.

    Raises:
        ValueError: If `method` is unknown or an axis has less than two nodes.

    Example:
        >>> ramp = jnp.array([[[0.0, 0.0], [1.0, 1.0]]])
        >>> gather(jnp.array([0.25]), jnp.array([0.5]), ramp, (1.0, 1.0)).tolist()
        [[0.25]]
    """
    shape = (fields.shape[-2], fields.shape[-1])
    _check(shape, method)
    flat = (x.reshape(-1), y.reshape(-1), fields)
    if method == "matmul":
        values = _gather_matmul(*flat, spacing)
    elif method == "scatter":
        values = _gather_scatter(*flat, spacing)
    else:
        values = lax.platform_dependent(
            *flat,
            cpu=lambda x, y, f: _gather_scatter(x, y, f, spacing),
            default=lambda x, y, f: _gather_matmul(x, y, f, spacing),
        )
    return values.reshape(fields.shape[0], *x.shape)


def electric_field(
    potential: Float[Array, "nx ny"], spacing: tuple[float, float]
) -> Float[Array, "2 nx ny"]:
    r"""$-\nabla\phi$ on the nodes, for contacts at the ends of x and walls along y.

    Central differences inside, so that a particle's own charge does not move it;
    one-sided at the contacts, where $\sum_i E_i \Delta x$ (half weights at the ends) is
    then exactly the voltage; the normal field vanishes on the walls.

    Args:
        potential: On all nodes, contacts included.
        spacing: Distance of nodes along each axis.

    Returns:
        The x and y components.

    Example:
        >>> phi = jnp.array([[0.0, 0.0], [1.0, 1.0], [4.0, 4.0]])
        >>> electric_field(phi, (1.0, 1.0))[0, :, 0].tolist()
        [-1.0, -2.0, -3.0]
    """
    dx, dy = spacing
    slope = jnp.diff(potential, axis=0)
    inner = (slope[1:] + slope[:-1]) / 2
    along_x = -jnp.concatenate([slope[:1], inner, slope[-1:]]) / dx
    inner = -(potential[:, 2:] - potential[:, :-2]) / (2 * dy)
    return jnp.stack([along_x, jnp.pad(inner, ((0, 0), (1, 1)))])


def _check(shape: tuple[int, int], method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"`method` is {method!r}; expected one of {METHODS}.")
    if min(shape) < 2:
        raise ValueError(f"`shape` is {shape}; expected at least two nodes per axis.")


def _hats(u: Float[Array, " slots"], n: int) -> Float[Array, "slots n"]:
    """Weights of every particle on every node of one axis; `u` in units of nodes."""
    nodes = jnp.arange(n, dtype=u.dtype)
    return jnp.maximum(0, 1 - jnp.abs(jnp.clip(u, 0, n - 1)[:, None] - nodes[None, :]))


def _deposit_matmul(x, y, amount, shape, spacing) -> Array:
    along_x = _hats(x / spacing[0], shape[0]) * amount[:, None]
    along_y = _hats(y / spacing[1], shape[1])
    return jnp.einsum("pi,pj->ij", along_x, along_y, precision="highest")


def _gather_matmul(x, y, fields, spacing) -> Array:
    along_x = _hats(x / spacing[0], fields.shape[1]).astype(fields.dtype)
    along_y = _hats(y / spacing[1], fields.shape[2]).astype(fields.dtype)
    columns = jnp.einsum("pi,fij->fpj", along_x, fields, precision="highest")
    return jnp.sum(columns * along_y[None], -1)


def _cell(u: Float[Array, " slots"], n: int) -> tuple[Int[Array, " slots"], Array]:
    """Cell of each particle along one axis, and how far in it lies."""
    u = jnp.clip(u, 0, n - 1)
    cell = jnp.minimum(u.astype(jnp.int32), n - 2)
    return cell, u - cell.astype(u.dtype)


def _deposit_scatter(x, y, amount, shape, spacing) -> Array:
    nx, ny = shape
    i, fx = _cell(x / spacing[0], nx)
    j, fy = _cell(y / spacing[1], ny)
    low, high = amount * (1 - fx), amount * fx
    rows = [low * (1 - fy), low * fy, high * (1 - fy), high * fy]
    corners = jnp.zeros(((nx - 1) * (ny - 1), 4), amount.dtype)
    corners = corners.at[i * (ny - 1) + j].add(
        jnp.stack(rows, -1), mode="promise_in_bounds"
    )
    corners = corners.reshape(nx - 1, ny - 1, 4)
    pads = [((a, 1 - a), (b, 1 - b)) for a in (0, 1) for b in (0, 1)]
    return sum(
        (jnp.pad(corners[..., k], pad) for k, pad in enumerate(pads)),
        start=jnp.zeros(shape, amount.dtype),
    )


def _gather_scatter(x, y, fields, spacing) -> Array:
    _, nx, ny = fields.shape
    i, fx = _cell(x / spacing[0], nx)
    j, fy = _cell(y / spacing[1], ny)
    fx, fy = fx.astype(fields.dtype)[None], fy.astype(fields.dtype)[None]
    first = i * ny + j
    flat = fields.reshape(fields.shape[0], nx * ny)
    at = lambda k: flat.at[:, first + k].get(mode="promise_in_bounds")
    low = at(0) * (1 - fy) + at(1) * fy
    high = at(ny) * (1 - fy) + at(ny + 1) * fy
    return low * (1 - fx) + high * fx

r"""What the two networks are trained on.

`multilevel`: the energy of the error, without labels. With the residual
$r = f - A\phi$ and the multigrid cycle $M \approx A^{-1}$,

$$\frac{e^T A e}{\phi_*^T A \phi_*} = \frac{r^T A^{-1} r}{f^T A^{-1} f}
  \approx \frac{r^T M r}{f^T M f}.$$

`paper`: the published loss, two Frobenius norms over the whole batch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ...simulators import particles as P
from .config import Config
from .learned import MultilevelNet


def loss(
    config: Config, model, batch, key: PRNGKeyArray | None = None
) -> tuple[Array, dict[str, Array]]:
    """The loss of `config.model.kind`, and its parts.

    Args:
        config: All settings.
        model: The network.
        batch: From `sample_batch`.
        key: Of the dropout.

    Returns:
        The loss and its metrics: relative error in the energy norm per grid, or the
        root-mean-square error of the potential in V, all nodes and contacts.
    """
    if config.model.kind == "paper":
        from .paper_net import paper_loss

        return paper_loss(config, model, batch, key)
    errors = [
        jnp.mean(jax.vmap(lambda f, e: energy_error(model, f, e))(f, epsilon))
        for f, epsilon in zip(batch.source, batch.permittivity, strict=True)
    ]
    names = ("paper_grid", "second_grid")
    return jnp.mean(jnp.stack(errors)), dict(zip(names, errors, strict=False))


def energy_error(
    model: MultilevelNet,
    source: Float[Array, "nx ny"],
    permittivity: Float[Array, "nx ny"],
) -> Float[Array, ""]:
    """Energy norm of the error over that of the solution, between grounded contacts."""
    solver = model.on(
        (source.shape[0], source.shape[1]),
        (1.0, 1.0),
        P.WALLS,
        permittivity=permittivity,
        electrodes=P.contact_labels(source.shape),
        dtype=source.dtype,
    )
    problem, cycle = solver.problem, jax.lax.stop_gradient(solver.grids)
    f, _ = problem.source(source, jnp.zeros(2, source.dtype))
    r = f - problem.inner(solver.answer(f))
    z = jax.lax.stop_gradient(cycle(r))
    # The gradient of r M r is 2 M r; going through M again would say the same.
    square = jnp.vdot(r, z)
    square = 2 * square - jax.lax.stop_gradient(square)
    total = jax.lax.stop_gradient(jnp.vdot(f, cycle(f)))
    return jnp.sqrt(jnp.maximum(square / total, 1e-14))

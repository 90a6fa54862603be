"""What a solver returns: the answer, how it ended, and how it went."""

from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Int

from ._errors import NumericsError

Value = TypeVar("Value")

SUCCESS = 0
MAX_ITERATIONS = 1
NON_FINITE = 2
INCOMPATIBLE = 3
RESIDUAL = 4

MESSAGES = {
    SUCCESS: "converged",
    MAX_ITERATIONS: "the largest number of iterations was reached before convergence",
    NON_FINITE: "the answer holds values that are not finite",
    INCOMPATIBLE: "no answer exists: the sources do not balance what passes the walls",
    RESIDUAL: "the residual of the answer is above the tolerance",
}


@jax.tree_util.register_static
class Label(str):
    """A word in `stats`, static: it passes through `jit`, where a string cannot.

    Example:
        >>> jax.jit(lambda x: (x, Label("fft")))(1.0)[1] == "fft"
        True
    """

    __slots__ = ()


class Solution(eqx.Module, Generic[Value]):
    """Answer of a solver, a pytree that passes through `jit`, `vmap` and `grad`.

    Attributes:
        value: The answer.
        result: Result code, one per problem of a batch; 0 is success. The words are in
            `message`.
        stats: Figures on how it went, by name.

    Example:
        >>> import jax.numpy as jnp
        >>> Solution(jnp.ones(3), jnp.int32(1), {}).message
        'the largest number of iterations was reached before convergence'
    """

    value: Value
    result: Int[Array, "..."]
    stats: dict[str, Any]

    @property
    def message(self) -> str:
        """The worst result of the batch in words. Outside of transformations only."""
        return MESSAGES[int(np.max(self.result))]


def throw(solution: Solution[Value]) -> Solution[Value]:
    """Returns the solution if it is a success; raises on the host if it is not.

    Raises:
        NumericsError: If any problem of the batch did not succeed. Inside a
            transformation the result is not known yet, and JAX says so.

    Example:
        >>> import jax.numpy as jnp
        >>> throw(Solution(jnp.ones(3), jnp.int32(0), {})).value.shape
        (3,)
    """
    result = np.asarray(solution.result)
    failed = int(np.count_nonzero(result))
    if failed:
        raise NumericsError(
            f"{failed} of {result.size} problems failed: {solution.message}."
        )
    return solution

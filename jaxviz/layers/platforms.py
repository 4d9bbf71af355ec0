"""Platforms: forms of one computation -> the one for the platform that the program is compiled for."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator

from jax import lax
from jaxtyping import Array

__all__ = ["by_platform", "compiled_for"]

_KNOWN: contextvars.ContextVar[str | None] = contextvars.ContextVar("platform", default=None)


@contextlib.contextmanager
def compiled_for(platform: str | None) -> Iterator[None]:
    """Says which platform the programs traced in the block are compiled for: ``"cpu"``, ``"gpu"``, ``"tpu"``.

    Only the form for that platform is then traced, which took half of the tracing of EfficientNet-Lite0. Without it, or
    with None, as for a program that is exported for several platforms, JAX chooses when it lowers the program, and
    traces all forms. A function inside of ``jax.jit`` that JAX has traced before keeps the form of that trace.
    """
    token = _KNOWN.set(platform)
    try:
        yield
    finally:
        _KNOWN.reset(token)


def by_platform(*operands: Array, default: Callable[..., Array], **forms: Callable[..., Array]) -> Array:
    """Computes with the form for the platform that the program is compiled for.

    Args:
      operands: the arguments of every form.
      default: the form for all platforms that have none of their own.
      forms: by platform, such as ``cpu`` or ``tpu``.

    Example:
      >>> import jax.numpy as jnp
      >>> with compiled_for("tpu"):
      ...     print(by_platform(jnp.array([2.0, 3.0]), default=jnp.sum, tpu=jnp.prod))
      6.0
    """
    known = _KNOWN.get()
    if known is None:
        return lax.platform_dependent(*operands, default=default, **forms)
    return forms.get(known, default)(*operands)

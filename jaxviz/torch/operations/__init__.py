"""Operations: the name of an operation of PyTorch -> what computes it. One without an entry is refused."""

from jaxviz.torch.operations import (
    activations,
    convolution,
    elementwise,
    indexing,
    normalization,
    pooling,
    products,
    recurrent,
    reducing,
    resizing,
    shaping,
)
from jaxviz.torch.operations.computation import Operation

__all__ = ["OPERATIONS", "find"]

OPERATIONS: dict[str, Operation] = {
    **activations.OPERATIONS,
    **convolution.OPERATIONS,
    **elementwise.OPERATIONS,
    **indexing.OPERATIONS,
    **normalization.OPERATIONS,
    **pooling.OPERATIONS,
    **products.OPERATIONS,
    **recurrent.OPERATIONS,
    **reducing.OPERATIONS,
    **resizing.OPERATIONS,
    **shaping.OPERATIONS,
}
"""By the name of all its forms, such as ``add``, or of one of them, such as ``mean.dim``, which comes before."""


def find(name: str) -> str | None:
    """Returns the entry for a form of an operation, such as ``add.Tensor``; None where there is none."""
    base = name.partition(".")[0]
    return next((known for known in (name, base) if known in OPERATIONS), None)

"""Weight names: the names that each Keras version gives the same weight."""

import re

__all__ = ["KNOWN", "is_state", "parts", "same_part", "without_number"]

# Keras 3's name -> what others called it. Keras 1 wrote `running_std` over what was a variance.
_OTHERS = {
    "alpha": ("alphas",),
    "bias": ("b",),
    "depthwise_kernel": ("kernel",),
    "embeddings": ("W",),
    "kernel": ("W", "depthwise_kernel"),
    "key_dense": ("key",),
    "moving_mean": ("running_mean",),
    "moving_variance": ("running_std",),
    "output_dense": ("attention_output",),
    "query_dense": ("query",),
    "value_dense": ("value",),
}

KNOWN = frozenset(
    {"beta", "count", "gamma", "mean", "pointwise_kernel", "recurrent_kernel", "variance", "vector_u"}
    | set(_OTHERS)
    | {name for names in _OTHERS.values() for name in names}
)
"""Names that say by themselves which weight is meant."""

_SUFFIX = re.compile(rf"(?:(.*?)_)??({'|'.join(sorted(KNOWN, key=len, reverse=True))})(?:_\d+)?")


def parts(name: str) -> tuple[str, ...]:
    """Splits a stored name: ``dense_1_1/kernel:0`` and Keras 1's ``dense_1_W`` into layer and weight."""
    *path, last = name.partition(":")[0].split("/")
    if last not in KNOWN and (found := _SUFFIX.fullmatch(last)):
        path += [found[1]] if found[1] and found[1] not in path else []
        last = found[2]
    return (*path, last)


def same_part(name: str) -> tuple[str, ...]:
    """Returns the names that one part of a Keras 3 path goes by, its own first."""
    return name, *_OTHERS.get(name, ())


def without_number(layer: str) -> str:
    """Returns a layer's name without the count that Keras appends: ``dense_2`` -> ``dense``."""
    return re.sub(r"(_\d+)+$", "", layer)


def is_state(name: str) -> bool:
    """Says whether a stored array is no weight but the state of a random generator."""
    return "seed_generator" in name

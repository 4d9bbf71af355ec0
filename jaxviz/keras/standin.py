"""Stands in for what files and weights will do."""

import numpy as np

from jaxviz.errors import ModelFileError
from jaxviz.keras.stored import NamedWeights, StoredModel

__all__ = ["adapt", "match"]


def adapt(stored) -> StoredModel:
    """Wraps."""
    return StoredModel(
        path=stored.path,
        config=stored.config,
        weights=NamedWeights(layers=stored.weights, backend=stored.backend, keras_version=stored.keras_version),
        backend=stored.backend,
        keras_version=stored.keras_version,
    )


def match(stored, wanted):
    """A stand-in until weights.match is there."""
    misfits, found = [], {}
    weights = stored.weights.layers
    for want in wanted:
        outer, _, inner = want.scope.partition("/")
        here = (
            dict(weights.get(want.scope, {}))
            if outer not in weights or not inner
            else {name: array for name, array in weights[outer].items() if f"/{inner.split('/')[-1]}/" in f"/{name}"}
        )
        found[want.scope] = {}
        for name, *shapes in want.weights:
            *parents, stem = name.split("/")
            parent = parents[-1].replace("_dense", "") if parents else ""
            parent = "attention_output" if parent == "output" else parent
            keys = [
                key
                for key in here
                if key.rpartition("/")[2].partition(":")[0] in (stem, "depthwise_" + stem)
                and f"/{parent}/".replace("//", "/") in f"/{key}"
            ] or [
                key
                for key in here
                if {"kernel": "W", "bias": "b"}.get(stem) == key.partition(":")[0].rpartition("_")[2]
            ]
            if not keys:
                misfits.append(f"layer {want.scope!r} lacks its {name} {shapes[0]}")
                continue
            array = here.pop(keys[0])
            if array.shape not in shapes:
                misfits.append(f"layer {want.scope!r}: {name} is {array.shape}, not {shapes[0]}")
            found[want.scope][name] = np.asarray(array)
        if not inner and want.kind not in ("Functional", "Sequential", "Model"):
            misfits += [f"layer {want.scope!r} has no place for {key!r} {array.shape}" for key, array in here.items()]
    if misfits:
        raise ModelFileError(f"{stored.path}: its weights do not fit its architecture: {'; '.join(misfits)}")
    return found

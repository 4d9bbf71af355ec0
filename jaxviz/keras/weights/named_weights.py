"""Named weights: layer and weight names of a file -> places; by order if the names are another network's."""

import collections
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from jaxviz.keras.weights.stored import NamedWeights
from jaxviz.keras.weights.wanted import Findings, Level, Slot
from jaxviz.keras.weights.weight_names import KNOWN, is_state, parts, same_part, without_number

__all__ = ["match_layer", "match_named"]

_Arrays = Mapping[str, np.ndarray]

_NOT_TRAINED = ("moving_mean", "moving_variance", "mean", "variance", "count", "vector_u")


def match_named(weights: NamedWeights, levels: Sequence[Level], findings: Findings) -> None:
    """Finds the layers by name where all names agree, else by order, and in each layer the weights likewise."""
    stored = {
        layer: kept
        for layer, arrays in weights.layers.items()
        if (kept := {name: array for name, array in arrays.items() if not is_state(name)})
    }
    by_name = {level.wanted.name: level for level in levels}
    if by_name.keys() == stored.keys():
        pairs = [(by_name[name], arrays) for name, arrays in stored.items()]
    elif len(stored) == len(levels):
        _check_names(list(stored), list(by_name), findings)
        pairs = list(zip(levels, stored.values(), strict=True))
    else:
        for name in stored.keys() - by_name.keys():
            findings.superfluous(name, stored[name])
        for name in by_name.keys() - stored.keys():
            findings.missing(by_name[name].slots)
        pairs = [(by_name[name], stored[name]) for name in by_name if name in stored]
    for level, arrays in pairs:
        match_layer(level, arrays, findings)


def _check_names(stored: Sequence[str], wanted: Sequence[str], findings: Findings) -> None:
    """Refuses an order that names contradict; numbers in names count layers of a session and say nothing."""
    for theirs, ours in zip(stored, wanted, strict=True):
        if theirs != ours and (theirs in wanted or ours in stored) and without_number(theirs) != without_number(ours):
            findings.refuse(f"the file has {theirs!r} where the architecture has {ours!r}; give both the same names")


def match_layer(level: Level, arrays: _Arrays, findings: Findings) -> None:
    """Finds the weights of one layer by their names, or by order where that leaves no doubt."""
    chosen = _by_name(level.slots, arrays)
    if len(set(chosen.values())) == len(arrays) == len(level.slots):
        for name, slot in chosen.items():
            findings.place(slot, arrays[name])
        return
    orders = [order for order in _orders(level.slots) if _agrees(order, arrays)]
    if len(orders) > 1:
        findings.refuse(f"layer {level.wanted.scope!r}: its weights fit in more than one order")
    elif orders:
        for slot, array in zip(orders[0], arrays.values(), strict=True):
            findings.place(slot, array)
    else:
        _explain(level, arrays, chosen, findings)


def _by_name(slots: Sequence[Slot], arrays: _Arrays) -> dict[str, Slot]:
    """Finds for each name the one slot that ends as it does; a name that may mean several is left out."""
    endings: dict[tuple[str, ...], list[Slot]] = collections.defaultdict(list)
    for slot in slots:
        whole = (*slot.scope.split("/"), *slot.name.split("/"))
        inner = len(slot.name.split("/"))
        for variant in itertools.product(*map(same_part, whole[-inner:])):
            path = (*whole[:-inner], *variant)
            for start in range(len(path)):
                endings[path[start:]].append(slot)
    chosen: dict[str, Slot] = {}
    for name in arrays:
        path = parts(name)
        for start in range(len(path)):
            if slots_here := endings.get(path[start:]):
                if len(slots_here) == 1:
                    chosen[name] = slots_here[0]
                break
    return chosen


def _orders(slots: Sequence[Slot]) -> list[list[Slot]]:
    """Returns the orders in which Keras writes them: what is trained first, or (frozen) layer by layer."""
    trained_first = sorted(slots, key=lambda slot: slot.name.rpartition("/")[2] in _NOT_TRAINED)
    return [list(slots)] if trained_first == list(slots) else [trained_first, list(slots)]


def _agrees(order: Sequence[Slot], arrays: _Arrays) -> bool:
    if len(order) != len(arrays):
        return False
    for slot, (name, array) in zip(order, arrays.items(), strict=True):
        said = parts(name)[-1]
        if not slot.fits(array) or (said in KNOWN and said not in same_part(slot.name.rpartition("/")[2])):
            return False
    return True


def _explain(level: Level, arrays: _Arrays, chosen: Mapping[str, Slot], findings: Findings) -> None:
    """Notes what is missing, left over and of another shape, as far as the names tell."""
    taken: dict[Slot, str] = {}
    for name, slot in chosen.items():
        if slot not in taken:
            taken[slot] = name
            findings.place(slot, arrays[name])
    used = set(taken.values())
    findings.superfluous(level.wanted.scope, {name: array for name, array in arrays.items() if name not in used})
    findings.missing([slot for slot in level.slots if slot not in taken])

"""Ordering: the calls of a graph -> the same calls, each after the calls that it reads."""

import collections
import heapq
from collections.abc import Collection, Iterator, Mapping

from jaxviz.keras.config.inbound import references_of
from jaxviz.values.errors import ModelFileError

__all__ = ["ordered"]

Key = tuple[str, int]
"""A call: the layer's name and which call of it."""


def ordered(calls: Mapping[Key, object], known: Collection[Key], path: str) -> Iterator[Key]:
    """Yields the calls so that each stands behind those it reads, else in the order given.

    Args:
      calls: what each is called with.
      known: calls whose outputs are there already.
      path: where they come from, for messages.

    Raises:
      ModelFileError: some read each other, or what is not there.
    """
    places = {call: place for place, call in enumerate(calls) if call not in known}
    waits = {
        call: {key for each in references_of(calls[call]) if (key := (each.layer, each.node)) not in known}
        for call in places
    }
    readers = collections.defaultdict(list)
    for call, needs in waits.items():
        for need in needs:
            readers[need].append(call)
    ready = [(places[call], call) for call, needs in waits.items() if not needs]
    heapq.heapify(ready)
    while ready:
        _, call = heapq.heappop(ready)
        yield call
        for reader in readers[call]:
            waits[reader].discard(call)
            if not waits[reader]:
                heapq.heappush(ready, (places[reader], reader))
    stuck = sorted({name for (name, _), needs in waits.items() if needs})
    if stuck:
        raise ModelFileError(f"{path}: {', '.join(stuck[:5])} cannot be computed: a cycle, or a missing layer")

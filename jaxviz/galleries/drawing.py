"""Drawing: the inputs of each layer -> the lines between the layers."""

from collections.abc import Sequence

__all__ = ["lines"]


def lines(inputs: Sequence[Sequence[int]]) -> list[dict[str, object]]:
    """Draws a network as a column of layers, in order of computation, with lines beside it for what skips some.

    What a layer hands to others than the next runs down one lane as far as its last reader. Lanes are given in order,
    the shortest way first, each the nearest to the column that is free all the way, so that no two lines meet.

    Args:
      inputs: for each layer the places of those that it reads, all before it.

    Returns:
      Lines ``{"from": place, "to": places, "lane": number}``; lane 0 is the column itself, from a layer to the next.

    Example:
      >>> [(line["from"], line["to"], line["lane"]) for line in lines([[], [0], [1], [2, 0]])]
      [(0, [1], 0), (1, [2], 0), (2, [3], 0), (0, [3], 1)]
    """
    readers: dict[int, list[int]] = {}
    for place, sources in enumerate(inputs):
        for source in sources:
            readers.setdefault(source, []).append(place)
    straight = [source for source in sorted(readers) if source + 1 in readers[source]]
    skipping = {source: [place for place in places if place != source + 1] for source, places in readers.items()}
    drawn: list[dict[str, object]] = [{"from": source, "to": [source + 1], "lane": 0} for source in straight]
    taken: list[list[tuple[int, int]]] = []  # of each lane, the ways along it
    for source in sorted((s for s in skipping if skipping[s]), key=lambda s: (skipping[s][-1] - s, s)):
        first, last = source, skipping[source][-1]
        lane = next((n for n, ways in enumerate(taken) if all(last <= a or b <= first for a, b in ways)), len(taken))
        taken[lane : lane + 1] = [[*(taken[lane] if lane < len(taken) else []), (first, last)]]
        drawn.append({"from": source, "to": skipping[source], "lane": lane + 1})
    return drawn

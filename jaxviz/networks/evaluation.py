"""Evaluation: a graph of computations on one image -> its activations, each computed when it is first read."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

from jaxtyping import Array

__all__ = ["Evaluation", "Step"]

Value = TypeVar("Value")


@runtime_checkable
class Step(Protocol):
    """One computation in a graph."""

    @property
    def name(self) -> str:
        """The value that it gives."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """The values that it reads: of steps that stand before it, or given ones."""
        ...

    @property
    def channel_axis(self) -> int | None:
        """Where its value counts channels; None where it does not."""
        ...

    @property
    def reads_channel(self) -> tuple[bool, ...] | None:
        """For each input, whether one channel of the output needs that channel alone of it.

        None where one channel of the output cannot be computed alone.
        """
        ...


AnyStep = TypeVar("AnyStep", bound=Step)


class Evaluation(Generic[AnyStep, Value]):
    """The values of a graph, each computed when it is first read, whole or one channel of it.

    Args:
      steps: the computations, in order.
      given: the values that no step gives, by name.
      axes: where the given values count their channels.
      run: ``(step, inputs, None)`` gives the whole value of a step, ``(step, inputs, index)`` one channel of it.
      cut: ``(value, index, axis)`` cuts one channel out of a whole value; its axis stays, with length 1.
    """

    def __init__(
        self,
        steps: Sequence[AnyStep],
        given: Mapping[str, Value],
        axes: Mapping[str, int | None],
        *,
        run: Callable[[AnyStep, list[Value], Array | None], Value],
        cut: Callable[[Value, Array, int], Value],
    ):
        self._steps = steps
        self._axes: dict[str, int | None] = {**axes, **{step.name: step.channel_axis for step in steps}}
        self._places = {step.name: place for place, step in enumerate(steps)}
        self._known: dict[str, Value] = dict(given)
        self._run = run
        self._cut = cut

    def __contains__(self, name: str) -> bool:
        return name in self._places or name in self._known

    def axis(self, name: str) -> int | None:
        """Returns where a value counts its channels."""
        return self._axes[name]

    def whole(self, name: str) -> Value:
        """Returns a value."""
        if name not in self._known:
            self._compute(name, None)
        return self._known[name]

    def channel(self, name: str, index: Array) -> Value:
        """Returns one channel of a value that counts channels."""
        return self._compute(name, index)

    def _compute(self, target: str, index: Array | None) -> Value:
        """Computes a value, or one channel of it, and all that it needs, whole or one channel as that will do."""
        whole: set[str] = set() if index is not None else {target}
        planned = self._planned(target, whole)
        channels: dict[str, Value] = {}

        def channel_of(name: str) -> Value:
            """Returns one channel of a value: as it was computed, or cut out of the whole."""
            axis = self._axes[name]
            if name in channels or axis is None or index is None:
                return channels[name]
            return self._cut(self._known[name], index, axis)

        for step in reversed(planned):
            if step.name in whole:
                self._known[step.name] = self._run(step, [self._known[name] for name in step.inputs], None)
            else:
                pairs = zip(step.inputs, step.reads_channel or (), strict=True)
                inputs = [channel_of(name) if one else self._known[name] for name, one in pairs]
                channels[step.name] = self._run(step, inputs, index)
        return self._known[target] if index is None else channel_of(target)

    def _planned(self, target: str, whole: set[str]) -> list[AnyStep]:
        """Returns the steps that a value needs, the last one first, and adds those that are needed whole."""
        if target not in self._places:
            return []
        waiting = [-self._places[target]]
        planned: list[AnyStep] = []
        # From the target down: when a step's turn comes all steps that read it have had theirs, so that it is settled
        # whether it is needed whole. A loop, since deep networks are deeper than Python's stack.
        while waiting:
            place = -heapq.heappop(waiting)
            while waiting and -waiting[0] == place:
                heapq.heappop(waiting)
            step = self._steps[place]
            if step.name in self._known:
                continue
            planned.append(step)
            ones = step.reads_channel
            if step.name in whole or ones is None:
                whole.update((step.name, *step.inputs))
            else:
                whole.update(name for name, one in zip(step.inputs, ones, strict=True) if not one)
            for name in step.inputs:
                if name in self._places:
                    heapq.heappush(waiting, -self._places[name])
        return planned

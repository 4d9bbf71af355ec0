"""Benches: model + layer -> the speed at which this machine optimizes images of its units."""

import dataclasses
import statistics
import time

import jax

from jaxviz.ascent.batches import compiled
from jaxviz.networks.model import Model
from jaxviz.objectives import channel
from jaxviz.recipes import Recipe

__all__ = ["Measured", "measure"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """The speed of an ascent for the units of a layer.

    Attributes:
      layer: the layer.
      units: how many units it has.
      width: the number of images in a chunk.
      at_once: chunks that are worked at at once.
      compile_seconds: what compiling took; less where a compilation cache had the program.
      steps_a_second: steps per second of all images together: the median of the runs.
      images_a_second: images of as many steps as were asked for.
      slowest: the slowest run's steps a second.
      fastest: the fastest run's.
    """

    layer: str
    units: int
    width: int
    at_once: int
    compile_seconds: float
    steps_a_second: float
    images_a_second: float
    slowest: float
    fastest: float


def measure(model: Model, layer: str, *, recipe: Recipe, runs: int = 5) -> Measured:
    """Compiles the ascent of a layer's units and times full chunks of it, as many at once as a sweep would run.

    One round warms up and is not counted.

    Args:
      model: the network.
      layer: the layer's name.
      recipe: how to climb, with as many steps as are to be measured.
      runs: how many rounds are timed, 1 or more.

    Raises:
      JaxvizError: the model has no such layer, or it has no channels.
    """
    objective = channel(layer).resolve(model)
    begin = time.perf_counter()
    batch = compiled(model, objective, None, jax.random.key(0), recipe=recipe)
    compiling = time.perf_counter() - begin
    at_once = min(batch.plan.workers, len(batch.owners))
    images = sum(batch.size(chunk) for chunk in range(at_once))
    # A chunk that is not full is filled up, and takes as long.
    climbed = batch.chunk * at_once * recipe.restarts
    seconds = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        for _made in batch.made(range(at_once)):
            pass
        seconds.append(time.perf_counter() - begin)
    warm = seconds[1:]
    median = statistics.median(warm)
    return Measured(
        layer=layer,
        units=batch.count,
        width=batch.chunk,
        at_once=at_once,
        compile_seconds=compiling,
        steps_a_second=climbed * recipe.steps / median,
        images_a_second=images / median,
        slowest=climbed * recipe.steps / max(warm),
        fastest=climbed * recipe.steps / min(warm),
    )

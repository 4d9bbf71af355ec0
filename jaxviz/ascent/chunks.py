"""Chunks: how many images are optimized together, on which devices, and how many chunks run at the same time."""

import collections
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import jax
import numpy as np

from jaxviz.networks.model import Model

__all__ = ["AXIS", "Plan", "fitted", "in_parallel", "most", "plan", "rows_of"]

T = TypeVar("T")
R = TypeVar("R")

AXIS = "filters"
"""The mesh axis along which devices share the images of a chunk."""

_FLOAT = 4  # bytes
# On a CPU each core works at a chunk of its own. 4 or 5 images whose largest layer is 24 x 24 x 32 stay in a core's
# cache, and larger batches do not (docs/performance.md); of larger images, fewer do.
_CPU_IMAGES = 5
_CPU_BYTES = _CPU_IMAGES * 24 * 24 * 32 * _FLOAT
# An accelerator works best when it is filled. This number of images is a guess, and the compiler's account of the
# program reduces it where it is too large. For EfficientNet-Lite0 at 224 x 224, the compiler for a TPU needs 36 MB for
# each image, two thirds of the outputs of all layers.
_ACCELERATOR_IMAGES = 256
_SHARE = 0.5  # of the memory, of either; the rest is the weights', the results' and other programs'
_UNKNOWN_MEMORY = 8 << 30  # bytes, of a machine that does not tell


class Plan(NamedTuple):
    """How a batch is run.

    Attributes:
      width: the number of images that each device optimizes together.
      mesh: the devices that share a chunk; None for one device.
      workers: chunks that are worked at at once.
    """

    width: int
    mesh: jax.sharding.Mesh | None
    workers: int

    @property
    def chunk(self) -> int:
        """Images in a chunk, over all devices."""
        return self.width * (self.mesh.size if self.mesh else 1)


def plan(model: Model, count: int, units: int | None, width: int | None, *, copies: int = 1) -> Plan:
    """Decides how to run a batch.

    Args:
      model: the network, for the size of its layers.
      count: images asked for.
      units: such images there are in all; the width is chosen by these, so that no request, however small, compiles
        anew. None where that is unbounded. On an accelerator, which would compute whole chunks of hundreds for a single
        image, a small request is rounded up to a power of four instead: 1, 4, 16, 64, ….
      width: the number of images that each device optimizes together; chosen for the machine when None.
      copies: how many of each the network computes at once: restarts and images of a group, but not views.
    """
    devices = jax.local_devices()
    mesh = jax.sharding.Mesh(np.array(devices), (AXIS,)) if len(devices) > 1 else None
    # One chunk leaves cores of a CPU idle for part of its time; a chunk for each core fills them.
    workers = _cores() if devices[0].platform == "cpu" and mesh is None else 1
    lanes = len(devices) * workers
    if devices[0].platform != "cpu":  # whose chunks are so large that processes would find none left
        lanes *= jax.process_count()
    if width is None:
        width = _width(most(model, devices[0].platform, _memory(devices[0]), copies), count, units, lanes)
        if devices[0].platform != "cpu":
            width = min(width, _power_of_four(-(-count // lanes)))
    return Plan(width, mesh, workers)


def fitted(way: Plan, needed: int, *, given: bool) -> Plan:
    """Returns a plan that fits half of the memory at hand.

    First fewer chunks run at the same time, then fewer images are optimized together.

    Args:
      way: the plan.
      needed: the bytes that one of its chunks takes on a device.
      given: True where the width was asked for, and is kept.
    """
    room = int(_memory(jax.local_devices()[0]) * _SHARE)
    workers = max(1, min(way.workers, room // max(1, needed)))
    width = way.width if given or needed <= room else max(1, way.width * room // needed)
    return way._replace(workers=workers, width=width)


def _width(most: int, count: int, units: int | None, lanes: int) -> int:
    if units is None:
        return 1 if count == 1 else most

    def slots(width: int) -> int:
        return -(-units // (width * lanes)) * width  # of the lane that has most to do, padding included

    return min(range(1, most + 1), key=lambda width: (slots(width), -width))


def _power_of_four(least: int) -> int:
    return 4 ** (((least - 1).bit_length() + 1) // 2)


def most(model: Model, platform: str, memory: int, copies: int = 1) -> int:
    """Returns the largest number of images that a device should optimize together, before a program is compiled.

    Args:
      model: the network, for the size of its layers.
      platform: ``"cpu"``, ``"gpu"`` or ``"tpu"``.
      memory: bytes of the device.
      copies: as those of `plan`.
    """
    sizes = [math.prod(layer.output_shape) * _FLOAT for layer in model.layers]
    if platform == "cpu":
        return max(1, min(_CPU_IMAGES, _CPU_BYTES // max(sizes)))
    return max(1, min(_ACCELERATOR_IMAGES, int(memory * _SHARE) // (sum(sizes) * copies)))


def _memory(device: jax.Device) -> int:
    """Returns the bytes of a device's memory; a CPU's is the machine's."""
    limit = (device.memory_stats() or {}).get("bytes_limit")
    if limit is None and device.platform == "cpu" and hasattr(os, "sysconf"):
        limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return limit or _UNKNOWN_MEMORY


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rows_of(count: int, chunk: int, place: int) -> np.ndarray:
    """Returns the row numbers of a chunk; the last chunk repeats its last row to be as wide as the others."""
    return np.minimum(np.arange(chunk * place, chunk * (place + 1)), count - 1)


def in_parallel(
    work: Callable[[T], R], inputs: Iterable[T], workers: int, stop: Callable[[], bool] | None = None
) -> Iterator[R]:
    """Yields the results in the order of the inputs, which are asked for one by one and only just ahead of the work.

    What has not begun when one fails is never begun; what has begun when the inputs end is finished.

    Args:
      work: what is done with each input, in a thread of its own.
      inputs: what is worked at.
      workers: how many are worked at at once.
      stop: asked in that thread as each input's work would begin; once it says True, no further work begins, and what
        has begun is finished and yielded.
    """

    def begun(item: T) -> tuple[R] | None:
        return None if stop is not None and stop() else (work(item),)

    with ThreadPoolExecutor(workers) as pool:
        coming = iter(inputs)
        # One more than there are workers, so that none waits for whoever takes the results.
        futures = collections.deque(pool.submit(begun, item) for item in itertools.islice(coming, workers + 1))
        try:
            while futures:
                result = futures.popleft().result()
                if result is None:
                    coming = iter(())
                    continue
                yield result[0]
                del result  # let go of it
                futures.extend(pool.submit(begun, item) for item in itertools.islice(coming, 1))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

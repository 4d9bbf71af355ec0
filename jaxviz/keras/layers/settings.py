"""Settings: the settings of one layer in a file, read with checks; each error names the layer."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jaxviz.keras.config import vocabulary
from jaxviz.keras.config.graph import Call
from jaxviz.values.errors import ModelFileError

__all__ = ["Settings", "Signal"]

_LARGEST_LAYER = 1 << 20  # filters or units; the largest in use have some ten thousand
_LARGEST_SIDE = 1 << 16  # pixels
_LARGEST_NUMBER = float(np.finfo(np.float32).max)
_LONGEST_REASON = 1000  # letters; a file may repeat a setting of millions


@dataclasses.dataclass(frozen=True)
class Signal:
    """What is known of an activation before it is computed.

    Attributes:
      shape: its shape for one image.
      channel_axis: where it counts its channels or units, from 0 on; None where it does not.
    """

    shape: tuple[int, ...]
    channel_axis: int | None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)


class Settings:
    """The settings of one layer and the signals that it reads."""

    def __init__(
        self, call: Call, signals: Sequence[Signal], keras_major: int, given: Mapping[str, Callable] | None = None
    ):
        self.call = call
        self.given = given or {}  # functions of the caller's, by name
        self.layer = call.layer
        self.signals = tuple(signals)
        self.keras_major = keras_major
        self.is_mixed = False  # True once the layer's own layout turns out to be another than its input's

    def refuse(self, why: str) -> ModelFileError:
        """Returns the error that says what is wrong with the layer; of a long value, the beginning and the end."""
        if len(why) > _LONGEST_REASON:
            why = f"{why[: _LONGEST_REASON // 2]} … {why[-_LONGEST_REASON // 2 :]}"
        return ModelFileError(f"layer {self.layer.scope!r} ({self.layer.kind}): {why}")

    @property
    def signal(self) -> Signal:
        """The only signal that the layer reads."""
        if len(self.signals) != 1:
            raise self.refuse(f"it is called with {len(self.signals)} activations and takes one")
        return self.signals[0]

    @property
    def rank(self) -> int:
        """The number of spatial axes of the image that the layer reads, which its name ends in."""
        found = re.search(r"([123])D", self.layer.kind)
        return int(found[1]) if found else 2

    def has(self, name: str) -> bool:
        """Tells whether the file gives the setting, and not as null."""
        return self.layer.settings.get(name) is not None

    def get(self, name: str, default: object = None):
        """Returns a setting as it is; the default where the file says nothing or null."""
        value = self.layer.settings.get(name, default)
        if value is None and default is None:
            raise self.refuse(f"its setting {name!r} is missing")
        return default if value is None else value

    def flag(self, name: str, default: bool) -> bool:
        """Returns a setting that is true or false."""
        value = self.get(name, default)
        if value not in (True, False):
            raise self.refuse(f"{name} is {value!r}, neither true nor false")
        return bool(value)

    def count(self, name: str, default: int | None = None) -> int:
        """Returns a positive whole number."""
        value = self.get(name, default)
        if not _is_whole(value) or not 0 < value <= _LARGEST_LAYER:
            raise self.refuse(f"{name} is {value!r}, not a positive whole number")
        return int(value)

    def number(self, name: str, default: float | None = None) -> float:
        """Returns a number."""
        value = self.get(name, default)
        if isinstance(value, Mapping):  # Keras 2 wrote some numbers as {"type": "ndarray", "value": 0.3}
            value = value.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST_NUMBER:
            raise self.refuse(f"{name} is {value!r}, not a number that float32 holds")
        return float(value)

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """Returns one of several words, in small letters."""
        value = str(self.get(name, default)).lower()
        if value not in choices:
            raise self.refuse(f"{name} {value!r} is not supported; {' and '.join(choices)} are")
        return value

    def sides(self, name: str, default: object = None, *, rank: int | None = None, least: int = 1) -> tuple[int, ...]:
        """Returns a length for each spatial axis; one number stands for all of them."""
        rank = self.rank if rank is None else rank
        value = self.get(name, default)
        sides = (value,) * rank if _is_whole(value) else tuple(value) if isinstance(value, list | tuple) else ()
        if len(sides) != rank or not all(_is_whole(side) and least <= side < _LARGEST_SIDE for side in sides):
            count, sign = ("one", "two", "three")[rank - 1], "positive " if least else ""
            raise self.refuse(f"{name} is {value!r}, not {count} {sign}whole number{'s' * (rank > 1)}")
        return tuple(int(side) for side in sides)

    def pairs(self, name: str, default: int) -> tuple[tuple[int, int], ...]:
        """Returns two counts of pixels, before and after, for each spatial axis."""
        value, rank = self.get(name, default), self.rank
        sides = value if isinstance(value, list | tuple) else (value,) * rank
        if rank == 1 and len(sides) == 2 and not isinstance(sides[0], list | tuple):
            sides = [sides]  # ZeroPadding1D((1, 2)) is before and after
        pairs = [tuple(side) if isinstance(side, list | tuple) else (side, side) for side in sides]
        if [len(pair) for pair in pairs] != [2] * rank or not all(
            _is_whole(count) and 0 <= count < _LARGEST_SIDE for pair in pairs for count in pair
        ):
            raise self.refuse(f"{name} is {value!r}, not pixels before and after each side")
        return tuple((int(before), int(after)) for before, after in pairs)

    def padding(self, *more: str) -> str:
        """Returns how a window's image is padded."""
        return self.choice("padding", ("valid", "same", *more), "valid")

    def layout_axis(self, signal: Signal | None = None) -> int:
        """Returns where the layer's own ``data_format`` has the channels: the first axis or the last."""
        layout = self.get("data_format", "channels_last")
        if layout not in ("channels_last", "channels_first"):
            raise self.refuse(f"data_format is {layout!r}, neither channels_last nor channels_first")
        rank = (signal or self.signal).rank
        return 0 if layout == "channels_first" else rank - 1

    def image_axis(self) -> int:
        """Likewise, for a layer that reads an image of as many spatial axes as its name says."""
        if self.signal.rank != self.rank + 1:
            raise self.refuse(f"it is given {self.signal.shape}, which has not {self.rank} spatial axes and channels")
        axis = self.layout_axis()
        self.is_mixed = axis != self.signal.channel_axis
        return axis

    def axes(self, name: str = "axis", default: object = -1) -> tuple[int, ...]:
        """Returns axes of one image, from 0 on, of those that Keras counts with the batch."""
        value = self.get(name, default)
        given = value if isinstance(value, list | tuple) else (value,)
        if not self.signals:
            raise self.refuse("it is given nothing")
        rank = self.signals[0].rank
        if not given or not all(_is_whole(axis) and (0 < axis <= rank or -rank <= axis < 0) for axis in given):
            raise self.refuse(f"{name} is {value!r}; the axes of one image are 1 to {rank}, or -1 to -{rank}")
        return tuple(sorted(int(axis) - 1 if axis > 0 else int(axis) + rank for axis in given))

    def axis(self, name: str = "axis", default: int = -1) -> int:
        """Returns one axis of one image, from 0 on."""
        axes = self.axes(name, default)
        if len(axes) != 1:
            raise self.refuse(f"{name} is {self.get(name)!r}; one axis of the image is supported")
        return axes[0]

    def inside(self, entry: object) -> "Settings":
        """Returns the settings of the layer that this layer wraps, as the file describes it."""
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping) or "class_name" not in entry:
            raise self.refuse("the layer that it wraps is missing")
        kind, settings, is_custom = vocabulary.translate(entry, self.keras_major)
        inner = self.of(kind, settings)
        inner.layer = dataclasses.replace(inner.layer, custom=is_custom)
        return inner

    def of(self, kind: str, settings: Mapping) -> "Settings":
        """Returns the settings of a layer that stands in place of one of this layer's functions."""
        layer = dataclasses.replace(self.layer, kind=kind, settings=settings)
        return Settings(dataclasses.replace(self.call, layer=layer), self.signals, self.keras_major, self.given)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""Visualization: what a batch of ascents leaves: images, scores and what made them."""

import dataclasses
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from jaxviz.files.arrays import read_arrays
from jaxviz.files.outputs import staged
from jaxviz.networks.layer import Canvas
from jaxviz.values.displays import Displayed
from jaxviz.values.errors import JaxvizError, JaxvizWarning
from jaxviz.values.indices import Which, places_of

__all__ = ["Visualization", "assembled"]

_ARRAYS = ("images", "starts", "scores", "final_scores", "restarts", "restart_scores", "frames")
_MOST_NAMED = 5  # images that a warning names
_OUTSIDE = 0.01  # the share of an image's values from which on it is said to have left the range
_ROUNDING = 1e-5  # of the range, by which a value may be beyond its end


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Visualization(Displayed):
    """The result of a batch of ascents, and all that is needed to make it again.

    Attributes:
      images: the last images ``[n, *canvas.shape]`` float32, in the recipe's own units.
      starts: the first images, in the same form.
      scores: the score before each step, ``[n, steps]`` float32; an image that came to rest keeps its last score.
      final_scores: the objective of the last image, without transforms, ``[n]`` float32.
      labels: the name of each image, such as ``conv2d_3:17``; with several images of one objective ``conv2d_3:17#1``.
      canvas: shape, range and layout of the images.
      provenance: recipe, key and versions, as text.
      restarts: the last images of all restarts ``[n, restarts, *canvas.shape]``; None for a single restart.
      restart_scores: their final scores, ``[n, restarts]``; None for a single restart.
      frames: images of the ascent ``[n, frames, *canvas.shape]``, from the start to the last image; None without
        ``frames=``.
    """

    images: Float[np.ndarray, "n ..."]
    starts: Float[np.ndarray, "n ..."]
    scores: Float[np.ndarray, "n steps"]
    final_scores: Float[np.ndarray, " n"]
    labels: tuple[str, ...]
    canvas: Canvas
    provenance: dict[str, str]
    restarts: Float[np.ndarray, "n restarts ..."] | None = None
    restart_scores: Float[np.ndarray, "n restarts"] | None = None
    frames: Float[np.ndarray, "n frames ..."] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, which: Which) -> "Visualization":
        """Returns some of the images: by number, label, slice, several numbers or labels, or a mask such as ``~dead``.

        Raises:
          JaxvizError: there is no such image.
        """
        places = np.atleast_1d(np.arange(len(self))[places_of(which, self.labels)])
        arrays: dict = {name: array[places] for name in _ARRAYS if (array := getattr(self, name)) is not None}
        return dataclasses.replace(self, **arrays, labels=tuple(self.labels[place] for place in places))

    def __iter__(self) -> Iterator["Visualization"]:
        return (self[place] for place in range(len(self)))

    def __contains__(self, label: object) -> bool:
        return label in self.labels

    def __repr__(self) -> str:
        if not len(self):
            return "Visualization(of no image)"
        shown = self.labels[0] if len(self) == 1 else f"{self.labels[0]} … {self.labels[-1]}"
        size, recipe = " x ".join(map(str, self.canvas.shape)), self.provenance.get("recipe", "unknown")
        broken = f", {count} not a number" if (count := self.not_a_number.sum()) else ""
        share = self.out_of_range.max()
        outside = f", up to {share:.0%} of values out of range" if share >= _OUTSIDE else ""
        return (
            f"Visualization({shown}: {len(self)} of {size}, recipe {recipe}, {self.dead.sum()} dead{broken}{outside})"
        )

    @property
    def not_a_number(self) -> Bool[np.ndarray, " n"]:
        """True for an image whose last values or final score are NaN or infinite. Such an image is not `dead`."""
        axes = tuple(range(1, self.images.ndim))
        return ~(np.isfinite(self.images).all(axis=axes) & np.isfinite(self.final_scores))

    @property
    def nan_from(self) -> Int[np.ndarray, " n"]:
        """The first step at which the score is NaN or infinite; -1 for an image that is not `not_a_number`.

        It is 0 if this holds for the first image, and the number of steps if it holds only for the last image.
        """
        steps = self.scores.shape[1]
        known = np.isfinite(self.scores)
        lasting = np.where(known.any(axis=1), known[:, ::-1].argmax(axis=1), steps)
        return np.where(self.not_a_number, steps - lasting, -1)

    @property
    def out_of_range(self) -> Float[np.ndarray, " n"]:
        """The share of each image's values that lie outside the canvas's range, from 0 to 1; NaN counts as inside."""
        return _outside(self.images, self.canvas)

    @property
    def dead(self) -> Bool[np.ndarray, " n"]:
        """True for an image that never changed, or whose final score is 0 without a rise; not for `not_a_number`.

        A score that rises to 0 is not dead: it is the best score when a unit is minimized.
        """
        axes = tuple(range(1, self.images.ndim))
        still = (self.images == self.starts).all(axis=axes)
        # Before their activation functions, scores rise from below 0 whether or not the unit wakes.
        silenced = (self.scores[:, 0] < 0) & (self.provenance.get("target") != "preactivation")
        silent = (self.final_scores == 0) & ~silenced
        return (still | silent) & ~self.not_a_number

    @property
    def dead_labels(self) -> tuple[str, ...]:
        """The labels of the images that are `dead`."""
        return tuple(label for label, dead in zip(self.labels, self.dead, strict=True) if dead)

    def warn_of_nan(self, stacklevel: int = 2) -> None:
        """Warns once of all images that are `not_a_number`, with the step at which each began.

        Args:
          stacklevel: the ``stacklevel`` of ``warnings.warn``: 2 names the line that calls this method.
        """
        found = [(label, step) for label, step in zip(self.labels, self.nan_from, strict=True) if step >= 0]
        if not found:
            return
        named = [f"{label} from step {step}" for label, step in found[:_MOST_NAMED]]
        more = [f"and {len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else []
        warnings.warn(
            f"the score is NaN or infinite for {len(found)} of {len(self)} images: {', '.join([*named, *more])}; look "
            "for 0/0, a root or logarithm of 0, or an overflow in the objective, the weights or the starting image",
            JaxvizWarning,
            stacklevel=stacklevel + 1,
        )

    def warn_of_range(self, stacklevel: int = 2) -> None:
        """Warns once where images left the canvas's range, with the largest share of values outside.

        Images that began outside are left out: their recipe has units of its own.

        Args:
          stacklevel: as of ``warnings.warn``: 2 names the line that calls this method.
        """
        shares = np.where(_outside(self.starts, self.canvas) >= _OUTSIDE, 0, self.out_of_range)
        count = (shares >= _OUTSIDE).sum()
        if count:
            warnings.warn(
                f"{count} of {len(self)} images left the range of {self.canvas.low:g} to {self.canvas.high:g}, with up "
                f"to {shares.max():.0%} of their values; the network was not trained on such images. Recipes like "
                "jaxviz and lucid, or Pixels(clip=True), hold the range",
                JaxvizWarning,
                stacklevel=stacklevel + 1,
            )

    @classmethod
    def concatenate(cls, parts: Sequence["Visualization"]) -> "Visualization":
        """Joins results with the same canvas and recipe, such as those of parts of a layer."""
        whole: dict = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in _ARRAYS
            if getattr(parts[0], name) is not None
        }
        labels = tuple(label for part in parts for label in part.labels)
        return dataclasses.replace(parts[0], **whole, labels=labels)

    def save(self, path: str | os.PathLike) -> None:
        """Writes everything to one ``.npz`` file, completely or not at all.

        Args:
          path: the file to write; an existing one is replaced.
        """
        facts = {"labels": self.labels, "canvas": dataclasses.asdict(self.canvas), "provenance": self.provenance}
        arrays = {name: array for name in _ARRAYS if (array := getattr(self, name)) is not None}
        target = Path(path)
        with staged(target.parent) as stage, open(stage / target.name, "wb") as stream:
            np.savez_compressed(stream, facts=np.array(json.dumps(facts)), **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Visualization":
        """Reads what ``save`` wrote.

        Raises:
          JaxvizError: the file is missing or is something else.
        """
        arrays = read_arrays(path)
        if not {"facts", *_ARRAYS[:4]} <= set(arrays) <= {"facts", *_ARRAYS}:
            raise JaxvizError(f"{path} is no saved visualization: it holds {', '.join(arrays) or 'nothing'}")
        try:
            facts = json.loads(str(arrays.pop("facts")))
            canvas = Canvas(**facts["canvas"] | {"shape": tuple(facts["canvas"]["shape"])})
            labels, provenance = tuple(facts["labels"]), dict(facts["provenance"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise JaxvizError(f"{path} is no saved visualization: its facts are not such as save writes") from error
        if wrong := _misfit(arrays, labels, canvas):
            raise JaxvizError(f"{path} is no saved visualization: {wrong}")
        return cls(**arrays, labels=labels, canvas=canvas, provenance=provenance)


def _outside(images: Float[np.ndarray, "n ..."], canvas: Canvas) -> Float[np.ndarray, " n"]:
    slack = _ROUNDING * (canvas.high - canvas.low)
    beyond = (images < canvas.low - slack) | (images > canvas.high + slack)
    return beyond.mean(axis=tuple(range(1, images.ndim)))


def _misfit(arrays: dict[str, np.ndarray], labels: tuple[str, ...], canvas: Canvas) -> str | None:
    """Says what of a file does not go together; None where all does."""
    if not labels or not all(isinstance(label, str) for label in labels):
        return "it has no labels"
    image = {"images": 1, "starts": 1, "restarts": 2, "frames": 2}  # with how many axes before those of an image
    for name, array in arrays.items():
        axes = image.get(name, 1 if name == "final_scores" else 2)
        if array.dtype.kind not in "fiub" or array.shape[axes:] != (canvas.shape if name in image else ()):
            return f"{name} of {array.dtype} and shape {array.shape}, for images of shape {canvas.shape}"
        if array.ndim < axes or len(array) != len(labels):
            return f"{len(labels)} labels for {name} of shape {array.shape}"
    return None


def assembled(
    whole: dict[str, np.ndarray], labels: tuple[str, ...], group: int, canvas: Canvas, provenance: dict[str, str]
) -> Visualization:
    """Makes a result from the fields of `Ascent`; each image of a group is an image of the result."""
    images, starts, restarts, frames = whole["image"], whole["start"], whole.get("restarts"), whole.get("frames")
    scores, final, restart_scores = whole["scores"], whole["final_score"], whole.get("restart_scores")
    if group > 1:
        labels = tuple(f"{label}#{number}" for label in labels for number in range(group))
        images, starts = (array.reshape(-1, *array.shape[2:]) for array in (images, starts))
        scores, final = (np.repeat(array, group, axis=0) for array in (scores, final))
        restarts, frames = (_each_of_a_group(array) for array in (restarts, frames))
        restart_scores = None if restart_scores is None else np.repeat(restart_scores, group, axis=0)
    return Visualization(
        images=images,
        starts=starts,
        scores=scores,
        final_scores=final,
        labels=labels,
        canvas=canvas,
        provenance=provenance,
        restarts=restarts,
        restart_scores=restart_scores,
        frames=frames,
    )


def _each_of_a_group(several: np.ndarray | None) -> np.ndarray | None:
    """Makes ``[n * group, m, …]`` of ``[n, m, group, …]``."""
    return None if several is None else np.swapaxes(several, 1, 2).reshape(-1, several.shape[1], *several.shape[3:])

"""Reports: the numbers about pictures, as arrays, as a table and as JSON."""

import dataclasses
import json
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxviz.files.outputs import staged
from jaxviz.reports import findings
from jaxviz.values.column_widths import fitting
from jaxviz.values.displays import Displayed
from jaxviz.values.errors import JaxvizError

__all__ = ["COLUMNS", "Column", "Report"]

COLUMNS = {
    "reached": ("reached", "the objective of the image as it is"),
    "with_transforms": ("with views", "its mean over random views by the recipe's transforms"),
    "survival": ("survives", "share of it that is left when the image is turned, scaled and moved a little"),
    "largest": ("largest", "the largest on the real images"),
    "percentile": ("99.9 %", "the 99.9th percentile on the real images"),
    "ratio": ("ratio", "reached / largest"),
    "selectivity": ("selective", "share of the layer's other units that the image excites less"),
    "interpretability": ("explains", "share of pairs of real images that the observer tells right by the picture"),
    "interpretability_error": ("± explains", "standard error of that share"),
    "chance": ("chance", "the same share by other units' pictures"),
    "ceiling": ("ceiling", "the same share by the unit's best real image"),
    "with_negative": ("explain", "the same share by the picture and that of what silences the unit"),
    "ends": ("at ends", "share of the image's values at the ends of the range"),
    "spectrum": ("spectrum", "distance of the image's spectrum from that of the real images, in powers of ten"),
    "agreement": ("agree", "mean cosine of any two restarts' images, each less its mean"),
    "spread": ("spread", "best less worst score of the restarts"),
    "transfer": ("transfer", "share of the real images that the second model scores below this one"),
    "preferred": ("prefers", "the class of the real images that score highest on average"),
    "intended": ("class", "the class that was asked for"),
    "probability": ("p", "the model's probability of that class"),
    "rank": ("rank", "its place among all classes"),
    "second_probability": ("p second", "the second model's probability of that class"),
    "second_rank": ("rank second", "its place among all classes of the second model"),
    "nan_from": ("NaN from", "the step from which on the score is NaN or infinite"),
}
"""The columns of numbers: heading, and what the caption says."""


_READ_BY = {
    (True, True): "both networks",
    (True, False): "its own network alone",
    (False, True): "the second network alone",
    (False, False): "neither network",
}


class Column(NamedTuple):
    """A column of a report as text.

    Attributes:
      heading: its name, empty for the labels.
      caption: its meaning.
      cells: one text for each image.
      number: True if the cells are numbers.
    """

    heading: str
    caption: str
    cells: list[str]
    number: bool


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Report(Displayed):
    """Numbers about each image of a visualization; unknown numbers are NaN.

    Attributes:
      labels: the name of each image.
      status: ``alive``, ``never active on the data``, ``dead at the start``, ``died on the way`` or ``not a number``;
        see `jaxviz.reports.findings.statuses`.
      dead: True if the image never changed or its final score is 0; see `Visualization.dead`.
      reached: the objective of the image.
      with_transforms: the mean objective of random views, drawn by the recipe's transforms as at the last step.
      survival: the share of the reached activation that is left, on average, when the image is rotated by up to 10
        degrees, scaled by a tenth and moved by a 28th of its side: the same views for every recipe.
      largest: the largest objective of the real images.
      percentile: the 99.9th percentile of the real images.
      selectivity: the share of the layer's other units that the image activates less, each in standard deviations from
        its mean on the real images if there are any; see `jaxviz.reports.findings.selectivity`.
      interpretability: the share of pairs of real images that the observer decides rightly by the picture; see
        `jaxviz.reports.interpretability`.
      interpretability_error: the standard error of that share.
      chance: the same share by other units' pictures.
      ceiling: the same share by the unit's best real image.
      with_negative: the same share by the picture and that of what silences the unit.
      ends: the share of the image's values at the ends of the range.
      spectrum: the distance of the image's spectrum from that of the real images, in powers of ten.
      agreement: the mean cosine of any two restarts' images, each minus its own mean.
      spread: the best restart's score minus the worst restart's.
      transfer: the share of the real images that the second model scores lower than this one.
      preferred: the class whose real images score highest on average.
      intended: the class of the objective.
      probability: the model's probability of this class.
      rank: the rank of this class among all classes; the most probable class has rank 1.
      second_probability: the second model's probability of this class.
      second_rank: the rank of this class among all classes of the second model.
      nan_from: the step from which on the score is NaN or infinite; NaN for an image whose score stays finite.
      judges: for each judge, by name, the class that it reads.
      facts: the recipe and the numbers of real images and views that were used.
    """

    labels: tuple[str, ...]
    status: tuple[str, ...]
    dead: Bool[np.ndarray, " n"]
    reached: Float[np.ndarray, " n"]
    with_transforms: Float[np.ndarray, " n"]
    survival: Float[np.ndarray, " n"]
    largest: Float[np.ndarray, " n"]
    percentile: Float[np.ndarray, " n"]
    selectivity: Float[np.ndarray, " n"]
    interpretability: Float[np.ndarray, " n"]
    interpretability_error: Float[np.ndarray, " n"]
    chance: Float[np.ndarray, " n"]
    ceiling: Float[np.ndarray, " n"]
    with_negative: Float[np.ndarray, " n"]
    ends: Float[np.ndarray, " n"]
    spectrum: Float[np.ndarray, " n"]
    agreement: Float[np.ndarray, " n"]
    spread: Float[np.ndarray, " n"]
    transfer: Float[np.ndarray, " n"]
    preferred: Float[np.ndarray, " n"]
    intended: Float[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    rank: Float[np.ndarray, " n"]
    second_probability: Float[np.ndarray, " n"]
    second_rank: Float[np.ndarray, " n"]
    nan_from: Float[np.ndarray, " n"]
    judges: dict[str, Float[np.ndarray, " n"]]
    facts: dict[str, str]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ratio(self) -> Float[np.ndarray, " n"]:
        """Reached divided by largest; NaN if no real image has a score above 0."""
        return np.divide(
            self.reached, self.largest, out=np.full(len(self), np.nan), where=self.largest > findings.SILENT
        )

    @property
    def read_by(self) -> tuple[str, ...]:
        """Which networks read the class that was asked for, first of all classes; empty where one is not known."""
        return tuple(
            "" if np.isnan(own) or np.isnan(other) else _READ_BY[bool(own == 1), bool(other == 1)]
            for own, other in zip(self.rank, self.second_rank, strict=True)
        )

    def __repr__(self) -> str:
        kinds = [f"{self.status.count(status)} {status}" for status in findings.STATUSES if status in self.status]
        return f"Report({len(self)} units: {', '.join(kinds)})"

    @classmethod
    def concatenate(cls, parts: Sequence["Report"]) -> "Report":
        """Joins reports with equal facts, such as those of parts of a layer."""
        joined: dict = {"facts": parts[0].facts}
        joined["judges"] = {name: np.concatenate([part.judges[name] for part in parts]) for name in parts[0].judges}
        for name in ("labels", "status"):
            joined[name] = tuple(text for part in parts for text in getattr(part, name))
        for field in dataclasses.fields(cls):
            if field.name not in joined:
                joined[field.name] = np.concatenate([getattr(part, field.name) for part in parts])
        return cls(**joined)

    def columns(self) -> tuple[Column, ...]:
        """Returns the numbers of each image, as text, without empty columns."""
        known = {name: values for name in COLUMNS if not np.isnan(values := getattr(self, name)).all()}
        numbers = [Column(*COLUMNS[name], _texts(values), True) for name, values in known.items()]
        judged = [Column(name, self._judged(name), _texts(read), True) for name, read in self.judges.items()]
        status = Column("status", "whether there is a picture, and if not, why", list(self.status), False)
        caption = "whether the class is read, first of all, by its own network and by the second"
        read = [Column("read by", caption, list(self.read_by), False)] if any(self.read_by) else []
        return (Column("", "", list(self.labels), False), status, *numbers, *read, *judged)

    def table(self, width: int | None = None) -> str:
        """Returns the columns as aligned text, with the caption of each.

        Args:
          width: the characters of a line; columns that do not fit stand in a further table, below the first. By default
            as many as are needed.
        """
        columns = self.columns()
        widths = [max(map(len, (column.heading, *column.cells))) for column in columns]
        tables = fitting(widths, width or sys.maxsize, 2)
        aligned = [line for places in tables for line in [*_aligned([columns[place] for place in places]), ""]]
        longest = max(len(column.heading) for column in columns)
        captions = [f"{column.heading.ljust(longest)}  {column.caption}" for column in columns if column.heading]
        told = [*captions, *(f"{name}: {value}" for name, value in self.facts.items())]
        if width is not None:
            told = [
                textwrap.fill(line, max(width, longest + 12), subsequent_indent=" " * (longest + 2)) for line in told
            ]
        return "\n".join([*aligned, *told])

    def _judged(self, name: str) -> str:
        caption = f"the class that {name} reads"
        if np.isnan(self.intended).all():
            return caption
        return f"{caption}: as asked for in {(self.judges[name] == self.intended).sum()} of {len(self)}"

    def to_json(self) -> str:
        """Returns everything as JSON, with null for NaN."""
        whole = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps(_plain(whole | {"ratio": self.ratio, "read_by": self.read_by}), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Reads what ``to_json`` wrote.

        Raises:
          JaxvizError: it is of another kind, has an unknown status, or columns of unequal lengths.
        """
        try:
            whole = json.loads(text)
            del whole["ratio"], whole["read_by"]
            labels, status, facts = tuple(whole.pop("labels")), tuple(whole.pop("status")), whole.pop("facts")
            judges = {name: np.array(read, float) for name, read in whole.pop("judges").items()}
            dead = np.array(whole.pop("dead"), bool)
            numbers = {name: np.array(values, float) for name, values in whole.items()}
            if not set(status) <= set(findings.STATUSES) or not all(isinstance(label, str) for label in labels):
                raise ValueError("unknown statuses, or labels that are no text")
            columns = (np.array(status), dead, *numbers.values(), *judges.values())
            if any(column.shape != (len(labels),) for column in columns):
                raise ValueError("columns of unequal lengths")
            return cls(labels=labels, status=status, dead=dead, judges=judges, facts=dict(facts), **numbers)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise JaxvizError("this is no report as to_json writes it") from error

    def save(self, path: str | os.PathLike) -> None:
        """Writes the JSON to a file, completely or not at all."""
        target = Path(path)
        with staged(target.parent) as stage:
            (stage / target.name).write_text(self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Report":
        """Reads what ``save`` wrote.

        Raises:
          JaxvizError: the file is missing or is something else.
        """
        try:
            return cls.from_json(Path(path).read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise JaxvizError(f"{path} cannot be read as a report") from error


def _aligned(columns: Sequence[Column]) -> list[str]:
    """Returns the lines of columns beside each other, the headings first."""
    rows = [[column.heading for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    widths = [max(map(len, (column.heading, *column.cells))) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if column.number else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in rows
    ]


def _texts(values: Float[np.ndarray, " n"]) -> list[str]:
    return ["-" if np.isnan(value) else f"{value:.4g}" for value in values]


def _plain(value: object) -> object:
    """Returns what JSON can hold, without NaN."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | tuple):
        return [_plain(each) for each in (value.tolist() if isinstance(value, np.ndarray) else value)]
    return None if isinstance(value, float) and not np.isfinite(value) else value

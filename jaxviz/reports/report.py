"""Reports: the numbers about pictures, as arrays, as a table and as JSON."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxviz.files.outputs import staged
from jaxviz.reports import findings
from jaxviz.values.displays import Displayed
from jaxviz.values.errors import JaxvizError

__all__ = ["COLUMNS", "Column", "Report"]

COLUMNS = {
    "reached": ("reached", "the objective of the image as it is"),
    "with_transforms": ("with views", "its mean over random views by the recipe's transforms"),
    "largest": ("largest", "the largest on the real images"),
    "percentile": ("99.9 %", "the 99.9th percentile on the real images"),
    "ratio": ("ratio", "reached / largest"),
    "selectivity": ("selective", "share of the layer's other units that the image excites less"),
    "agreement": ("agree", "mean cosine of any two restarts' images, each less its mean"),
    "spread": ("spread", "best less worst score of the restarts"),
    "transfer": ("transfer", "share of the real images that the second model scores below this one"),
    "preferred": ("prefers", "the class of the real images that score highest on average"),
    "intended": ("class", "the class that was asked for"),
    "probability": ("p", "the model's probability of that class"),
    "rank": ("rank", "its place among all classes"),
    "second_probability": ("p second", "the second model's probability of that class"),
    "nan_from": ("NaN from", "the step from which on the score is NaN or infinite"),
}
"""The columns of numbers: heading, and what the caption says."""


class Column(NamedTuple):
    """A column of a report as text.

    Attributes:
      heading: its name, empty for the labels.
      caption: what it says.
      cells: one for each image.
      number: True where they are numbers.
    """

    heading: str
    caption: str
    cells: list[str]
    number: bool


@dataclasses.dataclass(frozen=True, kw_only=True, repr=False)
class Report(Displayed):
    """Numbers about each image of a visualization; NaN for what cannot be known.

    Attributes:
      labels: what each image shows.
      status: ``alive``, ``never active on the data``, ``dead at the start``, ``died on the way`` or ``not a number``;
        see `jaxviz.reports.findings.statuses`.
      dead: True where the image never moved or its score is 0; see `Visualization.dead`.
      reached: the objective of the image as it is.
      with_transforms: its mean over random views, drawn by the recipe's transforms as at the last step.
      largest: the largest score of the real images.
      percentile: their 99.9th percentile.
      selectivity: the share of the layer's other units that the image excites less, each in standard deviations from
        its mean on the real images, or as it is where there are none; see `jaxviz.findings.selectivity`.
      agreement: mean cosine of any two restarts' images, each less its own mean.
      spread: the best restart's score less the worst's.
      transfer: the share of the real images that the second model scores below this one.
      preferred: the class whose real images score highest on average.
      intended: the class that was asked for.
      probability: what the model gives for that class.
      rank: its place among all classes, the likeliest 1.
      second_probability: what the second model gives for it.
      nan_from: the step from which on the score is NaN or infinite; NaN for an image whose score stays finite.
      judges: by the name of each judge, the class that it reads.
      facts: what was measured with: the recipe, and how many real images and views.
    """

    labels: tuple[str, ...]
    status: tuple[str, ...]
    dead: Bool[np.ndarray, " n"]
    reached: Float[np.ndarray, " n"]
    with_transforms: Float[np.ndarray, " n"]
    largest: Float[np.ndarray, " n"]
    percentile: Float[np.ndarray, " n"]
    selectivity: Float[np.ndarray, " n"]
    agreement: Float[np.ndarray, " n"]
    spread: Float[np.ndarray, " n"]
    transfer: Float[np.ndarray, " n"]
    preferred: Float[np.ndarray, " n"]
    intended: Float[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    rank: Float[np.ndarray, " n"]
    second_probability: Float[np.ndarray, " n"]
    nan_from: Float[np.ndarray, " n"]
    judges: dict[str, Float[np.ndarray, " n"]]
    facts: dict[str, str]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ratio(self) -> Float[np.ndarray, " n"]:
        """Reached over largest; NaN where no real image has a score above 0."""
        return np.divide(
            self.reached, self.largest, out=np.full(len(self), np.nan), where=self.largest > findings.SILENT
        )

    def __repr__(self) -> str:
        kinds = [f"{self.status.count(status)} {status}" for status in findings.STATUSES if status in self.status]
        return f"Report({len(self)} units: {', '.join(kinds)})"

    @classmethod
    def concatenate(cls, parts: Sequence["Report"]) -> "Report":
        """Joins reports that were measured with the same, such as those of parts of a layer."""
        joined: dict = {"facts": parts[0].facts}
        joined["judges"] = {name: np.concatenate([part.judges[name] for part in parts]) for name in parts[0].judges}
        for name in ("labels", "status"):
            joined[name] = tuple(text for part in parts for text in getattr(part, name))
        for field in dataclasses.fields(cls):
            if field.name not in joined:
                joined[field.name] = np.concatenate([getattr(part, field.name) for part in parts])
        return cls(**joined)

    def columns(self) -> tuple[Column, ...]:
        """Returns what there is to say of each image, as text; columns of nothing are left out."""
        known = {name: values for name in COLUMNS if not np.isnan(values := getattr(self, name)).all()}
        numbers = [Column(*COLUMNS[name], _texts(values), True) for name, values in known.items()]
        judged = [Column(name, self._judged(name), _texts(read), True) for name, read in self.judges.items()]
        status = Column("status", "whether there is a picture, and if not, why", list(self.status), False)
        return (Column("", "", list(self.labels), False), status, *numbers, *judged)

    def table(self) -> str:
        """Returns the columns as aligned text, with the caption of each."""
        columns = self.columns()
        widths = [max(map(len, (column.heading, *column.cells))) for column in columns]
        rows = [[column.heading for column in columns], *zip(*(column.cells for column in columns), strict=True)]
        aligned = [
            "  ".join(
                cell.rjust(width) if column.number else cell.ljust(width)
                for cell, width, column in zip(row, widths, columns, strict=True)
            ).rstrip()
            for row in rows
        ]
        longest = max(len(column.heading) for column in columns)
        captions = [f"{column.heading.ljust(longest)}  {column.caption}" for column in columns if column.heading]
        return "\n".join([*aligned, "", *captions, *(f"{name}: {value}" for name, value in self.facts.items())])

    def _judged(self, name: str) -> str:
        caption = f"the class that {name} reads"
        if np.isnan(self.intended).all():
            return caption
        return f"{caption}: as asked for in {(self.judges[name] == self.intended).sum()} of {len(self)}"

    def to_json(self) -> str:
        """Returns everything as JSON; what is NaN there is null."""
        whole = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return json.dumps(_plain(whole | {"ratio": self.ratio}), indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Reads what ``to_json`` wrote.

        Raises:
          JaxvizError: it is something else, has a status that there is not, or columns of unequal lengths.
        """
        try:
            whole = json.loads(text)
            del whole["ratio"]
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
        """Writes the JSON into a file, which appears whole or not at all."""
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


def _texts(values: Float[np.ndarray, " n"]) -> list[str]:
    return ["-" if np.isnan(value) else f"{value:.4g}" for value in values]


def _plain(value: object) -> object:
    """Returns what JSON can hold, without NaN."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | tuple):
        return [_plain(each) for each in (value.tolist() if isinstance(value, np.ndarray) else value)]
    return None if isinstance(value, float) and not np.isfinite(value) else value

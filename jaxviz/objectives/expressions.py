"""Expressions: a short text -> objective, by the algebra of objectives and nothing else.

| text | objective |
| --- | --- |
| ``conv2d_3:17`` | ``channel("conv2d_3", 17)`` |
| ``conv2d_3:0:16`` | a batch: ``channel("conv2d_3", range(16))`` |
| ``conv2d_3:3,7,11`` | a batch: ``channel("conv2d_3", [3, 7, 11])`` |
| ``conv2d_3`` | all channels of the layer |
| ``conv2d_3:17 - 0.5*conv2d_4:3`` | sums, differences, products with numbers, parentheses |
| ``neuron(conv2d_3, 17)`` | the neuron in the middle |
| ``neuron(conv2d_3, 17, 5, 6)`` | the one in row 5, column 6 |
| ``layer_mean(conv2d_3)``, ``deepdream(conv2d_3)`` | a whole layer |
| ``class_logit(7)``, ``class_probability(0:10)``, ``class_log_odds(3,7)`` | classes; ``class_`` may be left out |
| ``logit(goldfish)``, ``logit("tiger shark", 7)`` | classes by their names, where the model knows them |

The name of a layer begins with a letter or ``_`` and goes on with letters, digits, ``_``, ``.`` and ``/``, and with
``-`` where a letter, digit or ``_`` follows at once: a difference of whole layers is written with spaces. Any other
name stands in quotes, ``"0/conv 1":3``, single or double; a backslash there makes the next character plain.
"""

import difflib
import math
from collections.abc import Callable

from jaxviz import objectives
from jaxviz.objectives import Objective
from jaxviz.objectives.lexing import Token, is_name, tokens_of
from jaxviz.values.errors import JaxvizError

__all__ = ["FUNCTIONS", "objective_of", "parse", "quoted"]

_DEEPEST = 50  # parentheses and minus signs within one another
_LARGEST = 1e30  # numbers are float32 in the end
_MOST_INDICES = 1 << 16

_OF_CLASSES = {
    "logit": objectives.class_logit,
    "probability": objectives.class_probability,
    "log_odds": objectives.class_log_odds,
}
_OF_LAYERS = {"layer_mean": objectives.layer_mean, "deepdream": objectives.deepdream}
FUNCTIONS = ("neuron", *_OF_LAYERS, *(f"class_{name}" for name in _OF_CLASSES))
"""The functions that an expression may call, by their names in `jaxviz.objectives`."""


def parse(text: str) -> Objective:
    """Parses an objective as written on the command line.

    Args:
      text: an expression; the table in `jaxviz.objectives.expressions` lists all forms.

    Returns:
      The objective, not yet resolved: layers and channels are looked up in a model later.

    Raises:
      JaxvizError: it is not an expression; the message says what was expected, and where.

    Example:
      >>> parse("2*(conv2d_3:17 - 0.5*conv2d_4:3)").labels()
      ['2*conv2d_3:17 - 1*conv2d_4:3']
    """
    reader = _Reader(text)
    found = reader.sum(0)
    if not reader.at("end"):
        raise reader.wrong("'+', '-' or '*'")
    if not isinstance(found, Objective):
        raise JaxvizError(f"objective {text.strip()!r} is a number; name a unit, such as conv2d_3:17")
    return found


def objective_of(asked: Objective | Callable | str) -> Objective:
    """Returns an objective as it is, a function of activations as one, and a text as `parse` reads it.

    Raises:
      JaxvizError: it is none of these, or the text is no expression.
    """
    if isinstance(asked, Objective):
        return asked
    if isinstance(asked, str):
        return parse(asked)
    if not callable(asked):
        raise JaxvizError(f"objective {asked!r}: give one of jaxviz.objectives, such as channel('conv2d_1')")
    return objectives.function(asked)


def quoted(layer: str) -> str:
    r"""Returns the name of a layer as an expression writes it, whatever it holds; in quotes only where it needs them.

    Example:
      >>> print(quoted("block1/conv"), quoted('0/conv "1"'))
      block1/conv "0/conv \"1\""
    """
    if is_name(layer):
        return layer
    escaped = layer.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Reader:
    """Reads from left to right: each method takes what it is named after, and leaves the rest."""

    def __init__(self, text: str):
        self._text = text
        self._tokens = tokens_of(text)
        self._place = 0

    def at(self, kind: str) -> bool:
        """Tells whether a token of this kind comes next."""
        return self._next.kind == kind

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _expect(self, kind: str, what: str) -> Token:
        if not self.at(kind):
            raise self.wrong(what)
        return self._take()

    def wrong(self, expected: str, hint: str = "") -> JaxvizError:
        """Returns the error for what comes next, quoting it and saying where it is; a hint ends the message."""
        start = self._next.start
        rest = self._text[start:].strip()
        found = f"not {_short(rest)!r}" if rest else "where it ends"
        return self._refused(f"{expected} is expected at column {start + 1}, {found}{hint}")

    def _refused(self, why: str) -> JaxvizError:
        return JaxvizError(f"objective {_short(self._text)!r}: {why}")

    def sum(self, depth: int) -> Objective | float:
        """Terms, added and subtracted from left to right."""
        whole = self._product(depth)
        while self.at("+") or self.at("-"):
            sign, term = self._take().kind, self._product(depth)
            whole = whole + term if sign == "+" else whole - term
        return whole

    def _product(self, depth: int) -> Objective | float:
        whole = self._factor(depth)
        while self.at("*"):
            star = self._take()
            factor = self._factor(depth)
            if isinstance(factor, Objective):
                if isinstance(whole, Objective):
                    raise self._refused(f"'*' at column {star.start + 1} multiplies two objectives; use a number")
                whole = factor * whole
                continue
            whole = whole * factor
            if isinstance(whole, float) and abs(whole) > _LARGEST:
                raise self._refused(f"a weight of {whole:g} is too large")
        return whole

    def _factor(self, depth: int) -> Objective | float:
        if depth > _DEEPEST:
            raise self._refused(f"signs and parentheses are nested deeper than {_DEEPEST} times; flatten them")
        if self.at("-"):
            self._take()
            return -self._factor(depth + 1)
        if self.at("+"):
            self._take()
            return self._factor(depth + 1)
        if self.at("("):
            self._take()
            inside = self.sum(depth + 1)
            self._expect(")", "')'")
            return inside
        if self.at("number"):
            return self._number()
        if self.at("name") and self._tokens[self._place + 1].kind == "(":
            return self._call()
        if self.at("name") or self.at("quoted"):
            return self._unit()
        raise self.wrong("a unit, a number or '('")

    def _number(self) -> float:
        token = self._take()
        number = float(token.text)
        if not math.isfinite(number) or number > _LARGEST:
            raise self._refused(f"{_short(token.text)} is too large a number")
        return number

    def _unit(self) -> Objective:
        layer = self._take().text
        if not self.at(":"):
            return objectives.channel(layer)
        self._take()
        return objectives.channel(layer, self._indices("a channel"))

    def _call(self) -> Objective:
        place, function = self._place, self._take().text
        self._take()  # the parenthesis
        short = function.removeprefix("class_")
        if short in _OF_CLASSES:
            made = _OF_CLASSES[short](self._classes())
        elif function in _OF_LAYERS:
            made = _OF_LAYERS[function](self._layer())
        elif function == "neuron":
            made = self._neuron()
        else:
            self._place = place
            close = difflib.get_close_matches(function, FUNCTIONS, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise self.wrong(f"one of {', '.join(FUNCTIONS)}", hint)
        self._expect(")", "')'")
        return made

    def _neuron(self) -> Objective:
        layer = self._layer()
        self._expect(",", "',' and a channel")
        channels = self._range("a channel")
        position = []
        while self.at(","):
            self._take()
            position.append(self._whole("a position"))
        return objectives.neuron(layer, channels, position) if position else objectives.neuron(layer, channels)

    def _layer(self) -> str:
        if not (self.at("name") or self.at("quoted")):
            raise self.wrong("a layer")
        return self._take().text

    def _classes(self) -> list[int | str]:
        found: list[int | str] = []
        while not found or self.at(","):
            if found:
                self._take()
            named = self.at("name") or self.at("quoted")
            found += [self._take().text] if named else self._range("a class")
            if len(found) > _MOST_INDICES:
                raise self._refused(f"it has more than {_MOST_INDICES:,} units")
        return found

    def _indices(self, what: str) -> list[int]:
        found = self._range(what)
        while self.at(","):
            self._take()
            found += self._range(what)
            if len(found) > _MOST_INDICES:
                raise self._refused(f"it has more than {_MOST_INDICES:,} units")
        return found

    def _range(self, what: str) -> list[int]:
        first = self._whole(what)
        if not self.at(":"):
            return [first]
        self._take()
        last = self._whole("the end of a range")
        if not 0 < last - first <= _MOST_INDICES:
            raise self._refused(f"{first}:{last} is an empty range, or too long a one; the end is not included")
        return list(range(first, last))

    def _whole(self, what: str) -> int:
        if not self.at("number") or not self._next.text.isdecimal() or len(self._next.text) > 9:
            raise self.wrong(what)
        return int(self._take().text)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Lexing: the text of an expression -> its tokens."""

import re
from typing import NamedTuple

from jaxviz.values.errors import JaxvizError

__all__ = ["Token", "is_name", "tokens_of"]

_LONGEST = 10_000  # characters

_STRANGE = "is not allowed here; put the name of a layer that has it in quotes"
_DIVISION = "divides, and there is no division; multiply by a number, such as 0.5*"

_TOKENS = re.compile(
    r"""\s*(?:
      (?P<number> (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? )
    | (?P<name> [^\W\d][\w./]*(?:-\w[\w./]*)* )
    | (?P<quoted> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
    | (?P<sign> [-+*():,] )
    | (?P<end> \Z )
    )""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One word of an expression.

    Attributes:
      kind: ``number``, ``name``, ``quoted``, ``end``, or the sign itself.
      text: what it says; of a quoted name, what is inside.
      start: the character that it begins at.
    """

    kind: str
    text: str
    start: int


def is_name(text: str) -> bool:
    """Tells whether a text is a name as it stands, without quotes."""
    found = _TOKENS.fullmatch(text)
    return found is not None and found["name"] == text


def tokens_of(text: str) -> list[Token]:
    """Splits an expression; the last token is the ``end``.

    Raises:
      JaxvizError: it is too long, or has a character that is not allowed.

    Example:
      >>> [token.text for token in tokens_of("2*block1/conv-1:3")]
      ['2', '*', 'block1/conv-1', ':', '3', '']
    """
    if len(text) > _LONGEST:
        raise JaxvizError(f"an objective of {len(text):,} characters; {_LONGEST:,} are allowed")
    tokens: list[Token] = []
    place = 0
    while not tokens or tokens[-1].kind != "end":
        found = _TOKENS.match(text, place)
        if found is None or found.lastgroup is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            why = _DIVISION if text[start] == "/" else _STRANGE
            raise JaxvizError(f"objective {text[:60]!r}: {text[start]!r} at column {start + 1} {why}")
        kind, said = found.lastgroup, found.group(found.lastgroup)
        start, place = found.start(kind), found.end()
        if kind == "quoted":
            said = re.sub(r"\\(.)", r"\1", said[1:-1], flags=re.DOTALL)
        tokens.append(Token(said if kind == "sign" else kind, said, start))
    return tokens

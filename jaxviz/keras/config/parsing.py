"""Configs: JSON text of an architecture -> plain values, with limits."""

import json
from collections.abc import Mapping

from jaxviz.values.errors import ModelFileError

__all__ = ["parse"]

_DEEPEST = 200
"""Lists and tables inside each other; a model nested in a model adds about six."""

_MOST_VALUES = 2_000_000


def parse(text: str | bytes, where: str) -> Mapping:
    """Reads JSON that describes a model.

    Args:
      text: the JSON.
      where: what it was found in, for messages.

    Raises:
      ModelFileError: it is not JSON, is nested too deep, or describes no model.
    """
    try:
        # utf-8-sig, since some editors begin a file with a mark.
        config = json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{where} is not JSON") from error
    if isinstance(config, str):  # some scripts encode model.to_json() once more
        return parse(config, where)
    if not isinstance(config, dict):
        raise ModelFileError(f"{where} describes no model")
    _check(config, where)
    return config


def _check(config: dict, where: str) -> None:
    level: list = [config]
    values = 0
    for _ in range(_DEEPEST):
        if not level:
            return
        values += len(level)
        if values > _MOST_VALUES:
            raise ModelFileError(f"{where} has more than {_MOST_VALUES:,} values")
        level = [inside for value in level for inside in _inside(value, where)]
    raise ModelFileError(f"{where} is nested more than {_DEEPEST} deep")


def _inside(value: object, where: str) -> list:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise ModelFileError(f"{where} holds text that cannot be written: {value!a}") from error
    return [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []

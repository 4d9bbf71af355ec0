"""Scripts: plain data -> files that a page loads without a server."""

import json
import math
import re
from pathlib import Path

import numpy as np

__all__ = ["number", "numbers", "safe", "write_script"]

_DIGITS = 6  # float32 has seven; a page shows four


def write_script(folder: Path, name: str, data: object) -> None:
    """Writes ``NAME.js``, which hands the page ``data`` under ``FOLDER/NAME``.

    Names in it were chosen by others: what could end a script, or a line of one, is written as an escape.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    key = json.dumps(f"{folder.name}/{name}")
    body = f"jaxviz.put({key},{text});\n".replace("<", "\\u003c").replace(">", "\\u003e")
    (folder / f"{name}.js").write_text(body, encoding="ascii", newline="\n")


def number(value: float | np.floating) -> float | None:
    """Rounds a number for a script; None for what is none."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def numbers(values: np.ndarray) -> list[float | None]:
    """Rounds many."""
    return [number(value) for value in values.tolist()]


def safe(name: str) -> str:
    """Returns a name as part of a file's, on any system."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:48]

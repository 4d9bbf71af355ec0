"""Pages of the documentation: a Markdown file or a notebook -> its blocks of code, each with its annotation."""

import dataclasses
import json
import re
import shlex
from pathlib import Path

from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))
# The reference is made from docstrings; their examples run as doctests.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *NOTEBOOKS]

_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n+)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclasses.dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes:
      language: what stands behind its opening fence: ``python``, ``sh``, ``console``, or nothing where it is output.
      code: its text.
      reason: why it is not run; None where it is.
      output: the text of the block without a language that follows it directly; None where there is none.
    """

    language: str
    code: str
    reason: str | None
    output: str | None = None


def text_of(page: Path) -> str:
    """Returns the Markdown of a page; of a notebook, that of its Markdown cells."""
    if page.suffix != ".ipynb":
        return page.read_text()
    cells = json.loads(page.read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown") + "\n"


def blocks(page: Path) -> list[Block]:
    """Returns the blocks of a page, outputs joined to what prints them; the code cells of a notebook are not blocks."""
    text, found, end = text_of(page), [], -1
    for match in _FENCE.finditer(text):
        block = Block(match["language"], match["code"], match["reason"])
        if not block.language and found and not text[end : match.start()].strip():
            found[-1] = dataclasses.replace(found[-1], output=block.code)
        else:
            found.append(block)
        end = match.end()
    return found


def commands(block: Block) -> list[list[str]]:
    """Returns the commands of a block as words, without variables, ``&&``, ``time`` and ``srun``."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    found: list[list[str]] = []
    for line in lines:
        words = shlex.split(line, comments=True)
        for command in " ".join(map(shlex.quote, words)).split(" '&&' "):
            parts = shlex.split(command)
            while parts and (re.match(r"\w+=", parts[0]) or parts[0] in ("time", "srun")):
                parts = parts[1:]
            if parts:
                found.append([parts[0].removeprefix(".venv/bin/"), *parts[1:]])
    return found


def tables(page: Path, heading: str) -> list[tuple[str, str]]:
    """Returns the rows of all tables whose last column has this heading: the first cell, and the last one's code."""
    rows, inside = [], False
    for line in text_of(page).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[-1] == heading:
            inside = True
        elif inside and not set(cells[-1]) <= set("- |"):
            rows.append((cells[0], cells[-1]))
    return rows

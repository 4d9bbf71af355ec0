"""Draws the rooms of the package and the imports between them, from docs/architecture.md and the code.

python -m experiments.architecture      writes docs/images/architecture.svg, in a second
"""

import argparse
import ast
import re
from collections.abc import Collection
from pathlib import Path

__all__ = ["imports", "imports_of", "main", "picture", "rooms"]

ROOT = Path(__file__).parent.parent
PAGE, PICTURE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "images" / "architecture.svg"

_WIDTH, _BOX, _HEIGHT, _GAP = 720, 300, 24, 10  # pixels
_LANE = 14  # pixels between two arrows that pass by boxes
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1b1b;text-anchor:middle}"
    "rect{fill:#eef5f4;stroke:#00796b;rx:4}path{fill:none;stroke:#00796b;stroke-width:1.4}"
    "@media(prefers-color-scheme:dark){text{fill:#e8e8e8}rect{fill:#17312e}}"
)


def rooms() -> list[str]:
    """Returns the names of the rooms, from the top down: the first column of the table on the page."""
    return re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)


def imports() -> dict[str, set[str]]:
    """Returns for each module of the package the modules that it imports, ``networks.model`` for example."""
    package = ROOT / "jaxviz"
    files = {_name(path.relative_to(package)): path for path in sorted(package.rglob("*.py"))}
    return {name: imports_of(path, files) - {name} for name, path in files.items()}


def imports_of(path: Path, modules: Collection[str]) -> set[str]:
    """Returns the modules that a file imports, by a statement or by a name in a string.

    Args:
      path: the file.
      modules: the names of all modules of the package.
    """
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    # Docstrings, and the strings that stand below a constant to document it.
    documentation = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    prose = {value.value for value in documentation if isinstance(value, ast.Constant)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "jaxviz":
            inside = node.module.removeprefix("jaxviz").lstrip(".")
            for alias in node.names:
                whole = f"{inside}.{alias.name}".lstrip(".")
                found.add(whole if whole in modules else inside or "__init__")
        if isinstance(node, ast.Import):
            found |= {_inside(alias.name) for alias in node.names if alias.name.split(".")[0] == "jaxviz"}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in prose:
            found |= {_inside(name) for name in re.findall(r"\bjaxviz(?:\.\w+)+", node.value)} & {*modules}
    return found


def picture() -> str:
    """Returns the SVG: the rooms one above the other, and the imports between them that no others imply."""
    names = rooms()
    reached = {name: set[str]() for name in names}
    for module, used in imports().items():
        reached[module.split(".")[0]] |= {each.split(".")[0] for each in used}
    drawn = _reduced({name: used - {name} for name, used in reached.items()}, names)
    centre = {name: 20 + place * (_HEIGHT + _GAP) + _HEIGHT // 2 for place, name in enumerate(names)}
    left = (_WIDTH - _BOX) // 2
    parts = [
        f'<rect x="{left}" y="{centre[name] - _HEIGHT // 2}" width="{_BOX}" height="{_HEIGHT}"/>'
        f'<text x="{_WIDTH // 2}" y="{centre[name] + 5}">{name}</text>'
        for name in names
    ]
    lanes: list[int] = []  # where the last arrow of each lane ends
    for above, below in sorted(drawn, key=lambda pair: (names.index(pair[0]), names.index(pair[1]))):
        start, end = centre[above], centre[below]
        if names.index(below) == names.index(above) + 1:
            middle = _WIDTH // 2
            parts.append(f'<path d="M{middle} {start + _HEIGHT // 2} V{end - _HEIGHT // 2}" marker-end="url(#tip)"/>')
            continue
        lane = next((place for place, last in enumerate(lanes) if last < start), len(lanes))
        lanes[lane : lane + 1] = [end]
        side = 1 if lane % 2 == 0 else -1
        edge = left + _BOX if side == 1 else left
        out = edge + side * (18 + lane // 2 * _LANE)
        parts.append(f'<path d="M{edge} {start + 5} H{out} V{end - 5} H{edge + side * 2}" marker-end="url(#tip)"/>')
    height = 20 + len(names) * (_HEIGHT + _GAP) + 10
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L8 4L0 8z" style="fill:#00796b;stroke:none"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
        f"<style>{_STYLE}</style>{tip}\n" + "\n".join(parts) + "\n</svg>\n"
    )


def main() -> None:
    """Writes the picture."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    PICTURE.write_text(picture())
    print(f"wrote {PICTURE.relative_to(ROOT)}")


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _inside(name: str) -> str:
    return name.removeprefix("jaxviz").lstrip(".") or "__init__"


def _reduced(graph: dict[str, set[str]], order: list[str]) -> list[tuple[str, str]]:
    """Returns the arrows of a graph without those that others imply."""
    below: dict[str, set[str]] = {}
    kept: list[tuple[str, str]] = []
    for name in reversed(order):
        implied = set().union(*(below[used] for used in graph[name])) if graph[name] else set()
        kept += [(name, used) for used in sorted(graph[name] - implied)]
        below[name] = graph[name] | implied
    return kept


if __name__ == "__main__":
    main()

"""Do the notebooks of the documentation run, and what do their cells print and show?

Command:  python -m experiments.notebooks [docs/tutorial.ipynb ...]
Time:     about 15 s for each notebook on 2 cores.
Expected: every cell runs without an error, and the notebooks now hold the outputs of this run.

Each notebook runs in a fresh kernel and in an empty directory. Without arguments the command runs all notebooks in
docs/. The tests run them too, and compare the new texts with the stored ones.
"""

import argparse
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

DOCS = Path(__file__).parent.parent / "docs"
VARIES = "varies"  # the tag of a cell whose text is not the same on every machine


def run(notebook: NotebookNode, directory: str | Path) -> NotebookNode:
    """Returns a copy of a notebook with the outputs of a run in a directory; an error in a cell is raised."""
    fresh = nbformat.v4.new_notebook(
        cells=[_without_outputs(cell) for cell in notebook.cells],
        metadata={"language_info": {"name": "python"}},
    )
    client = NotebookClient(
        fresh,
        timeout=600,
        startup_timeout=300,  # a machine with other work on it starts slowly
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(directory)}},
    )
    client.execute()
    for cell in fresh.cells:
        if cell.cell_type == "code":  # a bar appears where a machine is slow, and is no part of the page
            cell.outputs = [output for output in cell.outputs if output.get("metadata", {}).get("jaxviz") != "bar"]
    fresh.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return fresh


def texts(notebook: NotebookNode) -> list[list[str]]:
    """Returns, for each code cell, what it prints and the types of what it shows.

    Pictures are represented by their types alone, and so is the text of cells with the tag ``varies``.
    """
    return [
        [_text(output, VARIES in cell.metadata.get("tags", ())) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def _text(output: NotebookNode, varies: bool) -> str:
    if output.output_type == "stream":
        return f"stream {output.name}" if varies else output.text
    kinds = sorted(output.data)
    return " ".join(kinds) if varies or kinds != ["text/plain"] else output.data["text/plain"]


def _without_outputs(cell: NotebookNode) -> NotebookNode:
    made = NotebookNode(cell)
    if cell.cell_type == "code":
        made = NotebookNode(cell | {"outputs": [], "execution_count": None})
    return made


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.notebooks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="the notebooks; all in docs/ when left out")
    given = parser.parse_args(argv)
    for path in given.notebooks or sorted(DOCS.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as directory:
            done = run(nbformat.read(path, as_version=4), directory)
        path.write_text(nbformat.writes(done, indent=1) + "\n", encoding="utf-8")
        print(f"{path}: {len(texts(done))} code cells, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

"""Notebooks: an .ipynb file in docs/ -> a page of the site, with the outputs that the notebook holds."""

import html
import json
import re
import shutil
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

_DOWNLOAD = '<p><a href="{name}" download>Download this page as a notebook</a></p>'


class _Notebook(File):
    """A notebook that MkDocs reads as a page of Markdown."""

    def is_documentation_page(self) -> bool:
        return True

    @property
    def content_string(self) -> str:
        return _markdown(json.loads(Path(self.abs_src_path).read_text(encoding="utf-8")), Path(self.src_uri).name)


def on_files(files: Files, config, **_) -> Files:
    """Puts a page in the place of each notebook."""
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            files.remove(file)
            files.append(_Notebook(file.src_uri, config.docs_dir, config.site_dir, config.use_directory_urls))
    return files


def on_post_build(config, **_) -> None:
    """Copies the notebooks themselves, for readers to download."""
    for path in Path(config.docs_dir).glob("*.ipynb"):
        shutil.copyfile(path, Path(config.site_dir) / path.name)


def _markdown(notebook: dict, name: str) -> str:
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code":
            parts.append(f"```python\n{source}\n```")
            parts += [_output(output, name) for output in cell["outputs"]]
    return "\n\n".join((*parts, _DOWNLOAD.format(name=html.escape(name)))) + "\n"


def _output(output: dict, name: str) -> str:
    """Returns one output of a cell: the richest form of it that the site can show."""
    if output["output_type"] == "error":
        raise PluginError(f"{name} holds an error: {output['ename']}: {output['evalue']}")
    data = output.get("data", {"text/plain": output.get("text", "")})
    if "text/html" in data:  # one line, since Markdown ends a block of HTML at an empty one
        line = re.sub(r"\s*\n\s*", " ", "".join(data["text/html"]))
        return f'<div class="output">{line}</div>'
    for kind in ("image/png", "image/gif", "image/jpeg"):
        if kind in data:
            code = "".join(data[kind]).replace("\n", "")
            return f'<div class="output"><img alt="The output of the cell above" src="data:{kind};base64,{code}"></div>'
    return f"```\n{''.join(data['text/plain']).rstrip()}\n```"

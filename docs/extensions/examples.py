"""Examples: docstrings whose one example is headed ``Example:`` -> ones that griffe knows as code to be shown."""

import re

import griffe

__all__ = ["Examples"]


class Examples(griffe.Extension):
    """Reads ``Example:`` as ``Examples:``, the only heading below which griffe sets prompts as code."""

    def on_instance(self, *, obj: griffe.Object, **_) -> None:
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)

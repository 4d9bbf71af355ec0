"""Page: the parts of the site -> one HTML page with a Content-Security-Policy that names the hashes of its scripts.

Scripts and styles are part of the page, so that the policy can name them by their hashes even where the page comes from
the file system. Data is in scripts of its own, which only the page's scripts may load (``'strict-dynamic'``).
"""

import base64
import hashlib
from collections.abc import Iterable
from importlib import resources

__all__ = ["page"]

_SITE = resources.files(__package__) / "site"
_THEME = "theme.js"  # runs before the first paint
_SCRIPTS = (
    *("base.js", "tiles.js", "curve.js", "histogram.js", "pictures.js", "network.js", "wall.js"),
    *("groups.js", "layer.js", "circuit.js", "film.js", "unit.js"),
    *("map.js", "atlas.js"),
    *("search.js", "main.js"),
)
_STYLE = "gallery.css"


def page(files: str) -> str:
    """Returns the page.

    Args:
      files: the name of the folder beside it that holds the data and the pictures.
    """
    theme, style = _read(_THEME), _read(_STYLE)
    scripts = [_read(name) for name in _SCRIPTS]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes([theme, *scripts])} 'strict-dynamic'",
            f"style-src {_hashes([style])}",
            "img-src 'self' file:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    parts = {
        "POLICY": policy,
        "STYLE": f"<style>{style}</style>",
        "THEME": f"<script>{theme}</script>",
        "SCRIPTS": "\n".join(f"<script>{script}</script>" for script in scripts),
        "FILES": files,
    }
    text = _read("index.html")
    for name, part in parts.items():
        text = text.replace(f"{{{{{name}}}}}", part)
    return text


def _hashes(parts: Iterable[str]) -> str:
    digests = (hashlib.sha256(part.encode()).digest() for part in parts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _read(name: str) -> str:
    return (_SITE / name).read_text(encoding="utf-8")

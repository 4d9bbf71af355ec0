"""Offline: a build fails if a page would load anything from elsewhere."""

import re
from pathlib import Path

from mkdocs.exceptions import PluginError

_LOADED = re.compile(
    r"<(?:script|img|iframe|source|audio|video|embed)\b[^>]*?\bsrc=[\"']?(?:https?:)?//[^\"'>\s]+"
    r"|<link\b(?=[^>]*rel=[\"']?(?:stylesheet|icon|preload|preconnect|prefetch|dns-prefetch|modulepreload))"
    r"[^>]*?\bhref=[\"']?(?:https?:)?//[^\"'>\s]+"
)
_STYLED = re.compile(r"(?:@import\s*|url\()\s*[\"']?(?:https?:)?//[^\"')\s]+")


def on_post_build(config, **_) -> None:
    """Looks through all pages and styles that were written."""
    site = Path(config.site_dir)
    for pattern, suffix in ((_LOADED, "*.html"), (_STYLED, "*.css"), (_STYLED, "*.html")):
        for path in sorted(site.rglob(suffix)):
            found = pattern.search(path.read_text(encoding="utf-8"))
            if found:
                raise PluginError(f"{path.relative_to(site)} loads something from elsewhere: {found[0]}")

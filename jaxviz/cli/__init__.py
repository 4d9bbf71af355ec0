"""The command line: ``jaxviz layers``, ``convert``, ``visualize``, ``sweep``, ``gallery``, ``report``, and more.

Each command has a module. No module imports JAX before its command is called, so ``jaxviz --help`` answers at once.
"""

from jaxviz.cli.app import app, main
from jaxviz.cli.options import key_of
from jaxviz.cli.running import run
from jaxviz.values.indices import parse_indices

__all__ = ["app", "key_of", "main", "parse_indices", "run"]

"""Compilation cache: compiled programs on disk, for the command line and the experiments.

The library itself changes no setting of JAX. A program that wants the cache calls ``enable`` before it compiles.
"""

import os
import sys
from pathlib import Path

from platformdirs import user_cache_path

__all__ = ["VARIABLE", "directory", "enable"]

VARIABLE = "JAXVIZ_CACHE_DIR"


def directory() -> Path | None:
    """Returns where compiled programs are kept: ``$JAXVIZ_CACHE_DIR``, or the user's cache directory.

    None where the variable is empty, which turns the cache off.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen).absolute() if chosen else None
    return user_cache_path("jaxviz-optvis") / "xla"


def enable() -> None:
    """Keeps what this process compiles, and reuses what earlier ones did. JAX's own settings win where they are set."""
    target = directory()
    if target is None or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    settings: dict[str, str | float] = {
        "jax_compilation_cache_dir": str(target),
        # JAX keeps only what took a second to compile; most of ours takes less, and still is the longest wait of a run.
        "jax_persistent_cache_min_compile_time_secs": 0.1,
    }
    for name, value in settings.items():
        if "jax" in sys.modules:
            sys.modules["jax"].config.update(name, value)
        else:  # JAX reads these when it is imported, which `jaxviz --help` never waits for
            os.environ[name.upper()] = str(value)

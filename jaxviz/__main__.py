"""The command line as ``python -m jaxviz``."""

from jaxviz.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()

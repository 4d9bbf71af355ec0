"""Runs commands as a user types them."""

import pytest

from jaxviz import cli


def run(monkeypatch, capsys, *arguments):
    """Runs ``jaxviz …``; returns the exit code, stdout and stderr."""
    monkeypatch.setattr("sys.argv", ["jaxviz", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    output = capsys.readouterr()
    return end.value.code or 0, output.out, output.err

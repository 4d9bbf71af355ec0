"""The page on the command line: every command parses, and quick commands print the output on the page."""

import re
import shlex

import pytest
import typer
from command_line import run
from conftest import ROOT

from jaxviz import cli

TEXT = (ROOT / "docs" / "command-line.md").read_text()
CONSOLE = "".join(re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL))
SHOWN = re.findall(r"^\$ jaxviz (.*)\n((?:(?!\$ ).*\n)*)", CONSOLE, re.MULTILINE)
QUICK = [each for each in SHOWN if each[0].split()[0] in ("layers", "recipes") or each[1].startswith("error")]


@pytest.mark.parametrize("line", [line for line, _ in SHOWN] + re.findall(r"`jaxviz (report .*?)`", TEXT))
def test_commands_are_understood(line):
    name, *arguments = shlex.split(line)
    typer.main.get_command(cli.app).commands[name].make_context(name, arguments)


@pytest.mark.parametrize(("line", "printed"), QUICK)
def test_quick_commands_print_what_stands_there(line, printed, monkeypatch, capsys, tmp_path):
    (tmp_path / "weights").symlink_to(ROOT / "weights")
    monkeypatch.chdir(tmp_path)
    _, out, err = run(monkeypatch, capsys, *shlex.split(line))
    assert out + err == printed


def test_every_command_is_on_the_page():
    assert len(QUICK) == 3
    for name in typer.main.get_command(cli.app).commands:
        assert f"jaxviz {name}" in TEXT

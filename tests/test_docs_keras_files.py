"""The code on the page about Keras files runs as it stands."""

import re

import pytest
from conftest import ROOT

PAGE = (ROOT / "docs" / "keras-files.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("block", "printed"), list(zip(BLOCKS, ["conv2d_1", "dense_3", "(5, 5, 1, 32)"], strict=True)))
def test_python_blocks_run(block, printed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(block, {})
    assert printed in capsys.readouterr().out

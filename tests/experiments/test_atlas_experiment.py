import sys
import types

import numpy as np
import pytest
from PIL import Image

from experiments import atlas, atlas_classes
from jaxviz.values.errors import JaxvizError


class Stub:
    """The first two features in the place of UMAP, which compiles for a minute."""

    def __init__(self, **settings):
        pass

    def fit_transform(self, features):
        return features[:, :2]


def test_an_atlas_of_digits(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stub))
    with np.load(atlas.DIGITS) as digits:
        np.savez(tmp_path / "few.npz", images=digits["images"][:12])
    few = ["--grid", "1", "--zoom", "1", "--steps", "2", "--images", str(tmp_path / "few.npz")]
    atlas.main(["--out", str(tmp_path / "out"), *few])
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"atlas.npz", "atlas.png", "zoom.png", "index.html", "kept"} <= written
    with Image.open(tmp_path / "out" / "zoom.png") as zoomed:
        assert zoomed.size == (28 + 14 + 28, 28)
    assert "of 12 images" in capsys.readouterr().out


def test_photographs_are_named(tmp_path):
    with pytest.raises(JaxvizError, match="no photographs; give their folder by --images"):
        atlas.main(["--network", "photographs", "--out", str(tmp_path)])


def test_classes_are_compared_with_images_that_had_no_part(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Stub))
    with np.load(atlas.DIGITS) as digits:
        np.savez(tmp_path / "few.npz", images=digits["images"][:40], labels=digits["labels"][:40])
    few = ["--images", str(tmp_path / "few.npz")]
    atlas.main(["--out", str(tmp_path), "--grid", "3", "--positions", "4", "--steps", "1", *few])
    capsys.readouterr()
    atlas_classes.main(["--atlas", str(tmp_path / "atlas.npz"), *few])
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line.endswith(":")] == ["effect of the mean:", "gradient times activation:"]
    raised = [float(line.split()[-5]) for line in told if "these images raise" in line]
    assert all(each > 0.5 for each in raised)

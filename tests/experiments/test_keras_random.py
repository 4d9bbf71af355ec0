"""Random networks of all supported classes, in both formats, against Keras at every layer."""

import warnings

import pytest

from experiments.materials import random_keras_networks


@pytest.mark.parametrize("seed", [0, 1, 7, 8])
def test_random_networks_equal_keras(seed, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of what is drawn, such as a softmax over one number
        difference, layer, _ = random_keras_networks.largest_difference(seed, str(tmp_path))
    assert difference < random_keras_networks.BOUND, layer

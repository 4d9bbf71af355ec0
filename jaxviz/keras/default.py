"""The default model: the MNIST network that jaxviz ships."""

from pathlib import Path

from jaxviz.keras.loading import load
from jaxviz.networks.model import Model
from jaxviz.values.errors import JaxvizError

__all__ = ["default_model", "default_path"]


def default_path() -> Path:
    """Returns the path of the shipped Keras file: inside the installed package, or in the checkout's ``weights/``."""
    package = Path(__file__).parent.parent
    for folder in (package / "weights", package.parent / "weights"):
        if (folder / "mnist_cnn.hdf5").is_file():
            return folder / "mnist_cnn.hdf5"
    raise JaxvizError("the default model, weights/mnist_cnn.hdf5, is not installed; reinstall jaxviz-optvis")


def default_model() -> Model:
    """Loads the MNIST network of the 2018 article, trained again: four convolutions, three dense layers, ten digits.

    Example:
      >>> [layer.name for layer in default_model().layers][:3]
      ['conv2d_1', 'conv2d_2', 'max_pooling2d_1']
    """
    return load(default_path())

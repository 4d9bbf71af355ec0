"""Judges: name -> a function that classifies images of digits; no judge is used to make the images."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

import jaxviz
from jaxviz.values.errors import JaxvizError

Judge = Callable[[np.ndarray], np.ndarray]
CLASSIFIERS = {
    "k nearest neighbours": lambda: KNeighborsClassifier(5),
    "perceptron": lambda: MLPClassifier((256,), max_iter=12, random_state=0),
    "support vectors": lambda: SVC(C=5, gamma=0.025, cache_size=2000),
}


def trained(name: str, images: np.ndarray, labels: np.ndarray) -> Judge:
    """Trains a classifier of scikit-learn on raw digits.

    Args:
      name: one of CLASSIFIERS.
      images: ``[n, 28, 28]`` uint8.
      labels: ``[n]``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = CLASSIFIERS[name]().fit(_rows(images / np.float32(255)), labels)
    return lambda shown: classifier.predict(_rows(shown))


def networks(folder: Path) -> dict[str, Judge]:
    """Opens the Keras files of a folder that classify images of 28 x 28 pixels from 0 to 1 into ten classes."""
    found: dict[str, Judge] = {}
    for path in sorted(folder.iterdir()):
        try:
            model = jaxviz.keras.load(path) if path.is_file() else None
        except JaxvizError:
            continue
        if model and model.canvas.shape in ((28, 28, 1), (1, 28, 28)) and model.layer(model.output).channels == 10:
            found[path.name] = _network(model)
    return found


def _network(model: jaxviz.Model) -> Judge:
    def read(shown: np.ndarray) -> np.ndarray:
        scores = np.asarray(model(shown.reshape(-1, *model.canvas.shape))[model.output])
        return scores.reshape(len(shown), 10).argmax(axis=1)

    return read


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)

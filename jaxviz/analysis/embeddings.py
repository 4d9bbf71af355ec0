"""Embeddings: activations -> whitened features -> places in the plane."""

import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from jaxviz.analysis.rows import Rows
from jaxviz.values.errors import JaxvizError

__all__ = ["Embed", "placed", "umap", "whitened"]

Embed = Callable[[Float[np.ndarray, "some features"]], Float[np.ndarray, "some 2"]]
"""Features of some points -> their places in the plane; it gives the same for the same features."""

_FEATURES = 64  # principal components that are kept, at most
_FITTED = 1 << 27  # bytes of activations of which the components are computed
_COMPARED = 1 << 10  # points that are compared with all that are placed at a time
_INSTALL = "an atlas needs scikit-learn and umap-learn; run pip install '.[analysis]'"

# Of the first places and the last along each axis so much is left out before the cells are laid: a few points far from
# all others would leave most cells empty. Carter et al. clip their layouts, too.
_TAIL = 0.01


def whitened(vectors: Rows) -> Float[np.ndarray, "points features"]:
    """Whitens activations: their principal components, the 64 strongest, each with a variance of 1.

    Without it a few strong units, which are active nearly everywhere, decide alone what lies near to what. Where the
    activations take more than 128 MiB, the components are those of a drawn part that takes so much.

    Args:
      vectors: the activations, a row of channels for each.

    Raises:
      JaxvizError: scikit-learn is not installed.
    """
    try:
        from sklearn.decomposition import PCA
    except ImportError as error:
        raise JaxvizError(_INSTALL) from error

    some = _drawn(len(vectors), _FITTED // (4 * vectors.width), seed=0)
    count = min(_FEATURES, len(some), vectors.width)
    components = PCA(count, whiten=True, svd_solver="covariance_eigh").fit(vectors.take(some))
    # Components without variance are noise of the arithmetic.
    kept = components.explained_variance_ > 1e-6 * components.explained_variance_[0]
    features = np.empty((len(vectors), kept.sum()), np.float32)
    for first, block in vectors.blocks():
        features[first : first + len(block)] = components.transform(block)[:, kept]
    return features


def umap(seed: int) -> Embed:
    """Returns UMAP with the settings of Carter et al., in one thread so that it is reproducible.

    Sources: McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection", 2018,
    https://arxiv.org/abs/1802.03426; Carter et al., "Activation Atlas", Distill 2019,
    https://distill.pub/2019/activation-atlas: 20 neighbours, a least distance of 0.01, cosine distances.

    Args:
      seed: of its random draws.

    Raises:
      JaxvizError: umap-learn is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # of a part of it that needs TensorFlow
            from umap import UMAP
    except ImportError as error:
        raise JaxvizError(_INSTALL) from error

    def embed(features: Float[np.ndarray, "some features"]) -> Float[np.ndarray, "some 2"]:
        neighbours = min(20, len(features) - 1)
        found = UMAP(n_neighbors=neighbours, min_dist=0.01, metric="cosine", random_state=seed, n_jobs=1)
        return np.asarray(found.fit_transform(features), np.float32)

    return embed


def placed(
    features: Float[np.ndarray, "points features"], embed: Embed, *, most: int, seed: int
) -> Float[np.ndarray, "points 2"]:
    """Gives every point a place in the unit square.

    ``embed`` places at most so many points, which are drawn. Every other point is put where the nearest of them is, by
    the cosine of their features. So time and memory are bounded, however many points there are.

    Args:
      features: of all points, in the same units.
      embed: places some of them.
      most: how many.
      seed: of the draw.

    Returns:
      Places from 0 to 1 along each axis; the outermost hundredth of the points at each side lies on the edge.
    """
    some = _drawn(len(features), most, seed)
    found = np.asarray(embed(features[some]), np.float32)
    if found.shape != (len(some), 2) or not np.isfinite(found).all():
        raise JaxvizError(f"the embedding gives {found.shape}; give a function that places {len(some)} points, [n, 2]")
    low, high = np.quantile(found, [_TAIL, 1 - _TAIL], axis=0)
    found = np.clip((found - low) / np.maximum(high - low, np.finfo(np.float32).tiny), 0, 1).astype(np.float32)
    if len(some) == len(features):
        return found
    units, near = _units(features[some]), np.empty(len(features), np.int64)
    for first in range(0, len(features), _COMPARED):
        near[first : first + _COMPARED] = (_units(features[first : first + _COMPARED]) @ units.T).argmax(axis=1)
    return found[near]


def _drawn(count: int, most: int, seed: int) -> Int[np.ndarray, " some"]:
    """Draws at most so many of the numbers below ``count``, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng([seed, count]).choice(count, most, replace=False))


def _units(features: Float[np.ndarray, "some features"]) -> Float[np.ndarray, "some features"]:
    """Returns features of the length 1."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)

"""Small visualizations for the tests of figures and notebooks."""

import numpy as np

import jaxviz
from jaxviz.networks.layer import Canvas


def visualization(count, labels=None, channels=1, channel_axis=-1, frames=None):
    """Random images; number 1 never moved, number 2 scored 0. Frames fade from black to the image."""
    pictures = np.random.default_rng(0).random((count, 28, 28, channels)).astype(np.float32)
    starts = np.zeros_like(pictures)
    starts[1:2] = pictures[1:2]
    final = np.ones(count, np.float32)
    final[2:3] = 0
    if channel_axis == 0:
        pictures, starts = np.moveaxis(pictures, -1, 1), np.moveaxis(starts, -1, 1)
    fade = None if frames is None else np.linspace(0, 1, frames, dtype=np.float32)
    return jaxviz.Visualization(
        images=pictures,
        starts=starts,
        scores=np.zeros((count, 3), np.float32),
        final_scores=final,
        labels=tuple(labels or [f"conv:{index}" for index in range(count)]),
        canvas=Canvas(shape=pictures.shape[1:], channel_axis=channel_axis),
        provenance={"recipe": "seed"},
        frames=None if fade is None else np.einsum("f,n...->nf...", fade, pictures),
    )

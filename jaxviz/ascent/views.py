"""Views: (key, image, step) -> the image as the network sees it at that step."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxviz.ascent.parts import transformed
from jaxviz.networks.layer import Canvas
from jaxviz.recipes import Recipe
from jaxviz.recipes.schedules import at_step
from jaxviz.values.own_functions import name_of

__all__ = ["channels_last", "counted", "fitted", "in_layout", "plain_view", "view"]


def view(
    recipe: Recipe, key: Array, image: Float[Array, "..."], step: Int[Array, ""] | int, canvas: Canvas
) -> Float[Array, "..."]:
    """Applies a recipe's transforms to an image, each with a key of its own, and brings it back to the canvas's size.

    The image itself is not changed: the shift of one step does not affect the next step.

    Args:
      recipe: whose transforms to apply, one after the other.
      key: the key of this view.
      image: channels last.
      step: steps made before, for what changes over them.
      canvas: the image that the network takes, channels last.

    Raises:
      JaxvizError: a transform fails, or gives other axes or channels than those of the image.
    """
    if not recipe.transforms:
        return plain_view(image, canvas)
    seen = counted(recipe, image, canvas)
    for number, transform in enumerate(recipe.transforms):
        now = at_step(transform, step, recipe.steps)
        seen = transformed(now, name_of(transform), jax.random.fold_in(key, number), seen, canvas)
    if recipe.units == "range":
        seen = _scaled(seen, canvas, canvas.low, canvas.high - canvas.low)
    return plain_view(seen, canvas)


def counted(recipe: Recipe, image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
    """Returns an image in the units that a recipe's transforms and penalties count in."""
    if recipe.units == "pixels":
        return image
    return _scaled(image, canvas, -canvas.low / (canvas.high - canvas.low), 1 / (canvas.high - canvas.low))


def plain_view(image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
    """Brings an image to the size of the canvas; one with an alpha channel too many over the middle of its range."""
    if _has_opacity(image, canvas):
        opacity = image[..., -1:]
        image = image[..., :-1] * opacity + (canvas.low + canvas.high) / 2 * (1 - opacity)
    return fitted(image, canvas.shape)


def fitted(image: Float[Array, "..."], shape: Sequence[int]) -> Float[Array, "..."]:
    """Cuts the middle of an image out, or repeats its edge around it, where its sides are not those asked for."""
    for axis, (have, want) in enumerate(zip(image.shape[:-1], shape[:-1], strict=True)):
        if have > want:
            image = jax.lax.slice_in_dim(image, (have - want) // 2, (have - want) // 2 + want, axis=axis)
        elif have < want:
            before = (want - have) // 2
            widths = [(before, want - have - before) if one == axis else (0, 0) for one in range(image.ndim)]
            image = jnp.pad(image, widths, mode="edge")
    return image


def channels_last(canvas: Canvas) -> Canvas:
    """Returns the canvas of the same images with their channels last."""
    if canvas.channel_axis == -1:
        return canvas
    moved = (*canvas.shape[1:], canvas.shape[0])
    return Canvas(shape=moved, low=canvas.low, high=canvas.high)


def in_layout(image: Float[Array, "..."], canvas: Canvas) -> Float[Array, "..."]:
    """Brings an image whose channels are last into the canvas's own layout."""
    return image if canvas.channel_axis == -1 else jnp.moveaxis(image, -1, canvas.channel_axis)


def _scaled(image: Float[Array, "..."], canvas: Canvas, offset: float, factor: float) -> Float[Array, "..."]:
    """Returns ``offset + factor * image``; an opacity, one channel more than the canvas has, stays as it is."""
    if (offset, factor) == (0, 1):
        return image
    scaled = offset + factor * image
    return jnp.concatenate([scaled[..., :-1], image[..., -1:]], -1) if _has_opacity(image, canvas) else scaled


def _has_opacity(image: Float[Array, "..."], canvas: Canvas) -> bool:
    return image.shape[-1] == canvas.shape[-1] + 1

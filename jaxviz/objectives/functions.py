"""Functions: any function of activations as an objective."""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxviz.networks.activations import Activations
from jaxviz.networks.model import Model
from jaxviz.objectives.base import Objective
from jaxviz.objectives.labels import numbered
from jaxviz.values.contents import contents
from jaxviz.values.errors import JaxvizError
from jaxviz.values.own_functions import name_of, takes
from jaxviz.values.texts import Texts

__all__ = ["function"]


@partial(jax.tree_util.register_dataclass, data_fields=["parameters"], meta_fields=["score", "names", "contents"])
@dataclasses.dataclass(frozen=True)
class Function(Objective):
    """A function of activations."""

    score: Callable[..., Float[Array, ""]]
    parameters: PyTree = None  # leaves [n, …]
    names: Texts | None = None  # the labels, where they are given
    contents: tuple[Hashable, ...] = ()  # of the function, when it was resolved: what it read is in its program

    def __call__(self, activations: Activations) -> Float[Array, ""]:
        return self._asked(self.parameters)(activations)

    def resolve(self, model: Model) -> "Function":
        given = ("activations",) if self.parameters is None else ("activations", "parameters")
        if not takes(self.score, len(given)):
            raise JaxvizError(f"the objective {self._name}: give a function of {' and '.join(given)}")
        parameters = jax.tree.map(np.asarray, self.parameters)
        counts = {leaf.shape[0] if leaf.ndim else 0 for leaf in jax.tree.leaves(parameters)}
        if len(counts - {1}) > 1 or 0 in counts:
            found = ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(parameters))
            raise JaxvizError(f"parameters of shapes {found}; give each a leading axis, of one length")
        image = jax.ShapeDtypeStruct(model.canvas.shape, jnp.float32)
        question = self._asked(jax.tree.map(lambda leaf: np.asarray(leaf[0]), parameters))
        answer = jax.eval_shape(lambda image: model.ask(image, question), image)
        if getattr(answer, "shape", None) != ():
            shape = getattr(answer, "shape", type(answer).__name__)
            raise JaxvizError(f"the objective {self._name} gives {shape}, not one number; take a mean or a sum")
        if not jnp.issubdtype(answer.dtype, jnp.floating):
            raise JaxvizError(f"the objective {self._name} gives {answer.dtype}, which has no gradient")
        resolved = Function(self.score, parameters, self.names, contents(self.score))
        rows = resolved._rows
        if self.names is not None and len(self.names.texts) != rows:
            raise JaxvizError(
                f"{len(self.names.texts)} labels for {rows} objectives of {self._name}; give one for each"
            )
        return resolved

    def layers(self) -> tuple[str, ...]:
        return ()

    def labels(self) -> list[str]:
        return list(self.names.texts) if self.names is not None else numbered(self._name, self._rows)

    def units(self, model: Model) -> int | None:
        del model
        return len(self.labels())

    def _asked(self, parameters: PyTree) -> Callable[[Activations], Array]:
        return self.score if parameters is None else lambda activations: self.score(activations, parameters)

    @property
    def _rows(self) -> int:
        return max((len(leaf) for leaf in jax.tree.leaves(self.parameters)), default=1)

    @property
    def _name(self) -> str:
        return name_of(self.score)


def function(
    score: Callable[..., Float[Array, ""]], parameters: PyTree = None, *, labels: Sequence[str] | None = None
) -> Objective:
    """Maximises a function of one image's activations, such as ``lambda a: a["dense_2"][:8].sum()``.

    Args:
      score: ``score(activations)``, or ``score(activations, parameters)`` if there are parameters, returns a scalar;
        ``activations`` maps layer name -> array. The same function is compiled once, and again when a variable that
        it reads has changed.
      parameters: a tree of arrays ``[n, …]`` for a batch; the function sees one row of each.
      labels: what each of the batch is called; the function's name and a number when left out.

    Raises:
      JaxvizError: (when resolved) the function fails or returns something else, the parameters have different leading
        axes, or the labels are of another number.

    Example:
      >>> import numpy as np
      >>> def contrast(activations, pair):
      ...     return activations["dense_2"][pair[0]] - activations["dense_2"][pair[1]]
      >>> function(contrast, np.array([[0, 1], [5, 9]])).labels()
      ['contrast 0', 'contrast 1']
      >>> function(contrast, np.array([[0, 1], [5, 9]]), labels=["0 not 1", "5 not 9"]).labels()
      ['0 not 1', '5 not 9']
    """
    if labels is None:
        return Function(score, parameters)
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise JaxvizError(f"labels {labels!r}: give a text for each of the batch")
    return Function(score, parameters, Texts(tuple(labels)))

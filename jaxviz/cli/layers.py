"""``jaxviz layers``: what is inside a model file."""

from jaxviz.cli.options import Architecture, AsJson, ModelFile
from jaxviz.cli.printing import print_json, print_table

__all__ = ["layers"]


def layers(file: ModelFile, architecture: Architecture = None, as_json: AsJson = False) -> None:
    """List what is inside a model file: each layer's name, class, output shape and number of channels."""
    from jaxviz import keras

    model = keras.load(file, architecture=architecture)
    if as_json:
        canvas = {"shape": model.canvas.shape, "low": model.canvas.low, "high": model.canvas.high}
        canvas |= {"is_assumed": model.canvas.is_assumed}
        found = [
            {"name": one.name, "class": one.description, "output_shape": one.output_shape, "channels": one.channels}
            for one in model.layers
        ]
        print_json({"file": str(file), "input": canvas, "layers": found})
        return
    rows = [(one.name, one.description, _shape(one.output_shape), str(one.channels or "-")) for one in model.layers]
    print_table(
        rows,
        headings=("layer", "class", ">output", ">channels"),
        title=f"{file.name}: input {_shape(model.canvas.shape)}, from {model.canvas.low:g} to {model.canvas.high:g}"
        + (" (an assumption; state it by --preprocessing)" if model.canvas.is_assumed else ""),
    )


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

"""``jaxviz layers``: the layers of a model file."""

from pathlib import Path

from jaxviz.cli.models import load
from jaxviz.cli.options import Architecture, AsJson, ClassNames, Custom, InputShape, ModelFile, PreprocessingName
from jaxviz.cli.printing import print_json, print_table

__all__ = ["layers"]


def layers(
    file: ModelFile,
    architecture: Architecture = None,
    preprocessing: PreprocessingName = None,
    input_shape: InputShape = None,
    custom: Custom = None,
    class_names: ClassNames = None,
    as_json: AsJson = False,
) -> None:
    """List the layers of a model: name, class, output shape and number of channels."""
    model = load(
        file,
        architecture=architecture,
        preprocessing=preprocessing,
        input_shape=input_shape,
        custom=custom,
        class_names=class_names,
    )
    if as_json:
        canvas = {"shape": model.canvas.shape, "low": model.canvas.low, "high": model.canvas.high}
        canvas |= {"is_assumed": model.canvas.is_assumed}
        found = [
            {"name": one.name, "class": one.description, "output_shape": one.output_shape, "channels": one.channels}
            for one in model.layers
        ]
        print_json({"file": file, "input": canvas, "layers": found})
        return
    rows = [(one.name, one.description, _shape(one.output_shape), str(one.channels or "-")) for one in model.layers]
    title = f"{Path(file).name}: input {_shape(model.canvas.shape)}, from {model.canvas.low:g} to {model.canvas.high:g}"
    print_table(rows, headings=("layer", "class", ">output", ">channels"), title=title)
    if model.canvas.is_assumed:
        print(model.canvas.assumption)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

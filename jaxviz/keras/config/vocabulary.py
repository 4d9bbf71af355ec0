"""Vocabulary: the names that each Keras version gives layers and settings -> the names of Keras 3."""

from collections.abc import Mapping

__all__ = ["MERGE_MODES", "translate"]

_OPERATIONS = ("keras.src.ops", "keras.ops", "keras.src.activations", "keras.src.backend")
_KERAS = ("keras", "tf_keras", "tensorflow", "builtins")

_CLASSES = {
    # Keras 1
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
    # tf.keras
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
}

MERGE_MODES = {
    "ave": "Average",
    "concat": "Concatenate",
    "cos": "Dot",
    "dot": "Dot",
    "max": "Maximum",
    "min": "Minimum",
    "mul": "Multiply",
    "sum": "Add",
}
"""How Keras 1's Merge merges -> the layer that does the same."""

# Keras 1's name of a setting -> Keras 3's.
_SETTINGS = {
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "filter_length": "kernel_size",
    "nb_filter": "filters",
    "pool_length": "pool_size",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}
_SIZES = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
_LAYOUTS = {"th": "channels_first", "tf": "channels_last"}


def translate(entry: Mapping, keras_major: int) -> tuple[str, Mapping, bool]:
    """Returns the class of a layer and its settings in Keras 3's words, and whether the class is the caller's own.

    Args:
      entry: the layer's entry, with its class and its settings.
      keras_major: the major version of the Keras that wrote it.
    """
    kind, settings, module = str(entry["class_name"]), entry["config"], str(entry.get("module") or "keras")
    # Keras 3 drops the module in HDF5, but only layers have these settings.
    is_no_layer = keras_major >= 3 and "module" not in entry and not {"trainable", "dtype"} & settings.keys()
    if module.startswith(_OPERATIONS) or is_no_layer:
        return f"ops.{kind}", settings, False
    registered = str(entry.get("registered_name") or "")
    if ">" in registered or ">" in kind or not module.startswith(_KERAS):
        return kind, settings, True
    inner = settings.get("layer")
    if kind == "SpectralNormalization" and isinstance(inner, Mapping) and isinstance(inner.get("config"), Mapping):
        return kind, {**inner["config"], "wrapped": inner.get("class_name")}, False
    if kind == "Merge":
        return _merge(settings)
    return _CLASSES.get(kind, kind), _modern(kind, settings), False


def _modern(kind: str, settings: Mapping) -> Mapping:
    """Gives Keras 1's settings the names and forms of later ones; those of later ones stay."""
    modern = {_SETTINGS.get(name, name): value for name, value in settings.items()}
    for names in _SIZES:
        if all(name in settings for name in names):
            modern["kernel_size"] = [settings[name] for name in names]
    if "data_format" in modern:
        modern["data_format"] = _LAYOUTS.get(str(modern["data_format"]), modern["data_format"])
    if kind in ("Dense", "TimeDistributedDense") and "output_dim" in settings:
        modern["units"] = settings["output_dim"]
    if kind == "UpSampling1D" and "length" in settings:
        modern["size"] = settings["length"]
    return modern


def _merge(settings: Mapping) -> tuple[str, Mapping, bool]:
    """Keras 1's Merge: one layer for all ways to merge, named by its mode."""
    mode = settings.get("mode")
    if mode == "concat":
        return "Concatenate", {"axis": settings.get("concat_axis", -1)}, False
    if mode in ("dot", "cos"):
        return "Dot", {"axes": settings.get("dot_axes", -1), "normalize": mode == "cos"}, False
    if isinstance(mode, str) and mode in MERGE_MODES:
        return MERGE_MODES[mode], {}, False
    return "Merge", settings, True  # it merges by code of the caller's

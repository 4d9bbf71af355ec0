import pytest

from jaxviz.keras.assembly.families import preprocessing_of
from jaxviz.networks.preprocessing import NAMED, Preprocessing

MEAN_OF_BYTES = [123.7, 116.3, 103.5]
INPUT = ("InputLayer", {})
EXPECTED = {**NAMED, None: Preprocessing(is_assumed=True)}


def first_layers(model):
    return [(type(layer).__name__, layer.get_config()) for layer in model.layers]


# The smallest of keras.applications; it takes seconds to build one.
@pytest.mark.parametrize(("maker", "expected"), [("VGG16", "caffe"), ("MobileNet", "-1-1")])
def test_keras_applications(maker, expected):
    import keras

    model = getattr(keras.applications, maker)(weights=None, include_top=False, input_shape=(32, 32, 3))
    assert preprocessing_of([model.name], first_layers(model), 3) is NAMED[expected]


def test_the_layers_are_believed_before_the_name():
    rescaling = ("Rescaling", {"scale": 1 / 127.5, "offset": -1.0})
    assert preprocessing_of(["MobileNetV3Small"], [INPUT, rescaling, ("Conv2D", {})], 3) is NAMED["0-255"]
    assert preprocessing_of(["MobileNetV3Small"], [INPUT, ("Conv2D", {})], 3) is NAMED["-1-1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [(name, "caffe") for name in ("vgg16", "vgg19", "resnet50", "resnet101", "resnet152")]
    + [(name, "torch") for name in ("densenet121", "densenet169", "densenet201")]
    + [(name, "-1-1") for name in ("resnet50v2", "resnet101v2", "resnet152v2", "mobilenet_0.50_160", "xception")]
    + [(name, "-1-1") for name in ("mobilenetv2_1.00_224", "inception_v3", "inception_resnet_v2", "nasnet_mobile")]
    + [(name, "-1-1") for name in ("NASNet", "MobileNetV3Large", "efficientnetv2-b0", "efficientnetv2-s")]
    + [(name, None) for name in ("sequential", "model_1", "my_vgg16", "resnet50_on_digits", "convnext_tiny", "")],
)
def test_names(name, expected):
    assert preprocessing_of([name], [("InputLayer", {}), ("Conv2D", {"filters": 3})], 3) == EXPECTED[expected]


def test_grey_images_follow_no_convention_of_colours():
    assert preprocessing_of(["vgg16"], [("InputLayer", {}), ("Conv2D", {})], 1) == NAMED["0-1"]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([INPUT, ("Rescaling", {"scale": 1 / 255, "offset": 0.0})], "0-255"),
        ([("Rescaling", {"scale": 1 / 127.5, "offset": -1})], "0-255"),
        ([INPUT, ("Rescaling", {"scale": [0.003, 0.004, 0.005]})], "0-255"),
        ([INPUT, ("Rescaling", {"scale": {"class_name": "__numpy__", "config": {"value": [0.003]}}})], "0-255"),
        ([INPUT, ("Rescaling", {"scale": 2.0, "offset": -1.0})], "0-1"),
        ([INPUT, ("Rescaling", {"scale": 255.0})], "0-1"),
        ([INPUT, ("Rescaling", {"scale": "many"})], "0-1"),
        ([INPUT, ("Rescaling", {})], "0-1"),
        ([INPUT, ("RandomFlip", {}), ("RandomZoom", {}), ("Rescaling", {"scale": 1 / 255})], "0-255"),
        ([INPUT, ("Resizing", {}), ("ZeroPadding2D", {}), ("Rescaling", {"scale": 1 / 255})], "0-255"),
        ([INPUT, ("Conv2D", {}), ("Rescaling", {"scale": 1 / 255})], None),
        ([INPUT, ("Normalization", {"mean": MEAN_OF_BYTES, "variance": [1, 1, 1]})], "0-255"),
        ([INPUT, ("Normalization", {"mean": [0.485, 0.456, 0.406]})], "0-1"),
        ([INPUT, ("Normalization", {"mean": None}), ("Rescaling", {"scale": 1 / 255})], "0-255"),
        ([INPUT, ("Normalization", {"mean": None}), ("Conv2D", {})], None),
        ([], None),
    ],
)
def test_first_layers(layers, expected):
    assert preprocessing_of(["sequential"], layers, 3) == EXPECTED[expected]

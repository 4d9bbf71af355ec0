"""Untrusted files: stated sizes, links, and the child process that reads the files."""

import json
import os
import warnings
import zipfile

import h5py
import numpy as np
import pytest

from jaxviz.keras.containers import isolated, limits, read_archive, read_hdf5, zips
from jaxviz.values.errors import ModelFileError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


def write(path, change):
    with h5py.File(path, "w") as file:
        change(file)
    return path


def refusal(path, read=read_hdf5):
    with pytest.raises(ModelFileError) as error:
        read(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(f"{path}").lstrip(": ")


def test_a_file_as_plain_values(path):
    def change(file):
        file.attrs["text"], file.attrs["texts"], file.attrs["none"] = "é", [b"a", b"b"], []
        file.attrs["number"] = 3
        file["a/b"] = np.arange(6).reshape(2, 3)
        file["a/half"] = np.float16([0.5])
        file["a/flags"] = [True, False]
        file["a/one"], file["a/nothing"] = 7.0, np.zeros((0, 3))
        file["skipped/x"] = "text"

    tree = read_hdf5(write(path, change), skip=["skipped"])
    assert tree.attributes == {"text": "é", "texts": ("a", "b"), "none": ()}
    assert list(tree.groups) == ["a"]
    assert {name: array.tolist() for name, array in tree.groups["a"].arrays.items()} == {
        "b": [[0, 1, 2], [3, 4, 5]],
        "half": [0.5],
        "flags": [1, 0],
        "one": 7,
        "nothing": [],
    }
    assert {array.dtype for array in tree.groups["a"].arrays.values()} == {np.dtype("f4")}
    np.testing.assert_array_equal(tree.find("a//b"), np.arange(6).reshape(2, 3))
    assert tree.find("a/b/c") is tree.find("../a") is None


@pytest.mark.parametrize(
    "options", [{"compression": "gzip"}, {"compression": "lzf", "shuffle": True}, {"fletcher32": True}]
)
def test_what_h5py_packs_itself_is_unpacked(path, options):
    values = np.random.default_rng(0).normal(size=(50, 50)).astype(np.float32)
    write(path, lambda file: file.create_dataset("x", data=values, chunks=(7, 50), **options))
    np.testing.assert_array_equal(read_hdf5(path).arrays["x"], values)


LINKS = "is a link to elsewhere, which is not followed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.__setitem__("a", h5py.SoftLink("/")), f"'a' {LINKS}"),
        (lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "/")), f"'a' {LINKS}"),
        (lambda file: file.create_group("a/b").__setitem__("c", file["a"]), "'a/b/c' is there twice"),
        (lambda file: file.create_group("a").__setitem__("root", file), "'a/root' is there twice"),
        (lambda file: file.create_group("/".join("a" * 150)), "its groups are nested more than 100 deep"),
        (lambda file: file.__setitem__("a", np.dtype("f4")), "'a' is neither a group nor an array"),
        (lambda file: file.__setitem__("a", "text"), "'a' holds object, not numbers"),
        (lambda file: file.__setitem__("a", np.complex64([1])), "'a' holds complex64, not numbers"),
        (lambda file: file.__setitem__("a", h5py.Empty("f4")), "'a' is empty"),
        (lambda file: file.__setitem__("a", np.float64([1e300])), "'a' holds 1 values that are NaN or infinite"),
        (
            lambda file: file.create_virtual_dataset("a", h5py.VirtualLayout((3,), "f4")),
            "'a' stores its numbers in another file, which is not read",
        ),
        (
            lambda file: file.create_dataset("a", (3,), "f4", external=[("/etc/passwd", 0, 12)]),
            "'a' stores its numbers in another file, which is not read",
        ),
        (lambda file: file.create_dataset("a", (1 << 40,), "f4"), "'a' claims 4,398,046,511,104 bytes and stores 0"),
        (
            lambda file: file.create_dataset("a", (1 << 24,), "f4", chunks=(1 << 20,), compression="gzip"),
            "'a' claims 67,108,864 bytes and stores 0",
        ),
        (
            lambda file: [file.create_dataset(f"a{n}", (1 << 21,), "f4", chunks=(1 << 20,)) for n in range(9)],
            "its arrays claim 25,165,824 bytes or more and the file has",
        ),
        (lambda file: file.create_dataset("a", data=np.arange(9), scaleoffset=4), "'a' is packed by filter 6"),
        (
            lambda file: file.attrs.__setitem__("a", np.full(30_000, b"x")),
            "the attribute 'a' is larger than any that Keras",
        ),
        (lambda file: file.attrs.__setitem__("a", b"\xff\xfe"), "it is damaged: 'utf-8' codec can't encode"),
    ],
)
def test_what_is_refused(path, change, message):
    write(path, change)
    assert refusal(path).startswith(message)
    assert read_hdf5(write(path, lambda file: file.create_group("fine"))).groups  # the next file is read normally


def test_a_file_of_very_many_groups(path, monkeypatch):
    def change(file):
        for number in range(21_000):
            file.id.links.create_soft(b"%d" % number, b"/")

    assert refusal(write(path, change)) == "'/' has 21,000 members, more than 20,000"


@pytest.mark.parametrize("size", [0, 7, 96, 500])
def test_what_was_cut_off(path, size):
    write(path, lambda file: file.create_dataset("a", data=np.arange(1000.0)))
    os.truncate(path, size)
    assert refusal(path).startswith("it is damaged: ")


@pytest.fixture
def fresh():
    """A reading process of the test's own."""
    isolated._discard()
    yield
    isolated._discard()


READY = "import sys, struct, time; sys.stdout.buffer.write(struct.pack('<Q', 2) + b'{}'); sys.stdout.flush(); input()\n"


@pytest.mark.parametrize("what", ["raise SystemExit(1)", "import os; os.abort()", "time.sleep(60)", "print('x' * 5)"])
def test_a_process_that_dies_or_sleeps_takes_nobody_along(path, fresh, monkeypatch, what):
    write(path, lambda file: file.create_group("fine"))
    monkeypatch.setattr(limits, "seconds", lambda stored: 0)
    with monkeypatch.context() as patched:
        patched.setattr(isolated, "_CODE", READY + what)
        patched.setattr(isolated, "_PATIENCE", 0.5)
        assert refusal(path) == "is damaged: reading it took too much time or memory"
    assert read_hdf5(path).groups


def test_a_process_that_died_between_two_files_is_started_again(path, fresh):
    write(path, lambda file: file.create_group("fine"))
    assert read_hdf5(path).groups
    isolated._child.kill()
    isolated._child._process.wait()
    assert read_hdf5(path).groups


def test_no_process_can_be_started(path, fresh, monkeypatch):
    write(path, lambda file: file.create_group("fine"))
    monkeypatch.setattr(isolated, "_CODE", "raise SystemExit(1)")
    with pytest.raises(ValueError, match=r"cannot start .* the process that reads files"):
        read_hdf5(path)


def archive(path, entries, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # duplicate names
        with zipfile.ZipFile(path, "w", **options) as file:
            for name, data in entries:
                file.writestr(zipfile.ZipInfo(name), data, options.get("compression"))
    return path


def read(path):
    return read_archive(path, ["config.json"])


def test_the_entries_of_an_archive(path):
    archive(path, [("config.json", b"{}"), ("assets/", b""), ("other", b"x")], compression=zipfile.ZIP_DEFLATED)
    assert read(path) == {"config.json": b"{}", "assets/": None, "other": None}


@pytest.mark.parametrize(
    ("entries", "options", "message"),
    [
        ([("../x", b"")], {}, "its entry '../x' leads out of the archive, which is not allowed"),
        ([("a/../../x", b"")], {}, "its entry 'a/../../x' leads out of the archive"),
        ([("/etc/x", b"")], {}, "its entry '/etc/x' leads out of the archive"),
        ([("C:\\x", b"")], {}, "its entry 'C:\\\\x' leads out of the archive"),
        ([("x", b""), ("x", b"")], {}, "its entry 'x' is there twice"),
        ([("x", b"")], {"compression": zipfile.ZIP_LZMA}, "its entry 'x' is compressed by method 14"),
        ([("x", bytes(1 << 25))], {"compression": zipfile.ZIP_DEFLATED}, "its entries claim 33,554,432 bytes and the"),
        ([(str(n), b"") for n in range(20_001)], {}, "it has 20,001 entries, more than 20,000"),
    ],
)
def test_archives_that_are_refused(path, entries, options, message):
    assert refusal(archive(path, entries, **options), read).startswith(message)


def test_entries_that_are_links_or_encrypted(path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(link, "/etc/passwd")
    assert refusal(path, read) == "its entry 'link' is a link, which is not followed"
    data = bytearray(archive(path, [("x", b"x")]).read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    assert refusal(path, read) == "its entry 'x' is encrypted; save the model without a password"


def test_an_entry_that_is_not_what_it_claims(path):
    data = bytearray(archive(path, [("config.json", b"{}" * 50)]).read_bytes())
    data[data.index(b"{}")] = ord("x")
    path.write_bytes(data)
    assert refusal(path, read).startswith("it is damaged: Bad CRC-32")
    path.write_bytes(b"PK\3\4" + bytes(100))
    assert refusal(path, read) == "it is damaged: File is not a zip file"


def test_an_entry_that_is_too_long(path):
    archive(path, [("config.json", json.dumps("x" * 100).encode())])
    with pytest.raises(ModelFileError, match=r"its entry 'config\.json' has 102 bytes, more than 50"):
        read_archive(path, ["config.json"], most=50)


def test_an_hdf5_file_inside_an_archive(path, tmp_path):
    write(path, lambda file: file.create_dataset("a", data=[1.0, 2.0]))
    inside = archive(tmp_path / "archive", [("weights", path.read_bytes())], compression=zipfile.ZIP_DEFLATED)
    assert read_hdf5(inside, entry="weights").arrays["a"].tolist() == [1, 2]
    with open(inside, "rb") as file:
        assert zips.sizes(file) == {"weights": path.stat().st_size}
    assert sorted(os.listdir(tmp_path)) == ["archive", "file"]  # nothing was unpacked to disk

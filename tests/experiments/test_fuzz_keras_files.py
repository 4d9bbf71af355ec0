"""A few hundred damaged files, each opened or refused; ``experiments.fuzz_keras_files`` runs through many more."""

import warnings

import pytest

from experiments import fuzz_keras_files
from experiments.materials.keras_mutants import mutant
from experiments.materials.small_keras_files import SEEDS


@pytest.mark.parametrize("first", range(0, 240, 40))
def test_damaged_files_are_opened_or_refused(first, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that no float32 can hold
        outcomes = [fuzz_keras_files.load_one(number, tmp_path) for number in range(first, first + 40)]
    assert [outcome for outcome in outcomes if outcome.failed] == []
    assert {"opened", "refused"} <= {outcome.result for outcome in outcomes}


def test_a_number_makes_the_same_file_again(tmp_path):
    kinds = set()
    for number in range(60):
        first, kind = mutant(number, tmp_path / f"{number}a")
        again, _ = mutant(number, tmp_path / f"{number}b")
        if first.is_file() and "tree" not in kind:  # HDF5 keeps the time in some of its objects
            assert first.read_bytes() == again.read_bytes()
        kinds.add(kind.partition(":")[0])
    assert kinds == set(SEEDS)


def test_failures_are_counted_and_kept(tmp_path, monkeypatch, capsys):
    failed = fuzz_keras_files.Outcome(3, "hdf5: bytes", "KeyError: 'x'", 0.1)
    fine = fuzz_keras_files.Outcome(4, "hdf5: bytes", "refused", 0.1)
    monkeypatch.setattr(fuzz_keras_files, "fuzz", lambda *_: [failed, fine])
    with pytest.raises(ValueError, match="1 files failed; they are in"):
        fuzz_keras_files.main(["--out", str(tmp_path / "out")])
    assert "3  hdf5: bytes  KeyError: 'x'" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["3"]

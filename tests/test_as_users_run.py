"""Repeats the bitwise comparisons and those with other programs under XLA's default optimizations, as users run it."""

import os
import subprocess
import sys

import pytest
from conftest import QUICK, ROOT

TESTS = [
    "keras/test_keras.py::test_the_default_model_equals_keras",
    "test_visualization.py::test_one_alone_equals_one_among_all",
    "experiments/test_seed.py::test_filters_equal_the_loop[conv2d_1]",
]


@pytest.mark.skipif(os.environ["XLA_FLAGS"] != QUICK, reason="all tests run so")
def test_with_all_optimizations():
    """In a process of its own: XLA reads its flags once."""
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            *(f"tests/{test}" for test in TESTS),
        ],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout

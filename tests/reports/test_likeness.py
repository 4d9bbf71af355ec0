"""Orders by likeness."""

import numpy as np

from jaxviz.reports.likeness import order_by_likeness


def test_units_alike_are_neighbours():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 40))
    kinds = rng.integers(0, 5, 60)
    features = centres[kinds] + 0.1 * rng.normal(size=(60, 40))
    order = order_by_likeness(features)
    assert sorted(order.tolist()) == list(range(60))
    assert (np.diff(kinds[order]) != 0).sum() == 4


def test_scale_makes_no_difference():
    features = np.random.default_rng(0).normal(size=(20, 8))
    scaled = features * np.random.default_rng(1).uniform(0.1, 9, (20, 1))
    np.testing.assert_array_equal(order_by_likeness(features), order_by_likeness(scaled))


def test_what_cannot_be_compared_comes_last():
    features = np.eye(4) + 0.1
    features[1] = 0
    features[2, 0] = np.nan
    assert order_by_likeness(features).tolist()[2:] == [1, 2]
    assert order_by_likeness(np.zeros((3, 2))).tolist() == [0, 1, 2]


def test_long_rows_are_projected():
    rng = np.random.default_rng(0)
    kinds = np.arange(12) % 3
    features = rng.normal(size=(3, 3000))[kinds] + 0.3 * rng.normal(size=(12, 3000))
    assert (np.diff(kinds[order_by_likeness(features)]) != 0).sum() == 2

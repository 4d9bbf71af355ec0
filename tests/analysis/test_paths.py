import itertools

import numpy as np
import pytest

from jaxviz.analysis import paths
from jaxviz.values.errors import JaxvizError


def test_paths_are_the_largest_of_all_products():
    rng = np.random.default_rng(3)
    steps = [rng.normal(size=shape) for shape in ((3, 4), (4, 5), (5, 2))]
    every = sorted(
        (
            (steps[0][1, a] * steps[1][a, b] * steps[2][b, c], (1, a, b, c))
            for a, b, c in itertools.product(range(4), range(5), range(2))
        ),
        key=lambda way: -abs(way[0]),
    )
    found = paths(steps, 1, 7)
    assert [path.units for path in found] == [units for _, units in every[:7]]
    np.testing.assert_allclose([path.weight for path in found], [weight for weight, _ in every[:7]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: paths([], 0), "0 steps and 8 paths: give one or more of each"),
        (lambda: paths([np.ones((2, 3))], 2), "unit 2 is out of range; there are 0 to 1"),
        (lambda: paths([np.ones((2, 3)), np.ones((4, 1))], 0), "step 0 ends at 3 units and step 1 begins at 4; give"),
    ],
)
def test_wrong_paths(make, message):
    with pytest.raises(JaxvizError, match=message):
        make()

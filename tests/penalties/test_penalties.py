import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxviz import penalties
from jaxviz.penalties import L1, L2, BlurDifference, Border, CentreOfMass, Linf, Lp, Midtones, TotalVariation
from jaxviz.values.deferral import deferred
from jaxviz.values.errors import JaxvizError

EXAMPLES = [
    BlurDifference(2),
    Border(2, 1),
    CentreOfMass(2, about=0.3),
    L1(2),
    L2(2, about=0.5),
    Linf(2),
    Lp(2, p=6),
    Lp(2, p=1),
    Midtones(2),
    Midtones(2, low=-3, high=2),
    TotalVariation(2),
    TotalVariation(2, beta=1.5),
    TotalVariation(2, beta=2),
]
EVERY = pytest.mark.parametrize("penalty", EXAMPLES, ids=str)


def pictured(*rows):
    return jnp.array(rows, jnp.float32)[..., None]


def test_every_exported_penalty_has_an_example():
    assert {getattr(penalties, name) for name in penalties.__all__} - {penalties.Penalty} == {*map(type, EXAMPLES)}


@EVERY
def test_every_penalty(penalty):
    """Equal by value; of any rank; 0 or more; its gradient finite, where the image is flat too; weights scale it."""
    assert isinstance(penalty, penalties.Penalty)
    assert hash(dataclasses.replace(penalty)) == hash(penalty)
    assert dataclasses.replace(penalty) == penalty

    @jax.jit
    def measured(image, weight):
        return jax.value_and_grad(dataclasses.replace(penalty, weight=weight))(image)

    for spatial in ((7,), (7, 6), (5, 4, 6)):
        image = jax.random.normal(jax.random.key(1), (*spatial, 2))
        value, gradient = measured(image, 2.0)
        assert value > 0
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(measured(image, 6.0)[0], 3 * value, rtol=1e-5)
        for flat in (0.0, 0.5):
            value, gradient = measured(jnp.full((*spatial, 2), flat), 2.0)
            assert value >= 0
            assert np.isfinite(gradient).all()
            assert np.isfinite(measured(image * 1e4, 2.0)[1]).all()


@EVERY
def test_what_is_refused(penalty):
    with pytest.raises(JaxvizError, match=rf"{type(penalty).__name__}\(weight=-1\): give 0 or more"):
        dataclasses.replace(penalty, weight=-1)
    dataclasses.replace(penalty, weight=deferred(float, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lp(1, p=0.5), r"Lp\(p=0.5\): give 1 or more"),
        (lambda: TotalVariation(1, beta=0), r"TotalVariation\(beta=0\): give 1 or more"),
        (lambda: BlurDifference(1, width=4), r"BlurDifference\(width=4\): give an odd number"),
        (lambda: Midtones(1, low=0.5, high=0.5), r"Midtones\(high=0.5\): give more than 0.5"),
        (lambda: Border(1, 0), r"Border\(width=0\): give a whole number, 1 or more"),
    ],
)
def test_other_refusals(make, message):
    with pytest.raises(JaxvizError, match=message):
        make()


def test_norms():
    """The constants that xplique publishes of its own: means, not sums."""
    image = pictured([-4, 4])
    assert L1(1)(image) == 4
    assert L2(2)(image) == 8
    assert Linf(10)(image) == 40
    np.testing.assert_allclose(Lp(1, p=6)(image), 4, rtol=1e-6)
    np.testing.assert_allclose(Lp(1, p=3)(pictured([1, 2])), (9 / 2) ** (1 / 3), rtol=1e-6)
    np.testing.assert_allclose(Lp(1, p=2)(pictured([1, 2])), L2(1)(pictured([1, 2])), rtol=1e-6)


def test_norms_about_something_else():
    assert L1(1, about=4)(pictured([-4, 4])) == 4
    image = pictured([1, 2])
    about = L2(1, about=np.array([[[0.0], [5.0]]], np.float32))
    np.testing.assert_allclose(about(image), np.sqrt(10 / 2), rtol=1e-6)
    assert about == L2(1, about=np.array([[[0.0], [5.0]]], np.float32))
    assert hash(about) == hash(L2(1, about=jnp.array([[[0.0], [5.0]]])))
    assert about != L2(1, about=np.array([[[0.0], [6.0]]], np.float32))


def test_total_variation():
    image = pictured([0, 0, 0], [0, 2, 0], [0, 0, 1])
    # Differences of 2, 2 and 1 along each axis: 10 in all, over 9 values. xplique's has no such divisor.
    np.testing.assert_allclose(TotalVariation(9)(image), 10, rtol=1e-6)
    np.testing.assert_allclose(TotalVariation(9, beta=2)(image), 18, rtol=1e-6)
    both = jnp.concatenate([image, image], -1)
    np.testing.assert_allclose(TotalVariation(9)(both), 10, rtol=1e-6)
    assert TotalVariation(1)(jnp.full((3, 3, 2), 7.0)) == 0


def test_the_blur_penalty_is_a_step_towards_the_blurred_image():
    image = pictured([0, 0, 0], [0, 9, 0], [0, 0, 0])
    value, gradient = jax.value_and_grad(BlurDifference(9))(image)
    # The centre weighs 1, its 8 neighbours a half each: 5 in all there, 2.5 in a corner, 3.5 on an edge.
    blurred = np.array([[9 / 5, 9 / 7, 9 / 5], [9 / 7, 9 / 5, 9 / 7], [9 / 5, 9 / 7, 9 / 5]])
    np.testing.assert_allclose(gradient[..., 0], np.asarray(image)[..., 0] - blurred, rtol=1e-5)
    np.testing.assert_allclose(value, ((image[..., 0] - blurred) ** 2).sum() / 2, rtol=1e-5)
    wide = jax.grad(BlurDifference(25, width=5))(jnp.zeros((5, 5, 1)).at[2, 2].set(17))
    np.testing.assert_allclose(wide[2, 2, 0], 16, rtol=1e-5)  # 9 ones and 16 halves: 17


def test_border():
    image = jnp.zeros((4, 5, 1)).at[0, 0].set(3).at[1, 1].set(100)
    np.testing.assert_allclose(Border(1, 1)(image), 9 / 14, rtol=1e-6)
    np.testing.assert_allclose(Border(1, 1, about=1)(image), (4 + 13) / 14, rtol=1e-6)
    np.testing.assert_allclose(Border(1, 9)(image), (9 + 100**2) / 20, rtol=1e-6)


def test_centre_of_mass():
    image = jnp.zeros((5, 5, 1))
    assert CentreOfMass(1)(image) == 0
    np.testing.assert_allclose(CentreOfMass(1)(image.at[0, 4].set(2)), 2, rtol=1e-6)
    np.testing.assert_allclose(CentreOfMass(1)(image.at[2, 3].set(2)), 0.25, rtol=1e-6)
    np.testing.assert_allclose(CentreOfMass(1)(image.at[2, 0].set(2).at[2, 4].set(2)), 0, atol=1e-6)


def test_midtones():
    """Grey costs the full weight; black, white and values beyond them cost nothing."""
    np.testing.assert_allclose(Midtones(3)(pictured([0.5, 0.5])), 3, rtol=1e-6)
    np.testing.assert_allclose(Midtones(1)(pictured([0, 1, -7, 9])), 0, atol=1e-7)
    np.testing.assert_allclose(Midtones(1)(pictured([0.25, 1])), 4 * 0.25 * 0.75 / 2, rtol=1e-6)
    np.testing.assert_allclose(Midtones(1, low=-1, high=3)(pictured([0, 3])), 0.75 / 2, rtol=1e-6)
    slope = jax.grad(Midtones(1))(pictured([0.4, 0.6]))[0, :, 0]
    np.testing.assert_allclose(slope, [0.4, -0.4], rtol=1e-5)  # dark goes up to the middle: a descent darkens it

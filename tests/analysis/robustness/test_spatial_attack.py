"""The worst of a grid, for a model whose answers are known beforehand."""

import pytest
import torch

from torchcaps.analysis.robustness.spatial_attack import spatial_attack
from torchcaps.data import ImageDataset

WRONG = (
    "spatial_attack, grid: expected values for some of degrees, scale, dx, dy, shear, stretch; "
    "got {}; give some, such as degrees=(-30, 0, 30)"
)
SIDEWAYS = {"dx": (0, -1, 1)}


@pytest.fixture
def watcher(rule):
    """Class 0 where a dot is in the last three columns, class 1 elsewhere."""
    model = rule("ink")
    model.classes = ("seen", "not seen")
    model.scores = lambda images: torch.stack(
        [images[..., 6:].sum((1, 2, 3)), torch.full((len(images),), 0.5)], 1
    )
    return model


@pytest.fixture
def near_the_edge():
    """Dots at the left (3 images), in the middle and at the right of the last three columns."""
    images = torch.zeros(5, 1, 9, 9)
    for k, column in enumerate((6, 6, 6, 7, 8)):
        images[k, :, 4, column] = 1
    return ImageDataset(images, torch.zeros(5, dtype=torch.long), ("seen", "not seen"))


def test_each_image_meets_the_transform_that_is_worst_for_it(watcher, near_the_edge):
    """To the left three dots get out of sight, to the right one leaves the image."""
    found = spatial_attack([watcher], near_the_edge, SIDEWAYS, batch_size=2)
    assert found.mean() == pytest.approx({"upright": 100, "least": 40, "everywhere": 20})
    assert found.hardest == [{"dx": -1}]


def test_the_grid_is_every_combination(watcher, near_the_edge):
    grid = {"dx": (0.0, -1.0), "dy": (0.0, 2.0, 9.0)}
    found = spatial_attack([watcher], near_the_edge, grid)
    assert found.least == [0]
    assert found.hardest == [{"dx": 0, "dy": 9}], "the first of those that leave the least"


def test_upright_is_measured_whether_the_grid_has_it_or_not(watcher, near_the_edge):
    found = spatial_attack([watcher], near_the_edge, {"dx": [1]})
    assert (found.upright, found.least, found.everywhere) == ([100], [80], [80])


def test_a_model_that_nothing_moves_loses_nothing(rule, blots):
    assert spatial_attack([rule("ink")], blots, {"degrees": (0, 90)}).mean() == {
        "upright": 100, "least": 100, "everywhere": 100,
    }  # fmt: skip


def test_mean_and_sd_over_seeds(watcher, rule, near_the_edge):
    other = rule("ink")
    other.classes = near_the_edge.classes
    found = spatial_attack([watcher, other], near_the_edge, SIDEWAYS)
    assert found.upright == [100, 100], "rule ink calls anything small class 0"
    assert found.mean() == pytest.approx({"upright": 100, "least": 70, "everywhere": 60})
    sd = {"upright": 0, "least": 60 / 2**0.5, "everywhere": 80 / 2**0.5}
    assert found.sd() == pytest.approx(sd)
    assert spatial_attack([watcher], near_the_edge, SIDEWAYS).sd() == dict.fromkeys(sd, 0)


@pytest.mark.parametrize("training", [True, False])
def test_a_model_stays_in_the_mode_it_was_in(watcher, near_the_edge, training):
    spatial_attack([watcher.train(training)], near_the_edge, SIDEWAYS)
    assert watcher.training is training


@pytest.mark.parametrize("grid", [{}, {"dx": ()}, {"turn": (3.0,)}])
def test_a_grid_of_nothing_or_of_something_else_is_refused(watcher, near_the_edge, grid):
    with pytest.raises(ValueError, match="spatial_attack, grid") as error:
        spatial_attack([watcher], near_the_edge, grid)
    assert str(error.value) == WRONG.format(grid)


def test_classes_are_matched_by_name(watcher, near_the_edge):
    swapped = ImageDataset(near_the_edge.images, near_the_edge.labels + 1, ("not seen", "seen"))
    assert spatial_attack([watcher], swapped) == spatial_attack([watcher], near_the_edge)

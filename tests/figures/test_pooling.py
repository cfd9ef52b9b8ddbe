"""Pools side by side, and dots where the numbers are."""

from typing import Any

import pytest
import torch

from torchcaps.analysis.representation.pooling import POOLS, PoolingMeasures
from torchcaps.figures.pooling import finding, pooling_figure
from torchcaps.figures.style import COLOURS, to_bytes

COMMON = dict(zip((*POOLS, "image"), (0.8, 0.7, 0.6, 0.4, 0.2, 0.9), strict=True))


def measures(**own):
    """Twins of two kinds, of which the first is 0.1 nearer and the second 0.1 farther."""
    named = {**COMMON, **own}
    twins = {
        kind: {name: value + change for name, value in named.items()}
        for kind, change in (("a", -0.1), ("b", 0.1))
    }
    shifts = {px: {name: value * px / 4 for name, value in named.items()} for px in (1, 2, 4)}
    return PoolingMeasures(twins, shifts, 7)


MEASURES = {
    "cnn": measures(**{"pool 1": 0.7, "map 2": 0.6, "pool 2": 0.5, "penultimate": 1.5}),
    "caps": measures(**{"primary capsules": 0.9, "class poses": 1.25}),
}


SEPARABLE = {
    "cnn": {
        name: 100 - 10 * k for k, name in enumerate((*POOLS, "image", "pool 2", "penultimate"))
    },
    "caps": {name: 90 - 5 * k for k, name in enumerate((*POOLS, "image", "class poses"))},
}


@pytest.fixture
def pair():
    torch.manual_seed(0)
    sides = {"image": 8, **dict(zip(POOLS, (8, 4, 2, 1, 1), strict=True))}
    return {name: 2 * torch.rand(2, side, side) for name, side in sides.items()}


@pytest.fixture
def figure(pair):
    return pooling_figure(pair, SEPARABLE, MEASURES, twin="nose on forehead")


@pytest.fixture
def axes(figure) -> list[Any]:
    return figure.axes


def test_face_and_twin_stand_above_each_other_pooled_ever_more(axes, pair):
    for column, (name, both) in enumerate(pair.items()):
        for row, image in enumerate(both):
            each = axes[6 * row + column]
            (shown,) = each.images
            assert torch.equal(torch.as_tensor(shown.get_array()), image)
            assert shown.get_clim() == pytest.approx((0, both.max().item())), "one scale for both"
        height, width = both.shape[1:]
        assert axes[column].get_title(loc="left").endswith(f"\n{height}x{width}"), name
    assert (axes[0].get_ylabel(), axes[6].get_ylabel()) == ("face", "nose on forehead")
    assert axes[7].get_xlabel() == "one channel of cnn"
    numbers = [axes[k].texts[0].get_text() for k in (5, 11)]
    assert numbers == [f"{value:.2f}" for value in pair["global pool"].flatten().tolist()]


def test_a_row_a_representation_each_once(axes):
    labels = [text.get_text() for text in axes[12].get_yticklabels()]
    assert labels == [
        "pixels", "first maps", "after 1 max-pool", "after 2 max-pools", "after 3 max-pools",
        "pooled globally", "its own 2nd max-pool", "primary capsules", "last before the scores",
        "class capsules",
    ]  # fmt: skip


def by_row(line):
    return dict(zip((round(y) for y in line.get_ydata()), line.get_xdata(), strict=True))


def test_separability_is_in_the_row_of_its_representation(axes):
    cnn, caps = axes[12].lines[:2]
    assert (cnn.get_label(), caps.get_label()) == ("cnn", "caps")
    assert by_row(cnn) == {0: 50, 1: 100, 2: 90, 3: 80, 4: 70, 5: 60, 6: 40, 8: 30}
    assert by_row(caps) == {0: 65, 1: 90, 2: 85, 3: 80, 4: 75, 5: 70, 9: 60}


def test_distances_are_means_over_the_kinds_and_the_smallest_and_the_largest_shift(axes):
    rows = {0: 0.9, 1: 0.8, 2: 0.7, 3: 0.6, 4: 0.4, 5: 0.2}
    own = ({6: 0.5, 8: 1.5}, {7: 0.9, 9: 1.25})
    scales = {"from face to twin": 1, "shifted by 1 pixel": 0.25, "shifted by 4 pixels": 1}
    for panel, (title, scale) in zip(axes[13:], scales.items(), strict=True):
        assert panel.get_title(loc="left") == f"Distance {title}"
        for line, more in zip(panel.lines[:2], own, strict=True):
            wanted = {row: scale * x for row, x in {**rows, **more}.items()}
            assert by_row(line) == pytest.approx(wanted)


def test_all_points_are_in_sight(axes):
    for each in axes[13:]:
        assert each.get_xlabel() == "distance (two faces: 1)"
        low, high = each.get_xlim()
        assert low == 0
        assert all(max(line.get_xdata()) < high for line in each.lines)


def test_the_title_is_the_separability_in_the_pools_of_the_first_model(figure):
    assert (
        figure.subfigs[0].get_suptitle()
        == finding(SEPARABLE)
        == (
            "Linear regression on cnn's first maps separates 100 % of faces and scrambled twins,\n"
            "after 3 max-pools 70 %, pooled globally 60 % (guessing: 50 %)"
        )
    )


def test_models_have_a_colour_and_a_marker_of_their_own(axes):
    looks = [(line.get_color(), line.get_marker()) for line in axes[12].lines[:2]]
    assert looks == [(COLOURS[0], "o"), (COLOURS[1], "s")]
    heights = [next(iter(line.get_ydata())) for line in axes[12].lines[:2]]
    assert heights[0] < heights[1], "not one on the other"


def test_one_shift_has_one_panel(pair):
    one = {"cnn": PoolingMeasures(MEASURES["cnn"].twins, {2: MEASURES["cnn"].shifts[2]}, 7)}
    axes: list[Any] = pooling_figure(pair, {"cnn": SEPARABLE["cnn"]}, one, twin="t").axes
    assert axes[14].get_title(loc="left") == "Distance shifted by 2 pixels"
    assert len(axes) == 15


def test_the_png_shows_the_colours_and_nothing_is_cut_off(figure, decode):
    pixels = decode(to_bytes(figure)).astype(int)
    for colour in COLOURS[:2]:
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (abs(pixels - wanted).max(-1) < 8).sum() > 200
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).all()

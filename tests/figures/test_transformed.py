"""A column a transform, and a title that claims no more than the numbers."""

from typing import Any, get_args

import pytest

from torchcaps.analysis.robustness.transform_robustness import (
    Measure,
    TransformCurve,
)
from torchcaps.figures.style import COLOURS, to_bytes
from torchcaps.figures.transformed import finding, transform_curves
from torchcaps.training.evaluation import Evaluation

AMOUNTS = {"rotation": (-30.0, 0.0, 30.0), "shear": (0.0, 0.5)}


def curve(transform, *seeds):
    """Accuracies in percent, one list a seed; the score is half of it."""
    tests = [[Evaluation(p / 100, p / 200, None, 9, p / 100) for p in seed] for seed in seeds]
    return TransformCurve(transform, AMOUNTS[transform], tests)


PANELS = {
    "rotation": {
        "caps": curve("rotation", [40, 90, 50], [60, 100, 60]),
        "cnn": curve("rotation", [20, 90, 30], [20, 90, 30]),
    },
    "shear": {
        "caps": curve("shear", [90, 50], [90, 70]),
        "cnn": curve("shear", [90, 60], [90, 60]),
    },
}


@pytest.fixture
def figure():
    return transform_curves(PANELS)


@pytest.fixture
def axes(figure) -> list[Any]:
    return figure.axes


def test_columns_are_transforms_and_rows_are_measures(axes):
    for column, (transform, curves) in enumerate(PANELS.items()):
        above, below = axes[column], axes[column + 2]
        assert above.get_title(loc="left") == transform
        for row, what in zip((above, below), get_args(Measure), strict=True):
            drawn = {line.get_label(): line for line in row.lines}
            assert list(drawn) == list(curves)
            for name, line in drawn.items():
                assert list(line.get_xdata()) == list(AMOUNTS[transform])
                assert list(line.get_ydata()) == curves[name].mean(what)
    assert axes[0].get_ylabel() == "accuracy (%)"
    assert axes[2].get_ylabel() == "true class: its length\nor probability"
    assert [each.get_xlabel() for each in axes[2:]] == [
        "degrees (+: counter-clockwise)", "pixels right per pixel down",
    ]  # fmt: skip
    assert axes[0].get_ylim() == (0, 102)
    assert axes[2].get_ylim() == (0, 1.02)


def test_the_bands_are_the_spread(axes):
    corners = {tuple(point) for point in axes[0].collections[0].get_paths()[0].vertices}
    sd = 200**0.5
    assert sorted({y for x, y in corners if x == -30}) == pytest.approx([50 - sd, 50 + sd])


@pytest.mark.parametrize(
    ("caps", "cnn", "said"),
    [
        (([60, 60], [62, 62]), ([50, 50], [52, 52]), "shear: caps"),
        (([50, 50], [52, 52]), ([60, 60], [62, 62]), "shear: cnn"),
        (([60, 60], [64, 64]), ([60, 60], [60, 60]), "shear: none"),  # ahead by 2, spread 2.8
        (([70, 50], [70, 50]), ([50, 70], [50, 70]), "shear: none"),  # the same on average
    ],
)
def test_who_is_ahead_is_ahead_by_more_than_the_spread(caps, cnn, said):
    panels = {"shear": {"caps": curve("shear", *caps), "cnn": curve("shear", *cnn)}}
    assert (
        finding(panels)
        == f"Highest accuracy on average (by more than the spread over seeds):\n{said}"
    )


def test_one_is_ahead_of_all_or_nobody_is():
    near = {"c": curve("shear", [59, 59], [61, 61])}
    three = {"a": curve("shear", [60, 60], [62, 62]), "b": curve("shear", [0, 0], [0, 0]), **near}
    assert finding({"shear": three}).endswith("shear: none")


def test_with_one_seed_no_spread_is_claimed():
    panels = {"shear": {"caps": curve("shear", [61, 60]), "cnn": curve("shear", [60, 60])}}
    assert finding(panels) == "Highest accuracy on average (one seed, no spread):\nshear: caps"


def test_title_and_legend(figure):
    assert figure.get_suptitle() == finding(PANELS)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["caps", "cnn"]


def test_the_png_shows_both_models_and_nothing_is_cut_off(figure, decode):
    pixels = decode(to_bytes(figure)).astype(int)
    for colour in COLOURS[:2]:
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (abs(pixels - wanted).max(-1) < 8).sum() > 200
    assert (pixels[:, 0] == 255).all()
    assert (pixels[-1] == 255).all()

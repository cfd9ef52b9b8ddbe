"""What the study says follows from the numbers, whichever way they fall."""

import pytest

from torchcaps.analysis.robustness.transform_robustness import TransformCurve, TransformResult
from torchcaps.studies.rotation_words import RotationTable, opening, verdict

ANGLES = (-30, 0, 30)


def curve(*seeds, degrees=ANGLES, mse=None):
    """Percent at each angle, one list a seed."""
    tests = [[TransformResult(p / 100, 0.0, mse, 1234) for p in seed] for seed in seeds]
    return TransformCurve("rotation", degrees, tests)


def table(ours, theirs, **options):
    return RotationTable({"caps": curve(*ours, **options), "cnn": curve(*theirs, **options)})


SENTENCES = {
    "ahead everywhere": (
        ([60, 98, 50],),
        ([40, 97, 45.5],),
        "caps is ahead of cnn at every angle",
        [
            "Turned by -30 degrees, caps names 60.0 % of the images rightly and cnn 40.0 %: "
            "20.0 points more.",
            "Turned by +30 degrees, caps names 50.0 % of the images rightly and cnn 45.5 %: "
            "4.5 points more.",
            "caps is ahead at every angle tested.",
        ],
    ),
    "ahead nowhere": (
        ([30, 90, 20],),
        ([40, 90, 45],),
        "caps is ahead of cnn at no angle",
        [
            "Turned by -30 degrees, caps names 30.0 % of the images rightly and cnn 40.0 %: "
            "10.0 points less.",
            "Turned by +30 degrees, caps names 20.0 % of the images rightly and cnn 45.0 %: "
            "25.0 points less.",
            "caps is not ahead at -30, 0, +30 degrees.",
        ],
    ),
    "mixed": (
        ([30, 98, 60],),
        ([40, 97, 60],),
        "caps is ahead of cnn at 1 of 3 angles",
        [
            "Turned by -30 degrees, caps names 30.0 % of the images rightly and cnn 40.0 %: "
            "10.0 points less.",
            "Turned by +30 degrees, caps names 60.0 % of the images rightly and cnn 60.0 %: "
            "the same to 0.1 points.",
            "caps is not ahead at -30, +30 degrees.",
        ],
    ),
    "within and beyond the spread": (
        ([50, 98, 60], [60, 98, 60]),
        ([51, 97, 50], [51, 97, 50]),
        "caps is ahead of cnn at every angle",
        [
            "Turned by -30 degrees, caps names 55.0 % of the images rightly and cnn 51.0 %: "
            "4.0 points more, no more than the spread over seeds.",
            "Turned by +30 degrees, caps names 60.0 % of the images rightly and cnn 50.0 %: "
            "10.0 points more.",
            "caps is ahead at every angle tested.",
        ],
    ),
    "behind, within the spread of the other": (
        ([50, 98, 60], [50, 98, 60]),
        ([48, 97, 50], [58, 97, 50]),
        "caps is ahead of cnn at 2 of 3 angles",
        [
            "Turned by -30 degrees, caps names 50.0 % of the images rightly and cnn 53.0 %: "
            "3.0 points less, no more than the spread over seeds.",
            "Turned by +30 degrees, caps names 60.0 % of the images rightly and cnn 50.0 %: "
            "10.0 points more.",
            "caps is not ahead at -30 degrees.",
        ],
    ),
}


@pytest.mark.parametrize(
    ("ours", "theirs", "title", "sentences"), SENTENCES.values(), ids=SENTENCES
)
def test_title_and_verdict(ours, theirs, title, sentences):
    measured = table(ours, theirs)
    assert measured.finding() == title
    assert verdict(measured) == sentences


def test_angles_may_come_in_any_order_and_be_only_one():
    assert verdict(table(([80, 60],), ([70, 70],), degrees=(45, -45))) == [
        "Turned by -45 degrees, caps names 60.0 % of the images rightly and cnn 70.0 %: "
        "10.0 points less.",
        "Turned by +45 degrees, caps names 80.0 % of the images rightly and cnn 70.0 %: "
        "10.0 points more.",
        "caps is not ahead at -45 degrees.",
    ]
    assert len(verdict(table(([80],), ([70],), degrees=(45,)))) == 2


def test_rows_have_a_spread_only_where_there_are_seeds():
    one = table(([60, 98, 50],), ([40, 97, 45.5],))
    assert one.header() == ["rotation", "caps", "cnn", "advantage"]
    assert one.rows()[0] == ["-30°", "60.00 %", "40.00 %", "+20.00"]
    assert one.rows()[1][0] == "0°"
    two = table(([60, 98, 50], [62, 98, 50]), ([80, 97, 50], [80, 97, 50]))
    assert two.rows()[0] == ["-30°", "61.00 ± 1.41 %", "80.00 ± 0.00 %", "-19.00"]
    assert two.rows()[2] == ["+30°", "50.00 ± 0.00 %", "50.00 ± 0.00 %", "+0.00"]


def test_the_advantage_is_over_the_first_rival_whoever_stands_beside():
    curves = {name: curve([p, p, p]) for name, p in (("a", 50), ("b", 40), ("c", 90))}
    three = RotationTable(curves)
    assert three.advantage() == pytest.approx([10, 10, 10])
    assert three.header() == ["rotation", "a", "b", "c", "advantage"]
    assert three.csv().splitlines()[0] == "degrees,a_mean,a_sd,b_mean,b_sd,c_mean,c_sd,advantage"
    assert three.csv().splitlines()[1] == "-30,50.0000,0.0000,40.0000,0.0000,90.0000,0.0000,10.0000"
    assert three.finding() == "a is ahead of b at every angle"


def test_the_upright_error_is_that_of_zero_degrees_or_none():
    ours = TransformCurve(
        "rotation", (15, 0), [[TransformResult(0, 0, 0.5, 1), TransformResult(0, 0, 0.25, 1)]]
    )
    assert RotationTable({"a": ours, "b": ours}).upright_mse() == 0.25
    assert table(([50],), ([40],), degrees=(15,), mse=0.1).upright_mse() is None


def test_the_opening_says_what_was_done():
    settings = {
        "data": "digits", "train_images": None, "epochs": 20, "shift": 0, "subpixel": False
    }  # fmt: skip
    curves = {name: curve([50, 50, 50], [50, 50, 50]) for name in "abc"}
    said = opening(settings, curves)
    assert said.startswith("a and b and c learnt digits from all training images, none of them")
    assert "for 20 epochs. Then each was tested on all 1,234 test images" in said
    assert "Mean ± sd of 2 seeds." in said
    alone = opening({**settings, "train_images": 7, "epochs": 1}, {"a": curve([50, 50, 50])})
    assert "from 7 training images" in alone
    assert "for 1 epoch. " in alone
    moved = opening({**settings, "shift": 1, "subpixel": True}, curves)
    assert "for 20 epochs, each image shifted by up to 1.5 pixels. Then" in moved
    assert "One seed: no spread can be given." in alone

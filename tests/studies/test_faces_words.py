"""What the study says follows from the numbers, whichever way they fall."""

import pytest
import torch

from torchcaps.analysis.representation.scrambled import Answers, TwinTest
from torchcaps.data.faces import SCRAMBLED
from torchcaps.studies.faces_words import FacesTable, opening, reading, verdict

TELLS = "It tells faces from scrambled ones with an AUROC of"
SETTINGS = {"train_images": 700, "epochs": 3, "faces": 1234, "missing": 0.75}


def answers(share, evidence, raw=None):
    """Of 100 images `share` are called faces; all have this evidence."""
    said = torch.full((100,), float(evidence))
    return Answers(torch.arange(100) < share, said, said if raw is None else said * 0 + raw, said)


def twin_test(shares, evidence, faces=100, raw=None):
    twins = zip(SCRAMBLED, shares, evidence, strict=True)
    low = None if raw is None else 0.0
    return TwinTest(answers(faces, 0.5, raw), {k: answers(s, e, low) for k, s, e in twins})


def table(accuracy=(99.0, 98.0), shares=((90, 0, 0), (30, 60, 0)), evidence=((0, 1, 0), (0, 0, 0))):
    """Two models of one seed."""
    names = ("caps", "cnn")
    tests = {n: [twin_test(s, e)] for n, s, e in zip(names, shares, evidence, strict=True)}
    return FacesTable({n: [a] for n, a in zip(names, accuracy, strict=True)}, tests, 3)


def test_the_table_has_a_row_a_model():
    assert table().header()[0] == "model"
    assert table().rows() == [
        ["caps", "99.0 %", "100.0 %", "30.0 %", "0.667"],
        ["cnn", "98.0 %", "100.0 %", "30.0 %", "1.000"],
    ]


def test_the_kinds_have_a_row_each_with_the_part_that_is_in_place():
    assert table().kinds_header() == ["scrambled", "in place", "caps", "cnn"]
    assert table().kinds_rows("called a face") == [
        ["nose below mouth", "eyes", "90.0 %", "30.0 %"],
        ["eyes below mouth", "nose", "0.0 %", "60.0 %"],
        ["nose on forehead", "mouth", "0.0 %", "0.0 %"],
    ]
    assert table().kinds_rows("AUROC")[1] == ["eyes below mouth", "nose", "0.000", "1.000"]


def test_seeds_have_a_mean_and_a_spread_and_the_csv_has_them_all():
    tests = [twin_test((s, s, s), (0, 0, 0)) for s in (10, 20)]
    two = FacesTable({"a": [90.0, 100.0]}, {"a": tests}, 3)
    assert two.rows() == [["a", "95.0 ± 7.1 %", "100.0 ± 0.0 %", "15.0 ± 7.1 %", "1.000 ± 0.000"]]
    lines = two.csv().splitlines()
    assert lines[:2] == ["model,measure,mean,sd", "a,accuracy,95.0000,7.0711"]
    assert "a,eyes below mouth: called a face,15.0000,7.0711" in lines
    assert len(lines) == 1 + 5 + 6


def test_the_title_of_the_figure_is_the_finding():
    uneven = table(shares=((90, 0, 0), (90, 60, 0)))
    assert uneven.finding() == "Scrambled faces that are called a face:\n30 % by caps, 50 % by cnn"


@pytest.mark.parametrize(
    ("shares", "evidence", "said"),
    [
        (
            ((0, 0, 0), (90, 60, 0)),
            ((0, 0, 0), (1, 1, 0)),
            "caps calls 0.0 % of the scrambled faces a face and cnn 50.0 %: 50.0 points less. "
            f"{TELLS} 1.000 and cnn with 0.333: 0.667 more.",
        ),
        (
            ((90, 90, 90), (90, 60, 0)),
            ((1, 1, 1), (1, 1, 0)),
            "caps calls 90.0 % of the scrambled faces a face and cnn 50.0 %: 40.0 points more. "
            f"{TELLS} 0.000 and cnn with 0.333: 0.333 less.",
        ),
        (
            ((90, 60, 0), (0, 90, 60)),
            ((1, 1, 1), (1, 1, 1)),
            "caps calls 50.0 % of the scrambled faces a face and cnn 50.0 %: the same to 0.1 "
            f"points. {TELLS} 0.000 and cnn with 0.000: the same to 0.001.",
        ),
    ],
    ids=["ahead", "behind", "level"],
)
def test_the_verdict_is_a_comparison_with_each_rival(shares, evidence, said):
    assert verdict(table(shares=shares, evidence=evidence)) == [said]


def test_a_difference_within_the_spread_is_called_that():
    tests = {
        "caps": [twin_test((s, s, s), (0, 0, 0)) for s in (10, 30)],
        "cnn": [twin_test((s, s, s), (0, 0, 0)) for s in (25, 25)],
    }
    (said,) = verdict(FacesTable({n: [99.0, 99.0] for n in tests}, tests, 3))
    assert "25.0 %: 5.0 points less, no more than the spread over seeds." in said


def test_a_model_that_learnt_little_is_not_trusted():
    (warning, _) = verdict(table(accuracy=(99.0, 40.0)))
    assert warning == (
        "cnn names only 40.0 % of the test images rightly (guessing: 33.3 %): what it calls "
        "scrambled faces says little."
    )
    assert len(verdict(table(accuracy=(66.0, 67.0)))) == 2
    assert len(verdict(table(accuracy=(67.0, 67.0)))) == 1


def test_another_area_by_the_logit_is_said():
    tests = {
        "caps": [twin_test((0, 0, 0), (0, 0, 0))],
        "cnn": [twin_test((0,) * 3, (1,) * 3, raw=1)],
    }
    *_, said = verdict(FacesTable({n: [99.0] for n in tests}, tests, 3))
    assert said == "By its logit of a face, and not the probability, cnn has an AUROC of 1.000."


def test_the_opening_says_what_was_done():
    said = opening(SETTINGS, table(), 3000)
    assert said.startswith("caps and cnn learnt to tell faces, houses and cars, drawn of the same")
    assert "from 700 training images for 3 epochs. Of those, 75 % lacked eyes, nose or" in said
    assert "about 3,000 test images, about 1,234 more faces" in said
    assert "One seed: no spread can be given." in said
    other = {**SETTINGS, "train_images": None, "epochs": 1, "missing": 0}
    tests = {n: [twin_test((0, 0, 0), (0, 0, 0))] * 2 for n in "abc"}
    said = opening(other, FacesTable({n: [9.0, 9.0] for n in "abc"}, tests, 3), 3000)
    assert said.startswith("a, b and c learnt")
    assert "from all training images for 1 epoch. None was scrambled." in said
    assert "Mean ± sd of 2 seeds." in said


def test_the_reading_knows_the_chance():
    assert "one that guesses calls 33.3 % of them faces" in reading(table())

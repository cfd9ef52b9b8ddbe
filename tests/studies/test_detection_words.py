"""What the study says follows from the numbers, whichever way they fall."""

import pytest
import torch

from torchcaps.analysis.robustness.detection import FGSM, PGD, RECONSTRUCTIVE, Detection
from torchcaps.analysis.robustness.detectors import DetectorScores
from torchcaps.studies.detection_lines import RATES, success_lines, undetected_lines
from torchcaps.studies.detection_table import DetectionTable
from torchcaps.studies.detection_words import (
    finding,
    opening,
    pictures_finding,
    reading,
    success_finding,
    verdict,
)

N, EPSILON = 100, 0.2
SETTINGS = {"data": "digits", "train_images": 700, "epochs": 3, "steps": 7, "starts": 2}
OTHERS = "made on cnn"


def watched(fooled=0, drawn=0, score=0, alarms=("reconstruction", "score")):
    """Of 100 the first `fooled` are named wrongly; the first `drawn`, or `score`, alarm nobody."""
    which = torch.arange(N)
    numbers = {"reconstruction": which >= drawn, "score": which >= score}
    return DetectorScores(
        (which < fooled).long(), {alarm: numbers[alarm].double() for alarm in alarms}
    )


def seed(attacks, strange=50, accuracy=100, alarms=("reconstruction", "score")):
    """attacks: fooled, past the reconstruction and past the score, by attack. strange: how many of
    the strange images look like clean ones. None of the clean ones raises an alarm."""
    clean = watched(0, N, N, alarms)
    return Detection(
        validation=clean,
        clean=clean,
        right=torch.arange(N) < accuracy,
        attacked={
            (attack, share * EPSILON): watched(
                int(share * fooled), int(share * drawn), int(share * score), alarms
            )
            for attack, (fooled, drawn, score) in attacks.items()
            for share in ((0.5, 1) if attack != OTHERS else (1,))
        },
        strange={"faces": watched(0, strange, N - strange, alarms)},
    )


CAPS = {FGSM: (40, 10, 30), PGD: (80, 20, 60), RECONSTRUCTIVE: (80, 70, 10), OTHERS: (30, 20, 10)}
CNN = {FGSM: (60, 0, 40), PGD: (90, 0, 50)}


def table(caps=(CAPS,), cnn=(CNN,), **more):
    seeds = {
        "caps": [seed(attacks, **more) for attacks in caps],
        "cnn": [seed(attacks, alarms=("score",)) for attacks in cnn],
    }
    return DetectionTable(seeds, (0.1, EPSILON), EPSILON, 0.05)


def said(found, start):
    (sentence,) = (each for each in verdict(found) if each.startswith(start))
    return sentence


def test_the_table_has_a_row_an_attack_and_a_dash_where_there_is_no_alarm():
    found = table()
    assert found.header() == ["model", "attack", "fools (%)", "past drawing", "past score"]
    assert found.rows() == [
        ["caps", "FGSM", "40.0", "10.0", "30.0"],
        ["caps", "PGD", "80.0", "20.0", "60.0"],
        ["caps", "reconstructive", "80.0", "70.0", "10.0"],
        ["caps", "made on cnn", "30.0", "20.0", "10.0"],
        ["cnn", "FGSM", "60.0", "–", "40.0"],
        ["cnn", "PGD", "90.0", "–", "50.0"],
    ]


def test_clean_and_areas_have_a_row_an_alarm():
    found = table()
    alarms = ["caps, drawing", "caps, score", "cnn, score"]
    assert [row[0] for row in found.clean_rows()] == alarms
    assert found.clean_rows()[0] == ["caps, drawing", "100.0", "0.000", "0.0"]
    assert found.attack_header() == ["model, alarm", "FGSM", "PGD", "reconstructive", "made on cnn"]
    # Of 80 that are fooled 60 raise the alarm, which no clean one does.
    assert found.attack_rows()[0] == ["caps, drawing", "0.875", "0.875", "0.562", "0.667"]
    assert found.attack_rows()[2] == ["cnn, score", "0.667", "0.722", "–", "–"]
    assert found.strange_header() == ["model, alarm", "faces"]
    assert [row[1] for row in table(strange=20).strange_rows()] == ["0.900", "0.600", "0.750"]


def test_an_attack_that_fools_nobody_has_no_area():
    none = {**CAPS, FGSM: (0, 0, 0)}
    for seeds in ([none], [CAPS, none]):
        found = table(seeds, [CNN] * len(seeds))
        assert found.attack_rows()[0][1] == "–"
        assert "caps,FGSM 0.2: reconstruction: AUROC,," in found.csv().splitlines()
        assert "nan" not in " ".join(verdict(found))


def test_seeds_have_a_mean_and_a_spread_and_the_csv_has_them_all():
    found = table([CAPS, {**CAPS, PGD: (90, 40, 60)}], [CNN, CNN])
    assert found.rows()[1] == ["caps", "PGD", "85.0 ± 7.1", "30.0 ± 14.1", "60.0 ± 0.0"]
    lines = found.csv().splitlines()
    assert lines[:2] == ["model,measure,mean,sd", "caps,accuracy,100.000000,0.000000"]
    assert "caps,PGD 0.2: success,85.000000,7.071068" in lines
    assert "caps,PGD 0.1: success,42.500000,3.535534" in lines
    assert "caps,PGD 0.2: reconstruction: undetected,30.000000,14.142136" in lines
    assert "cnn,faces: score: AUROC,0.750000,0.000000" in lines


def test_shares_are_of_the_images_that_were_named_rightly():
    assert table(accuracy=50).rows()[2][2:] == ["100.0", "100.0", "20.0"]
    assert said(table(accuracy=50), "Of the clean").startswith(
        "Of the clean test images, 50.0 % (caps) and 100.0 % (cnn) are named rightly. Where at "
        "most 5 % of the validation images raise an alarm, 0.0 % (caps, reconstruction), 0.0 % "
        "(caps, score) and 0.0 % (cnn, score) of the test images do."
    )


def test_a_model_that_has_learnt_nothing_is_said_to_have():
    start = "caps names only 50.0 % of the clean images rightly"
    assert said(table(accuracy=50), start)
    assert not [s for s in verdict(table()) if "names only" in s]


@pytest.mark.parametrize(
    ("knowing", "ending"),
    [(70, "70.0 %: 50.0 points more."), (20, "20.0 %: the same to 0.1 points.")],
)
def test_what_an_attack_gains_that_knows_of_the_alarm(knowing, ending):
    found = table([{**CAPS, RECONSTRUCTIVE: (80, knowing, 10)}])
    assert said(found, "PGD fools caps on 80.0 % of the images") == (
        "PGD fools caps on 80.0 % of the images, and on 20.0 % gets past the alarm by "
        "reconstruction as well. The reconstructive attack, which knows of this alarm, gets past "
        f"it on {ending}"
    )


def test_a_gain_within_the_spread_is_called_one():
    caps = [{**CAPS, RECONSTRUCTIVE: (80, past, 10)} for past in (10, 50)]
    assert "30.0 %: 10.0 points more, no more than the spread over seeds." in said(
        table(caps, [CNN, CNN]), "PGD fools caps on 80.0 % of the images"
    )


def test_the_two_alarms_are_compared_under_both_attacks():
    assert said(table(), "With the score").startswith(
        "With the score of caps for an alarm in place of its reconstruction, 60.0 % by PGD (40.0 "
        "points more) and 10.0 % by the reconstructive attack (60.0 points less) get past."
    )


def test_each_model_is_attacked_by_what_knows_its_alarm():
    assert said(table(), "PGD fools caps on 80.0 % and cnn on 90.0 %") == (
        "PGD fools caps on 80.0 % and cnn on 90.0 %: 10.0 points less. The reconstructive attack "
        "gets past the reconstruction of caps on 70.0 %, and PGD past the score of cnn, its only "
        "alarm, on 50.0 %: 20.0 points more."
    )
    two = {"caps": [seed(CAPS)], "other": [seed({**CAPS, RECONSTRUCTIVE: (80, 75, 0)})]}
    two["caps"][0].attacked["made on other", EPSILON] = watched(1, 1, 1)  # pyright: ignore
    assert "of caps on 70.0 %, and that of other on 75.0 %: 5.0 points less." in said(
        DetectionTable(two, (EPSILON,), EPSILON, 0.05), "PGD fools caps on 80.0 % and other"
    )


@pytest.mark.parametrize(("fooled", "misled"), [(30, False), (80, False), (85, True)])
def test_gradients_that_mislead_are_told_of(fooled, misled):
    sentence = said(table([{**CAPS, OTHERS: (fooled, 20, 10)}]), "What was made on cnn")
    assert sentence.startswith(
        f"What was made on cnn fools caps on {fooled}.0 %, and gets past its reconstruction on "
        "20.0 % and past its score on 10.0 %."
    )
    assert sentence.endswith("its other numbers flatter it.") == misled


def test_strange_images_are_compared_with_every_score():
    assert said(table(strange=20), "Against faces") == (
        "Against faces, the reconstruction of caps has an AUROC of 0.900. Scores have: caps 0.600 "
        "(reconstruction: 0.300 more); cnn 0.750 (reconstruction: 0.150 more)."
    )
    assert "caps 0.900 (reconstruction: 0.300 less)" in said(table(strange=80), "Against faces")


def test_the_titles_are_the_findings():
    assert finding(table()) == (
        "At 5 % false alarms, PGD gets past what caps draws on 20 %,\n"
        "an attack that knows of this alarm on 70 %"
    )
    wanted = "PGD that may change pixels by 0.2 fools\ncaps on 80 % and cnn on 90 %"
    assert success_finding(table()) == wanted
    alarmed = {"clean": [False, False], "noise": [True, False]}
    assert pictures_finding(alarmed) == "Drawn too badly: 0 of 2 clean, 1 of 2 noise"


def test_the_lines_of_the_figures_are_the_numbers():
    found = table([CAPS, {**CAPS, PGD: (90, 40, 60)}], [CNN, CNN])
    success = success_lines(found)
    assert list(success) == ["FGSM on caps", "PGD on caps", "PGD on cnn"]
    assert success["PGD on caps"].curve.mean == pytest.approx([42.5, 85])
    assert success["PGD on caps"].curve.sd == pytest.approx([3.5355, 7.0711], abs=1e-4)
    drawn, score = (undetected_lines(found, alarm) for alarm in ("reconstruction", "score"))
    assert list(drawn) == ["FGSM on caps", "PGD on caps", "reconstructive on caps"]
    assert list(score) == [*drawn, "PGD on cnn"]
    assert drawn["PGD on caps"].curve.mean == pytest.approx([30] * len(RATES))
    assert score["PGD on cnn"].curve.mean == pytest.approx([50] * len(RATES))
    for lines in (success, drawn, score):
        for label, line in lines.items():
            assert line.look == score[label].look, "the same in every figure"


@pytest.mark.parametrize(
    ("settings", "seeds", "words"),
    [
        ({}, 1, ("from 700 training images for 3 epochs.", "One seed: no spread can be given.")),
        ({"train_images": None}, 2, ("from all training images", "Mean ± sd of 2 seeds.")),
        ({"epochs": 1}, 1, ("for 1 epoch.", "of the 100 clean validation images")),
    ],
)
def test_the_opening_says_what_was_done(settings, seeds, words):
    found = table([CAPS] * seeds, [CNN] * seeds)
    text = opening({**SETTINGS, **settings}, found)
    assert text.startswith("caps and cnn learnt digits from")
    assert "at most 5 % of the 100" in text
    assert "100 test images, every pixel (0 to 1) being changed by up to 0.2" in text
    for each in words:
        assert each in text


def test_the_columns_are_explained():
    assert "PGD 7 from each of 2 random starts." in reading(SETTINGS, table())
    assert "PGD 7 from a random start." in reading({**SETTINGS, "starts": 1}, table())
    assert "What was made on cnn by PGD" in reading(SETTINGS, table())

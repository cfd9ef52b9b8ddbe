"""What the equivariance study says follows from the numbers, whichever way they fall."""

import csv

import pytest

from torchcaps.analysis.representation.linear_equivariance import LinearEquivariance
from torchcaps.studies.equivariance_measures import transforms
from torchcaps.studies.equivariance_table import EquivarianceTable, as_csv
from torchcaps.studies.equivariance_words import (
    faces_told,
    finding,
    moves_told,
    opening,
    verdict,
)

CAPS = ("image", "stem", "class poses", "pose of the class")
CNN = ("image", "map 1", "penultimate")


def seed(layers, error, lengths=0.1):
    """`error` grows by 0.1 with each layer from the second on; a shift is missed by twice that."""
    return {
        layer: {
            move: LinearEquivariance(
                error=factor * (error + 0.1 * k if k else 0.004),
                r2=0.9 - 0.1 * k,
                change=1.0 + k,
                lengths=lengths,
                numbers=1000 * (k + 1),
            )
            for move, factor in (("rotation", 1), ("shift", 2))
        }
        for k, layer in enumerate(layers)
    }


def layers_table(caps=(0.1, 0.1), cnn=(0.3, 0.3), own=None):
    found = {
        "caps": [seed(CAPS, error) for error in caps],
        "cnn": [seed(CNN, error, 0.25) for error in cnn],
    }
    return EquivarianceTable(found, own or {})


def test_where_scores_are_read_what_is_missed_and_by_how_much_lengths_change():
    table = layers_table()
    assert table.scored == {"caps": "class poses", "cnn": "penultimate"}
    assert table.missed("caps", "rotation") == pytest.approx([0.3, 0.3])
    assert table.missed("cnn", "shift") == pytest.approx([1.0, 1.0])
    assert table.longer("cnn", "shift") == [25, 25]
    assert table.transforms == ["rotation", "shift"]


def test_the_verdict_on_layers():
    assert verdict(layers_table(own={"caps": [0.5, 0.7]})) == [
        "The class poses of caps and the penultimate layer of cnn miss of the rotation 0.30 and "
        "0.50 (0.20 less); of the shift 0.60 and 1.00 (0.40 less).",
        "A map of the pixels themselves misses 0.008 at most.",
        "From the first layer to where scores are read, the error, averaged over the moves, goes "
        "from 0.30 to 0.45 in caps and from 0.60 to 0.75 in cnn.",
        "By the rotation, lengths change by 10.0 ± 0.0 % in caps (pose of the class) and "
        "25.0 ± 0.0 % in cnn (penultimate).",
        "caps has a ρ of its own, a shift of its orientations, that nobody fitted: it misses "
        "0.60 ± 0.14 of the rotation in the class poses, where the fitted one misses 0.30 ± 0.00.",
    ]


def test_worse_and_within_the_spread_are_said_as_well():
    (worse, *_) = verdict(layers_table(caps=(0.5, 0.5), cnn=(0.3, 0.3)))
    assert "of the rotation 0.70 and 0.50 (0.20 more);" in worse
    (level, *_) = verdict(layers_table(caps=(0.2, 0.5), cnn=(0.4, 0.4)))
    assert "0.55 and 0.60 (0.05 less, no more than the spread over seeds);" in level


def test_a_model_without_a_map_of_its_own_is_not_told_of_one():
    assert not any("of its own, a shift" in text for text in verdict(layers_table()))


def test_the_rows_the_panels_and_the_title():
    table = layers_table(caps=(0.1, 0.3))
    assert table.header() == ["model", "layer", "numbers", "rotation", "shift"]
    assert table.rows("error")[2] == ["caps", "class poses", "3,000", "0.40 ± 0.14", "0.80 ± 0.28"]
    assert table.rows("change")[6] == ["cnn", "penultimate", "3,000", "3.00 ± 0.00", "3.00 ± 0.00"]
    assert table.lengths_rows()[1] == ["cnn", "penultimate", "3,000", "25.0 ± 0.0", "25.0 ± 0.0"]
    panel = table.panels()["caps"]["rotation"]
    assert panel.mean == pytest.approx([0.004, 0.3, 0.4, 0.5])
    assert panel.sd == pytest.approx([0, 0.1414, 0.1414, 0.1414], abs=1e-4)
    assert finding(table) == (
        "Of the rotation, a linear map misses where scores are read:\n40 % in caps, 50 % in cnn"
    )


def test_the_csv_has_every_number_with_its_spread():
    lines = list(csv.DictReader(as_csv(layers_table(caps=(0.1, 0.3))).splitlines()))
    found = {
        (line["model"], line["where"], line["what"], line["measure"]): (
            float(line["mean"]),
            float(line["sd"]),
        )
        for line in lines
    }
    assert len(found) == len(lines) == (4 + 3) * 2 * 4
    assert found["caps", "class poses", "shift", "error"] == pytest.approx((0.8, 0.282843))
    assert found["cnn", "penultimate", "rotation", "lengths"] == pytest.approx((0.25, 0))
    assert found["cnn", "map 1", "rotation", "r2"] == pytest.approx((0.8, 0))


def test_the_opening_says_what_was_done():
    settings = {
        "data": "digits", "train_images": None, "epochs": 20, "faces_images": 1000,
        "faces_epochs": 1,
    }  # fmt: skip
    said = opening(settings, layers_table(), (1000, 180, 360))
    assert said == (
        "caps and cnn learnt digits from all training images for 20 epochs, none of them moved. "
        "Linear maps were fitted on 1,000 training images, their penalty was chosen on 180 "
        "validation images, and all that follows was measured on 360 test images. The same "
        "architectures learnt faces, houses and cars from 1,000 drawings for 1 epoch, of which the "
        "true poses are known. Mean ± sd of 2 seeds. The weights are those of the last epoch; the "
        "test images chose nothing."
    )
    alone = opening(settings, layers_table(caps=(0.1,), cnn=(0.3,)), (1, 1, 1))
    assert "One seed: no spread can be given." in alone


def test_moves_and_faces_are_told():
    assert moves_told(transforms(8)) == (
        "The moves: rotation by 30°, counter-clockwise; scaling by 0.8; shift by 1 pixel to the "
        "right; shear by 0.3 pixels for each pixel down. All are bilinear, with zeros from outside."
    )
    assert "shift by 4 pixels to" in moves_told(transforms(32))
    assert faces_told({"caps": [90.0, 92.0], "cnn": [50.0, 50.0]}) == (
        "Of the faces, houses and cars, right are 91.0 ± 1.4 % (caps) and 50.0 ± 0.0 % (cnn)."
    )

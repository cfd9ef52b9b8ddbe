"""What is said of what was read from poses follows from the numbers, whichever way they fall."""

import csv

import pytest

from torchcaps.analysis.representation.probes import Probed
from torchcaps.studies.equivariance_probes_words import probes_finding, probes_verdict
from torchcaps.studies.equivariance_table import ProbesTable, as_csv


def probed(read, numbers=16, shuffled=-0.01, selective=0.05):
    """R² by quantity; from the whole layer a tenth more."""
    return Probed(
        whole={q: value + 0.1 for q, value in read.items()},
        equal=read,
        shuffled=dict.fromkeys(read, shuffled),
        selectivity=dict.fromkeys(read, selective),
        numbers=numbers,
    )


def probes_table(caps, cnn, **options):
    """`caps` and `cnn` list every seed's R² of rotation and of scale."""
    readers = {
        name: [probed({"rotation": r, "scale": s}, numbers, **options) for r, s in seeds]
        for name, seeds, numbers in (("caps", caps, 16), ("cnn", cnn, 128))
    }
    pixels = [probed({"rotation": 0.75, "scale": 0.75}, 64, selective=0.0)]
    return ProbesTable({"moved digits": {**readers, "pixels": pixels}}, 16)


SIDES = {
    "both ways": (
        [(0.9, 0.1), (0.9, 0.1)],
        [(0.5, 0.3), (0.5, 0.3)],
        "By more than the spread over seeds, caps tells more of rotation and less of scale than "
        "cnn; ",
    ),
    "more": (
        [(0.9, 0.9), (0.9, 0.9)],
        [(0.5, 0.3), (0.5, 0.3)],
        "By more than the spread over seeds, caps tells more of everything than cnn; more of "
        "everything than pixels.",
    ),
    "less, and the rest within the spread": (
        [(0.2, 0.2), (0.2, 0.4)],
        [(0.5, 0.4), (0.5, 0.4)],
        "By more than the spread over seeds, caps tells less of rotation than cnn; ",
    ),
    "nothing": (
        [(0.4, 0.2), (0.6, 0.4)],
        [(0.55, 0.4), (0.55, 0.4)],
        "By more than the spread over seeds, caps tells neither more nor less than cnn; ",
    ),
    "one seed": (
        [(0.9, 0.1)],
        [(0.5, 0.1)],
        "In this one seed, caps tells more of rotation than cnn; ",
    ),
}


@pytest.mark.parametrize(("caps", "cnn", "text"), SIDES.values(), ids=SIDES)
def test_what_is_told_more_of_and_less_of(caps, cnn, text):
    assert probes_verdict(probes_table(caps, cnn))[1].startswith(text)


def test_the_verdict_on_readers():
    said = probes_verdict(probes_table([(0.9, 0.1), (0.9, 0.1)], [(0.5, 0.3), (0.5, 0.3)]))
    assert said == [
        "Moved digits: from at most 16 numbers, the mean R² is 0.50 in caps, 0.40 in cnn and 0.75 "
        "in pixels.",
        "By more than the spread over seeds, caps tells more of rotation and less of scale than "
        "cnn; more of rotation and less of scale than pixels.",
        "Handed to other images of the same class, the numbers tell nothing: R² is -0.01 at most.",
        "Moved digits: mean selectivity is 0.05 in caps, 0.05 in cnn and 0.00 in pixels.",
    ]


def test_a_control_that_tells_something_is_not_hushed_up():
    table = probes_table([(0.9, 0.1)], [(0.5, 0.3)], shuffled=0.2)
    assert (
        "Handed to other images of the same class, the numbers have an R² of up to 0.20: as much "
        "of the others is not to be trusted."
    ) in probes_verdict(table)
    quiet = probes_table([(0.9, 0.1)], [(0.5, 0.3)], shuffled=-0.001)
    assert "R² is 0.00 at most." in probes_verdict(quiet)[2], "no minus before a zero"


def test_rows_bars_and_title_of_readers():
    table = probes_table([(0.9, 0.1), (0.7, 0.1)], [(0.5, 0.3), (0.5, 0.3)])
    data = "moved digits"
    assert table.header(data) == ["read from", "numbers", "rotation", "scale"]
    assert table.rows("equal", data) == [
        ["caps", "16", "0.80 ± 0.14", "0.10 ± 0.00"],
        ["cnn", "16", "0.50 ± 0.00", "0.30 ± 0.00"],
        ["pixels", "16", "0.75", "0.75"],
    ]
    assert table.rows("whole", data)[1] == ["cnn", "128", "0.60 ± 0.00", "0.40 ± 0.00"]
    bars = table.bars()[data]
    assert list(bars) == ["caps", "cnn", "pixels", "shuffled"]
    assert bars["caps"].mean == pytest.approx([0.8, 0.1])
    assert bars["shuffled"].mean == pytest.approx([-0.01, -0.01])
    assert probes_finding(table) == (
        "R² of rotation, read from 16 numbers (moved digits):\n0.80 from caps, 0.50 from cnn"
    )


def test_the_csv_has_every_number_with_its_spread():
    table = probes_table([(0.9, 0.1), (0.7, 0.1)], [(0.5, 0.3), (0.5, 0.3)])
    lines = list(csv.DictReader(as_csv(table).splitlines()))
    found = {
        (line["model"], line["where"], line["what"], line["measure"]): (
            float(line["mean"]),
            float(line["sd"]),
        )
        for line in lines
    }
    assert len(found) == len(lines) == 3 * 2 * 4
    assert found["caps", "moved digits", "rotation", "whole"] == pytest.approx((0.9, 0.141421))
    assert found["cnn", "moved digits", "scale", "shuffled"] == pytest.approx((-0.01, 0))
    assert found["pixels", "moved digits", "scale", "selectivity"] == pytest.approx((0, 0))

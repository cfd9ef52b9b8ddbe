"""Options of the faces study, and its report of results made up here."""

import pytest

from torchcaps.studies import STUDIES
from torchcaps.studies.faces.study import FacesOptions, in_place, table
from torchcaps.studies.results import Results

KINDS = ("nose below mouth", "eyes below mouth", "nose on forehead")
OPTIONS = FacesOptions(seeds=2)
CAPSNET, CNN, POOLED = OPTIONS.models


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"faces": 0}, "faces study, faces: expected a whole number, at least 1; got 0"),
        ({"seeds": 0}, "faces study, seeds: expected a whole number, at least 1; got 0"),
        ({"beside": ()}, "faces study, beside: expected at least one; got none"),
        ({"beside": ("cmn",)}, "unknown model 'cmn'; known: .*'cnn'"),
    ],
)
def test_bad_options_are_refused_at_once(options, text):
    with pytest.raises(ValueError, match=text):
        FacesOptions(**options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"missing": 2.0}, "faces, missing: expected a chance from 0 to 1; got 2.0"),
        ({"train_images": 9999}, "expected 1 to 6000, the images in split 'train'; got 9999"),
    ],
)
def test_what_would_fail_later_is_found_before_a_step_is_taken(options, text):
    study = STUDIES["faces"]
    with pytest.raises(ValueError, match=text):
        study.check(study.options(**options))


def results():
    """The CNN classifies as many scrambled faces as faces as the capsule network does, give or
    take the spread; its AUROC is lower. The pooled CNN has learned nothing."""
    found = Results()
    for name, accuracy, share, auroc in (
        (CAPSNET, (97.0, 98.0), (30.0, 34.0), (0.998, 0.999)),
        (CNN, (99.0, 99.5), (32.0, 33.5), (0.98, 0.982)),
        (POOLED, (33.0, 34.0), (90.0, 92.0), (0.5, 0.51)),
    ):
        found.add(name, "accuracy", accuracy)
        found.add(name, "classified_as_face", (99.0, 99.5), "face")
        for kind in (*KINDS, "scrambled"):
            found.add(name, "classified_as_face", share, kind)
            found.add(name, "auroc", auroc, kind)
        scores = auroc if name == CAPSNET else (0.9, 0.91)
        found.add(name, "auroc_of_scores", scores, "scrambled")
    return found


def test_the_report(made_up_report, snapshot):
    found = results()
    report = made_up_report(
        OPTIONS, found, OPTIONS.models, ["faces.png"], table(found, OPTIONS),
        test_images=3000, chance=100 / 3, kinds={kind: in_place(kind) for kind in KINDS}, shown=6,
    )  # fmt: skip
    snapshot(report, "faces")


def test_each_kind_leaves_one_part_in_its_place():
    assert [in_place(kind) for kind in KINDS] == ["eyes", "nose", "mouth"]

"""The rotation study's report: one file, nothing fetched, its words from the numbers."""

import os
import re
from types import SimpleNamespace

import pytest

from torchcaps.studies.report import listed, write_report
from torchcaps.studies.results import Results
from torchcaps.studies.rotation.study import RotationOptions, table

OPTIONS = RotationOptions(
    seeds=2, angles=(-45, 0, 45), train_images=5000, epochs=1, shift=1, subpixel=True
)
OURS, SMALL, CNN = OPTIONS.models


def results():
    found = Results()
    for name, upright, rotated in ((OURS, 98.0, 97.5), (SMALL, 98.4, 60.0), (CNN, 99.0, 40.0)):
        for angle, value in zip(OPTIONS.angles, (rotated, upright, rotated), strict=True):
            found.add(name, "accuracy", (value - 0.3, value + 0.3), f"{angle:g}")
    found.add(SMALL, "reconstruction_mse", (0.021, 0.023), "0")
    for angle in OPTIONS.angles:
        found.add(OURS, "rotation_error", (1.5, 2.5), f"{angle:g}")
    return found


WORDS = {
    "test_images": 10_000,
    "empty_mse": 0.1,
    "angles": ["-45", "0", "45"],
}


def test_the_report(made_up_report, snapshot):
    found, small = results(), SimpleNamespace(name=SMALL)
    figures = ("rotation.svg", "reconstructions.png", "perturbation.png")
    report = made_up_report(
        OPTIONS, found, OPTIONS.models, figures, table(found, OPTIONS),
        drawn=small, moved=small, **WORDS,
    )  # fmt: skip
    snapshot(report, "rotation")


def test_without_a_decoder_nothing_is_said_of_reconstructions(made_up_report, read_page):
    found = results()
    report = made_up_report(
        OPTIONS, found, OPTIONS.models, ["rotation.svg"], table(found, OPTIONS),
        drawn=None, moved=None, **WORDS,
    )  # fmt: skip
    assert read_page(report).text["h2"] == ["Cost", "Run it again"]


def test_nothing_is_fetched_from_anywhere(study, read_page):
    """One script, of the button that copies the command, is inside the page."""
    html = study.finding.report.read_text()
    for tag, attributes in read_page(study.finding.report).tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert not {"href", "srcset", "onload", "onerror"} & set(attributes)
        assert attributes.get("src", "data:").startswith("data:")
        assert tag != "script" or not attributes
    assert html.count("<script") == 1
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttp", html)


def test_the_pictures_are_the_files_beside_it(study, read_page):
    page = read_page(study.finding.report)
    names = ("rotation.svg", "reconstructions.png", "perturbation.png")
    assert page.pictures() == [(study.folder / "figures" / name).read_bytes() for name in names]
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")


def test_the_command_is_there_to_be_copied(study, read_page):
    page = read_page(study.finding.report)
    assert page.text["pre"] == [study.options.command()]
    assert ("pre", {"id": "command"}) in page.tags


def test_names_that_look_like_html_are_escaped(made_up_report, read_page):
    hostile = """<script>alert("x")</script> & 'y'"""
    found = results()
    header, rows = table(found, OPTIONS)
    report = made_up_report(
        OPTIONS, found, [hostile], ["rotation.svg"], ([hostile, *header[1:]], rows),
        drawn=None, moved=None, **WORDS,
    )  # fmt: skip
    page = read_page(report)
    assert page.text["th"].count(hostile) == 2
    assert [tag for tag, _ in page.tags].count("script") == 1


def test_a_crash_in_mid_write_leaves_the_old_report(made_up_report, monkeypatch):
    found = results()

    def write():
        return made_up_report(
            OPTIONS, found, OPTIONS.models, ["rotation.svg"], table(found, OPTIONS),
            drawn=None, moved=None, **WORDS,
        )  # fmt: skip

    path = write()
    before = path.read_text()
    found.add(OURS, "accuracy", (1.0, 2.0), "45")
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write()
    assert path.read_text() == before


def test_a_word_that_a_template_lacks_is_an_error(tmp_path):
    with pytest.raises(Exception, match="undefined"):
        write_report("rotation", tmp_path, {}, {})
    assert not (tmp_path / "report.html").exists()


def test_lists_are_read_aloud():
    assert [listed(words) for words in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]

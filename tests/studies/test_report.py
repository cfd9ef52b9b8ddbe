"""A report says what it was told, whatever characters that holds."""

import os

import pytest

from torchcaps.studies.report import Report

HOSTILE = """<script>alert("x")</script> & 'y' </p><img src=http://a.b/c>"""
PNG = b"\x89PNG not really"


def full():
    report = Report(HOSTILE)
    report.heading(HOSTILE)
    report.text(HOSTILE)
    report.code(HOSTILE)
    report.table([HOSTILE, "b"], [["c", HOSTILE]])
    report.picture(PNG, HOSTILE)
    return report


def test_everything_is_escaped_everywhere(tmp_path, read_page):
    page = read_page(full().write(tmp_path / "report.html", HOSTILE))
    for tag in ("title", "h1", "h2", "p", "pre", "figcaption", "footer"):
        assert page.text[tag] == [HOSTILE], tag
    assert page.text["th"] == [HOSTILE, "b"]
    assert page.text["td"] == ["c", HOSTILE]
    (image,) = (attributes for tag, attributes in page.tags if tag == "img")
    assert image["alt"] == HOSTILE
    assert "script" not in {tag for tag, _ in page.tags}


def test_a_picture_is_inside_the_page(tmp_path, read_page):
    assert read_page(full().write(tmp_path / "r.html", "")).pictures() == [PNG]


def test_parts_stand_in_the_order_they_were_told(tmp_path):
    report = Report("T")
    for word in ("one", "two", "three"):
        report.heading(word)
        report.text(f"about {word}")
    html = report.write(tmp_path / "r.html", "end").read_text()
    places = [html.index(f">{w}<") for w in ("T", "one", "about one", "two", "about three", "end")]
    assert places == sorted(places)


def test_a_crash_in_mid_write_leaves_the_old_report(tmp_path, monkeypatch):
    path = full().write(tmp_path / "report.html", "old")
    before = path.read_text()
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        full().write(path, "new")
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]

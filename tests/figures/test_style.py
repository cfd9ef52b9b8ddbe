"""Figures as files: the same bytes each time, whole or not at all."""

import os

import pytest

from torchcaps.figures.style import new_figure, save_figure, to_bytes


def line():
    figure = new_figure(3, 2)
    figure.add_subplot().plot([0, 1], [1, 0])
    return figure


def test_a_png_has_the_size_asked_for(decode):
    assert decode(to_bytes(line())).shape == (320, 480, 3)


def test_the_same_figure_gives_the_same_bytes():
    assert to_bytes(line()) == to_bytes(line())
    assert b"Software" not in to_bytes(line())


def test_an_svg_has_the_same_bytes_each_time_and_no_date(tmp_path):
    one, two = (save_figure(line(), tmp_path / f"{k}.svg").read_bytes() for k in "ab")
    assert one == two == to_bytes(line(), "svg")
    assert b"<svg" in one
    assert b"date" not in one


def test_saving_writes_the_png_into_a_new_folder(tmp_path):
    path = tmp_path / "figures" / "line.png"
    assert save_figure(line(), path) == path
    assert path.read_bytes() == to_bytes(line())
    assert [p.name for p in path.parent.iterdir()] == ["line.png"]


def test_a_crash_in_mid_write_leaves_the_old_picture(tmp_path, monkeypatch):
    path = save_figure(line(), tmp_path / "line.png")
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_figure(new_figure(1, 1), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["line.png"]

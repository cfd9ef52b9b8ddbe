"""What errors quote stays on one line and short."""

import pytest

from torchcaps.quoting import cut, listed, quote


@pytest.mark.parametrize("value", ["24x40", -1, 24.0, None, ["a", 2], {"a": 1}])
def test_short_values_are_quoted_as_they_are(value):
    assert quote(value) == repr(value)


def test_a_bomb_of_references_is_not_unfolded():
    bomb = ["ha"] * 9
    for _ in range(30):
        bomb = [bomb] * 9
    assert len(quote(bomb)) <= 80
    assert len(quote("x" * 10**7)) <= 80


@pytest.mark.parametrize("text", ["two\nlines", "a\x1b[31mred\x1b[0m", "x" * 500])
def test_a_line_has_one_line_and_prints(text):
    line = cut(text)
    assert line.isprintable()
    assert len(line) <= 80


def test_names_beyond_a_line_are_counted():
    assert listed(["cat", "dog"]) == "cat, dog"
    assert listed(["x" * 500, "y"]).endswith("... and 1 more")
    assert listed([]) == ""

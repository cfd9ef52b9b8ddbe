"""The confusion matrix: numbers where they belong, none where they could not be read."""

from torchcaps.figures.confusion import confusion_matrix
from torchcaps.figures.style import to_bytes

COUNTS = [[5, 1, 0], [0, 0, 0], [2, 0, 8]]


def test_rows_are_classes_and_columns_what_they_were_taken_for():
    axes, bar = confusion_matrix(COUNTS, ("a", "$b", "c"), title="x").axes
    numbers = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert numbers == {(0, 0): "5", (1, 0): "1", (0, 2): "2", (2, 2): "8"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "$b", "c"]
    shares = axes.images[0].get_array()
    assert shares is not None
    assert shares[2].tolist() == [0.2, 0, 0.8]
    assert shares[1].tolist() == [0, 0, 0]  # a class without images
    assert bar.get_ylabel() == "share of the class"


def test_many_classes_are_colours_alone():
    counts = [[int(i == j) for j in range(100)] for i in range(100)]
    figure = confusion_matrix(counts, list(map(str, range(100))), title="x")
    assert not figure.axes[0].texts
    assert not figure.axes[0].get_xticklabels()
    assert to_bytes(figure).startswith(b"\x89PNG")

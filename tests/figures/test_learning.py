"""The curves of a run are its metrics."""

import numpy as np
import pytest

from torchcaps.figures.learning import learning_curve
from torchcaps.figures.style import COLOURS, to_bytes


def history(accuracies=(0.5, 0.9, 0.7), validation_loss=0.8):
    return [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "accuracy": accuracy,
            "validation_loss": None if accuracy is None else validation_loss / epoch,
        }
        for epoch, accuracy in enumerate(accuracies, 1)
    ]


def points(line):
    return np.asarray(line.get_xydata()).tolist()


def test_lines_are_losses_and_accuracies_against_the_epoch():
    losses, accuracy = learning_curve(history(), title="cnn on digits").axes
    drawn = {line.get_label(): points(line) for line in losses.lines}
    assert drawn["training"] == [[1, 1], [2, 1 / 2], [3, 1 / 3]]
    assert [loss for _, loss in drawn["validation"]] == pytest.approx([0.8, 0.4, 0.8 / 3])
    assert points(accuracy.lines[0]) == [[1, 50], [2, 90], [3, 70]]
    assert losses.get_ylabel() == "loss"
    assert accuracy.get_ylabel() == "validation accuracy (%)"
    legend = losses.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.texts] == ["training", "validation"]


def test_a_ring_is_at_the_first_of_the_best_epochs():
    _, accuracy = learning_curve(history((0.5, 0.9, 0.9)), title="").axes
    assert points(accuracy.lines[1]) == [[2, 90]]
    assert accuracy.get_title(loc="left") == "best: 90.00%, epoch 2"


def test_without_validation_images_there_is_one_panel():
    (losses,) = learning_curve(history((None, None)), title="").axes
    assert len(losses.lines) == 1
    assert losses.get_legend() is None


@pytest.mark.parametrize("epochs", [1, 2, 7, 300])
def test_epochs_are_whole_numbers_and_the_picture_shows_the_lines(decode, epochs):
    figure = learning_curve(history([0.5] * epochs), title="cnn on $5")
    pixels = decode(to_bytes(figure))
    for axes in figure.axes:
        assert all(float(tick).is_integer() for tick in axes.get_xticks())
    for colour in COLOURS[:2]:
        wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
        assert (np.abs(pixels.astype(int) - wanted).max(-1) < 8).sum() > 20

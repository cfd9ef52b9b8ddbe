"""A sheet of images: every pixel in its place."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from torchcaps.figures.images import image_grid
from torchcaps.figures.style import to_bytes


def grid(images, **labels):
    """The figure, and the sheet that its axes show."""
    figure = image_grid(
        images,
        title=labels.get("title", ""),
        row_labels=labels.get("rows", [str(k) for k in range(len(images))]),
        column_labels=labels.get("columns", [str(k) for k in range(len(images[0]))]),
        xlabel=labels.get("xlabel", ""),
    )
    sheet = figure.axes[0].images[0].get_array()
    assert sheet is not None
    return figure, sheet


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 5), (3, 5, 8), (1, 1, 1)])
def test_every_image_is_in_its_place(shape):
    torch.manual_seed(0)
    _, height, width = shape
    rows = [torch.rand(4, *shape), torch.rand(4, *shape)]
    _, sheet = grid(rows)
    assert sheet.shape == (2 * (height + 1), 4 * (width + 1), 3)
    for r, row in enumerate(rows):
        for c, image in enumerate(row):
            top, left = r * (height + 1), c * (width + 1)
            cell = sheet[top : top + height, left : left + width]
            wanted = image.permute(1, 2, 0).expand(height, width, 3)
            np.testing.assert_array_equal(cell, wanted)


def test_white_lines_keep_neighbours_apart():
    _, sheet = grid([torch.zeros(3, 1, 4, 6)])
    assert (sheet[4] == 1).all()
    assert (sheet[:, [6, 13, 20]] == 1).all()
    assert sheet[:4, :6].max() == 0


def test_pixels_outside_the_range_are_clipped_and_gradients_left_behind():
    _, sheet = grid([torch.tensor([-3.0, 0.5, 7.0], requires_grad=True).reshape(3, 1, 1, 1)])
    assert sheet[0, ::2, 0].tolist() == [0, 0.5, 1]


def test_labels_stand_at_the_middle_of_their_images():
    labels = {"title": "T", "rows": ["up", "down"], "columns": list("abc"), "xlabel": "X"}
    figure, _ = grid([torch.zeros(3, 1, 5, 7), torch.zeros(3, 1, 5, 7)], **labels)
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "T"
    assert axes.get_xlabel() == "X"
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["up", "down"]
    assert list(axes.get_xticks()) == [3, 11, 19]
    assert list(axes.get_yticks()) == [2, 8]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_png_shows_bright_and_dark(channels, decode):
    images = torch.stack([torch.zeros(channels, 8, 8), torch.ones(channels, 8, 8)])
    pixels = decode(to_bytes(grid([images])[0]))
    assert (pixels == 0).all(-1).mean() > 0.02
    assert (pixels == 255).all(-1).mean() > 0.3


def test_names_with_dollars_and_backslashes_are_no_formula(decode):
    names = ["$5", r"$\nonsense{$", "a$b$c"]
    figure, _ = grid([torch.zeros(3, 1, 4, 4)], columns=names, title=r"$\frac$", rows=["$_$"])
    assert decode(to_bytes(figure)).size > 0


def test_long_names_do_not_run_into_each_other():
    names = ["Acer pseudoplatanus", "Corylus avellana", "Quercus"]
    figure, _ = grid([torch.zeros(3, 1, 8, 8)], columns=names)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == names
    assert all(one.x1 < two.x0 for one, two in pairwise(boxes))
    assert all(box.y0 > 0 for box in boxes), "cut off below"

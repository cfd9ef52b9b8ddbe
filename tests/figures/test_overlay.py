"""Masks over their images."""

import numpy as np
import torch

from torchcaps.figures.overlay import overlay, overlay_grid, region_colours


def test_only_what_is_no_background_is_tinted():
    image = torch.rand(1, 4, 5)
    mask = torch.zeros(4, 5, dtype=torch.int64)
    mask[1, 2], mask[3, 4] = 1, 2
    shown = overlay(image, mask, 3, opacity=0.25)
    grey, colours = image[0].numpy(), region_colours(3)
    np.testing.assert_allclose(shown[0, 0], [grey[0, 0]] * 3)
    np.testing.assert_allclose(shown[1, 2], 0.75 * grey[1, 2] + 0.25 * colours[1], rtol=1e-6)
    np.testing.assert_allclose(shown[3, 4], 0.75 * grey[3, 4] + 0.25 * colours[2], rtol=1e-6)


def test_neighbouring_regions_have_different_colours():
    colours = region_colours(20)
    assert (colours[0] == 0).all()
    assert (colours[1:] != colours[:-1]).any(1).all()


def test_the_grid_shows_each_image_under_each_mask():
    images, masks = torch.rand(3, 3, 6, 4), torch.randint(3, (3, 6, 4))
    rows = {"mask": masks, "model": masks.flip(0)}
    figure = overlay_grid(images, rows, ("background", "a", "$b"), title="parts")
    assert len(figure.axes) == 9
    found = figure.axes[6 + 1].images[0].get_array()
    assert found is not None
    np.testing.assert_allclose(found, overlay(images[1], masks.flip(0)[1], 3))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "$b"]

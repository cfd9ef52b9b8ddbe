"""Faces as a page moves them: what is read is what was drawn."""

import pytest
import torch

from torchcaps.data.faces import draw
from torchcaps.data.faces_ink import ink
from torchcaps.data.faces_scene import FIGURES, PARTS, SCRAMBLED, imagine
from torchcaps.explorer.fields import Fields
from torchcaps.explorer.figure import draw_figure, figure_json, new_figure, read_figure


@pytest.mark.parametrize("name", list(FIGURES))
def test_a_figure_comes_back_as_it_went(name):
    scene = imagine(1, (name,), seed=7, missing=0.9)
    read = read_figure(Fields(figure_json(scene), "test"))
    assert torch.equal(draw_figure(read, 32), ink(scene, 32)[0])
    assert read.figures == scene.figures
    assert torch.equal(read.shown, scene.shown)
    assert figure_json(read) == figure_json(scene)


def test_it_is_the_drawing_of_the_dataset_without_its_noise(client):
    figure = client.get("/api/figure", params={"figure": "face", "seed": 11}).json()
    drawing = draw(1, ("face",), seed=11)
    image = draw_figure(read_figure(Fields(figure, "test")), 32)
    off = (image - drawing.images[0]).abs().max()
    assert 0 < off <= drawing.scene.noise[0]
    assert [part["name"] for part in figure["parts"]] == list(PARTS)
    assert figure["shown"] == [True] * 5


def test_scrambling_moves_parts_and_changes_nothing_else(client):
    face, *twins = (
        client.get("/api/figure", params={"figure": name, "seed": 2}).json()
        for name in ("face", *SCRAMBLED)
    )
    for twin in twins:
        assert twin["parts"] != face["parts"]
        for part, was in zip(twin["parts"], face["parts"], strict=True):
            assert (part["rotation"], part["scale"]) == (was["rotation"], was["scale"])
        assert (twin["thickness"], twin["expression"]) == (face["thickness"], face["expression"])
        assert twin["parts"][0] == face["parts"][0]


def test_a_part_moved_on_the_page_moves_in_the_image():
    figure = figure_json(new_figure("face", 0))
    for part in figure["parts"]:
        part.update(x=0.0, y=0.0)
    figure["shown"] = [False, False, False, False, True]
    left = draw_figure(read_figure(Fields(figure, "test")), 32)
    figure["parts"][4]["x"] = 0.5  # a quarter of the side: 8 pixels
    right = draw_figure(read_figure(Fields(figure, "test")), 32)
    torch.testing.assert_close(right[..., 8:], left[..., :-8], atol=1e-5, rtol=0)
    assert left.max() > 0.5

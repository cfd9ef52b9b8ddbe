"""The image and the angle that the page opens with."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from torchcaps.data import ImageDataset
from torchcaps.explorer.first_view import first_view
from torchcaps.explorer.shown import Shown
from torchcaps.explorer.workspaces import load_workspace
from torchcaps.models import Model, Output
from torchcaps.nn import ScoreCrossEntropy
from torchcaps.training import Recipe


class Puppet(Model):
    """Answers about images upright, then rotated, as it is told: + is correct. Without angles it
    has no capsules."""

    name = "puppet"

    def __init__(self, upright: str, rotated: str, angles: list[float] | None) -> None:
        super().__init__((1, 8, 8), 2)
        self.weight = nn.Parameter(torch.zeros(1))
        self.upright, self.rotated, self.angles = upright, rotated, angles

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Output:
        marks = self.rotated if bool((images != images.round()).any()) else self.upright
        correct = torch.tensor([float(mark == "+") for mark in marks])
        return Output(torch.stack([correct, 1 - correct], -1))

    def make_loss(self) -> nn.Module:
        return ScoreCrossEntropy()

    def angle(self, out: Output) -> Tensor | None:
        return None if self.angles is None else torch.tensor(self.angles)


def puppet(upright: str, rotated: str, angles: list[float] | None = None) -> Shown:
    pose_dim, can = (None if angles is None else 4), {"angle": angles is not None}
    return Shown("puppet", "puppet", Puppet(upright, rotated, angles), pose_dim, None, can)


@pytest.fixture
def images():
    """Four images of class 0; a rotation by 40 degrees makes grey of black and white."""
    pixels = torch.zeros(4, 1, 8, 8)
    pixels[..., 2:4] = 1
    return ImageDataset(pixels, torch.zeros(4, dtype=torch.long), ["a", "b"])


@pytest.mark.parametrize(
    ("turning", "plain", "angles", "image"),
    [
        (("++++", "+-++"), ("++++", "+--+"), [40.0, 40.0, 40.0, 40.0], 2),
        (("++++", "++++"), ("-+++", "----"), [40.0, 40.0, 40.0, 40.0], 1),
        (("++++", "++++"), ("++++", "----"), [0.0, 20.0, 33.0, 40.0], 2),
        (("++++", "++++"), ("++++", "----"), [0.0, 20.0, 29.0, 51.0], 0),
        (("++++", "---+"), ("++++", "-+++"), [40.0, 40.0, 40.0, 40.0], 1),
    ],
)
def test_the_first_image_on_which_the_networks_differ_as_they_should(
    images, turning, plain, angles, image
):
    view = first_view([puppet(*plain), puppet(turning[0], turning[1], angles)], images)
    assert view == {"image": image, "degrees": 40}


def test_networks_that_agree_open_upright(images):
    upright = {"image": 0, "degrees": 0}
    agreed = [puppet("++++", "++++"), puppet("++++", "++++", [40.0] * 4)]
    assert first_view(agreed, images) == upright
    assert first_view([], images) == upright


def test_the_networks_of_the_package_part_on_the_image_they_open_with():
    folders = [Path(f"{name}.digits") for name in ("equivariant_capsnet", "cnn")]
    workspace = load_workspace("digits", folders, Recipe())
    view = workspace.as_json()["first_view"]
    again = load_workspace("digits", folders, Recipe()).first_view
    assert view == again
    assert view["degrees"] == 40


def test_faces_open_with_a_drawing(workspaces):
    assert workspaces["faces"].as_json()["first_view"] is None

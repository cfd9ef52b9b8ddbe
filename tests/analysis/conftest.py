"""Models whose answers are known beforehand, and images to turn."""

import pytest
import torch

from torchcaps.data import ImageDataset
from torchcaps.models import Model, Output
from torchcaps.nn import ScoreCrossEntropy

CLASSES = ("right", "top", "left", "bottom")


class Rule(Model):
    """Scores are a formula of the images; nothing is learnt."""

    name = "rule"

    def __init__(self, scores, num_classes, size=9):
        super().__init__((1, size, size), num_classes)
        self.classes = CLASSES[:num_classes]
        self.scores = scores
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images, labels=None):
        return Output(self.scores(images))

    def make_loss(self):
        return ScoreCrossEntropy()


def ink(images):
    """Class 1 where there is more ink than 20 pixels' worth: turning changes nothing."""
    return torch.stack([torch.full((len(images),), 20.0), images.sum((1, 2, 3))], 1)


def side(images):
    """The side with the most ink: right, top, left, bottom."""
    top, left = images[..., :3, :], images[..., :3]
    bottom, right = images[..., -3:, :], images[..., -3:]
    return torch.stack([part.sum((1, 2, 3)) for part in (right, top, left, bottom)], 1)


def says(answer):
    """Always the same class."""
    return lambda images: torch.eye(4)[answer].expand(len(images), 4)


@pytest.fixture
def rule():
    """rule(ink), rule(side), rule(says(2)): the model that follows it."""
    rules = {"ink": (ink, 2), "side": (side, 4)}

    def make(name, answer=None):
        return Rule(says(answer), 4) if name == "says" else Rule(*rules[name])

    return make


@pytest.fixture
def blots():
    """Small and large blots, in the middle, where turning loses no ink."""
    images = torch.zeros(10, 1, 9, 9)
    images[:5, :, 3:6, 3:6] = 1
    images[5:, :, 2:7, 2:7] = 1
    return ImageDataset(images, torch.arange(10) // 5, CLASSES[:2])


@pytest.fixture
def dots():
    """Ink on the right (4 images) or above (2), labelled by its side."""
    images = torch.zeros(6, 1, 9, 9)
    images[:4, :, 4, 7] = 1
    images[4:, :, 1, 4] = 1
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    return ImageDataset(images, labels, CLASSES)

"""Figures against what can be counted by hand."""

import pytest
import torch
from torch import nn

from torchcaps.data import ImageDataset
from torchcaps.models import Model, Output
from torchcaps.training import evaluate

COUNT, CLASSES = 11, 4


class ReadsTheLabel(nn.Module):
    """Image n is filled with its label / 10; scores say that label, and the picture is off by a
    tenth. Counts the images it is shown."""

    def __init__(self, *, draws=True):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(()))
        self.draws, self.shown, self.modes = draws, [], []

    def forward(self, images, labels=None):
        assert labels is None, "the label must not help to draw"
        self.shown.append(len(images))
        self.modes.append(self.training)
        said = (images.mean((1, 2, 3)) * 10).round().long()
        scores = nn.functional.one_hot(said, CLASSES).float()
        return Output(scores, reconstruction=images + 0.1 if self.draws else None)


class MeanLabel(nn.Module):
    """A loss that differs from image to image: its label."""

    def forward(self, out, images, labels):
        return labels.float().mean()


def dataset(wrong=()):
    """Labels 0 1 2 3 0 1 ...; the images of `wrong` show the next class instead."""
    labels = torch.arange(COUNT) % CLASSES
    shown = labels.clone()
    shown[list(wrong)] = (shown[list(wrong)] + 1) % CLASSES
    images = (shown / 10)[:, None, None, None].expand(-1, 1, 3, 2).clone()
    return ImageDataset(images, labels, tuple("abcd"))


@pytest.mark.parametrize("batch_size", [1, 4, 11, 250])
@pytest.mark.parametrize("wrong", [[], [0], [2, 3, 10], list(range(COUNT))], ids=str)
def test_figures_are_means_over_images_however_they_are_cut(batch_size, wrong):
    """Labels 0 1 2 3 0 1 2 3 0 1 2 have the mean 15 / 11, which the mean of batches has not."""
    model = ReadsTheLabel()
    found = evaluate(model, dataset(wrong), MeanLabel(), batch_size=batch_size)
    assert found.accuracy == (COUNT - len(wrong)) / COUNT
    assert found.loss == pytest.approx(15 / 11)
    assert found.reconstruction_mse == pytest.approx(0.01)
    assert found.images == sum(model.shown) == COUNT


def test_without_a_picture_there_is_no_error_of_it():
    found = evaluate(ReadsTheLabel(draws=False), dataset(), MeanLabel())
    assert found.reconstruction_mse is None
    assert found.accuracy == 1


def test_a_transform_moves_the_images_and_what_pictures_are_compared_with():
    """Every image shows the next class: the last one is out of range of none."""
    found = evaluate(
        ReadsTheLabel(), dataset(), MeanLabel(), transform=lambda images: (images + 0.1) % 0.4
    )
    assert found.accuracy == 0
    assert found.reconstruction_mse == pytest.approx(0.01)


@pytest.mark.parametrize("training", [False, True])
def test_the_model_is_tested_in_evaluation_mode_and_left_as_it_was(training):
    model = ReadsTheLabel().train(training)
    evaluate(model, dataset(), MeanLabel(), batch_size=4)
    assert model.modes == [False] * 3
    assert model.training == training
    assert model.unused.grad is None


class SaysTheFirst(Model):
    """Always class 0."""

    name = "says_the_first"

    def __init__(self, num_classes=2):
        super().__init__((1, 3, 2), num_classes)
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, images, labels=None):
        return Output(nn.functional.one_hot(torch.zeros(len(images)).long(), 2).float())

    def make_loss(self):
        return MeanLabel()


def two(*classes):
    return ImageDataset(torch.zeros(3, 1, 3, 2), torch.tensor([0, 0, 1]), classes)


@pytest.mark.parametrize("wrap", [lambda m: m, nn.DataParallel, torch.compile])
def test_labels_are_matched_to_the_models_classes_by_name(wrap):
    model = SaysTheFirst()
    model.classes = ("cat", "dog")
    assert evaluate(wrap(model), two("cat", "dog"), MeanLabel()).accuracy == pytest.approx(2 / 3)
    assert evaluate(wrap(model), two("dog", "cat"), MeanLabel()).accuracy == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match=r"^evaluate: expected the classes .*: wolf unknown"):
        evaluate(wrap(model), two("cat", "wolf"), MeanLabel())


def test_a_model_without_names_takes_labels_as_they_are_and_says_so():
    with pytest.warns(UserWarning, match="says_the_first has no names of its classes, so that la"):
        found = evaluate(SaysTheFirst(), two("dog", "cat"), MeanLabel())
    assert found.accuracy == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="expected the classes that the model was trained on"):
        evaluate(SaysTheFirst(), two("dog", "cat", "cow"), MeanLabel())

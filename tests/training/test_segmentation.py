"""Training, testing and calibrating models that give every pixel a class."""

import pytest
import torch

import torchcaps as tc
from torchcaps.data import SegmentationDataset
from torchcaps.models import Output
from torchcaps.training import Recipe, evaluate, resume, train
from torchcaps.training.calibrate import some_pixels
from torchcaps.training.class_metrics import metrics_of
from torchcaps.training.run_folder import read_metrics

SMALL = {"stem_channels": 8, "level_types": [2, 4], "level_dims": [8, 8]}


def squares(count, size=12, seed=0, axes=2):
    """Bright and half-bright squares, at most one of each, on noise."""
    generator = torch.Generator().manual_seed(seed)
    masks = torch.zeros(count, *[size] * axes, dtype=torch.int64)
    for mask in masks:
        for label in (1, 2):
            if torch.rand((), generator=generator) < 0.8:
                corner = torch.randint(size - 4, (axes,), generator=generator).tolist()
                mask[tuple(slice(n, n + 4) for n in corner)] = label
    images = masks.float() / 2 * 0.8 + 0.2 * torch.rand(masks.shape, generator=generator)
    return SegmentationDataset(images.unsqueeze(1), masks, ("background", "dim", "bright"))


@pytest.mark.parametrize(
    ("name", "axes", "options"),
    [("seg_capsnet", 2, SMALL), ("unet", 2, {"width": 8, "halvings": 2}),
     ("seg_capsnet", 3, SMALL | {"level_types": [2], "level_dims": [8]})],
)  # fmt: skip
def test_squares_are_learnt(name, axes, options):
    count, size, batch = (96, 12, 8) if axes == 2 else (64, 8, 4)
    train_set, held = squares(count, size, axes=axes), squares(24, size, 1, axes)
    recipe = Recipe(
        epochs=12, batch_size=batch, lr=0.01, class_weights="balanced", precision="fp32"
    )
    torch.manual_seed(0)
    model = tc.create_model(name, train_set.in_shape, 3, **options)
    _, history = tc.train(model, train_set, validation=held, recipe=recipe, quiet=True)
    assert history[-1]["mean_dice"] > 0.85
    metrics = metrics_of(model)
    found = evaluate(model, held, model.make_loss(), metrics=metrics, batch_size=7)
    assert found.score == pytest.approx(history[-1]["mean_dice"], abs=1e-6)
    dice = metrics.compute()["dice"]
    assert float(dice[1:].mean()) == pytest.approx(found.score, abs=1e-6)


class Answers(tc.models.UNet):
    """Says what it is told."""

    def forward(self, images, labels=None):
        told = self.told[: len(images)]
        self.told = self.told[len(images) :]
        return Output(torch.nn.functional.one_hot(told, 3).movedim(-1, 1).float() * 9)


def told(answers):
    model = Answers((1, 2, 2), 3)
    model.classes, model.told = ("background", "a", "b"), answers
    return model


def test_a_region_that_an_image_lacks_says_nothing_and_one_made_up_is_0():
    masks = torch.tensor([[[1, 1], [0, 0]], [[0, 0], [0, 0]], [[1, 0], [0, 2]]])
    answers = torch.tensor([[[1, 0], [0, 0]], [[0, 0], [0, 0]], [[1, 0], [2, 2]]])
    data = SegmentationDataset(torch.rand(3, 1, 2, 2), masks, ("background", "a", "b"))
    model, metrics = told(answers), metrics_of(told(answers))
    found = evaluate(model, data, model.make_loss(), batch_size=2, metrics=metrics)
    assert found.accuracy == 10 / 12
    a, b = (2 / 3 + 1) / 2, 2 / 3
    assert found.score == pytest.approx((a + b) / 2)
    figures = metrics.compute()
    assert figures["images"].tolist() == [3, 2, 1]
    assert figures["dice"][1:].tolist() == pytest.approx([a, b])
    assert figures["iou"][1:].tolist() == pytest.approx([(1 / 2 + 1) / 2, 1 / 2])


def test_regions_in_no_image_are_left_out():
    masks = torch.tensor([[[1, 1], [0, 0]]])
    data = SegmentationDataset(torch.rand(1, 1, 2, 2), masks, ("background", "a", "b"))
    model, metrics = told(masks), metrics_of(told(masks))
    assert evaluate(model, data, model.make_loss(), metrics=metrics).score == 1
    assert metrics.compute()["dice"][2].isnan()


def test_balanced_weights_are_those_of_pixels():
    train_set = squares(8)
    recipe = Recipe(epochs=1, batch_size=8, class_weights="balanced", precision="fp32")
    torch.manual_seed(0)
    model = tc.create_model("unet", train_set.in_shape, 3, width=2, halvings=1)
    weights = len(train_set.labels.flatten()) / (3 * train_set.labels.flatten().bincount())
    images, masks = train_set.batch(range(8))
    wanted = model.make_loss()(model(images), images, masks, weights=weights[masks])
    _, history = tc.train(model, train_set, recipe=recipe, quiet=True)
    assert history[0]["loss"] == pytest.approx(float(wanted), rel=1e-4)


def test_a_run_on_the_faces_is_resumed_and_calibrated(tmp_path):
    recipe = Recipe(
        model="seg_capsnet", data="face_parts", data_options={"size": 16}, train_images=32,
        batch_size=16, epochs=1, rotate=10.0, shift=1, model_options=SMALL, precision="fp32",
    )  # fmt: skip
    folder = train(recipe, tmp_path / "run", quiet=True)
    resume(folder, epochs=2, quiet=True)
    first, second = read_metrics(folder)
    assert 0 <= first["mean_dice"] <= 1
    assert second["loss"] != first["loss"]
    model = tc.load_model(folder)
    assert model.classes == ("background", "head", "eyes", "nose", "mouth")
    assert model.gain != 10


def test_calibration_takes_some_pixels_of_each_image():
    scores = torch.rand(2, 3, 50, 60)
    labels = torch.randint(3, (2, 50, 60))
    some, wanted = some_pixels(scores, labels)
    assert some.shape == (2000, 3)
    assert torch.equal(some[1], scores[0].flatten(1)[:, 3])
    assert wanted[1] == labels[0].flatten()[3]
    assert some_pixels(scores[:, :, 0, 0], labels[:, 0, 0])[0].shape == (2, 3)


def test_what_does_not_go_together_is_refused():
    data = squares(8)
    with pytest.raises(ValueError, match="task: expected segmentation"):
        tc.train("seg_capsnet", "digits", recipe=Recipe(train_images=20), quiet=True)
    with pytest.raises(ValueError, match="task: expected classes or multilabel"):
        tc.train("cnn", data, quiet=True)
    with pytest.raises(ValueError, match="augment: expected none where each pixel has a class"):
        tc.train("unet", data, augment=lambda images: images.flip(-1), quiet=True)
    with pytest.raises(ValueError, match="sampling"):
        tc.train("unet", data, recipe=Recipe(sampling="balanced"), quiet=True)
    model = tc.create_model("unet", data.in_shape, 3, width=2, halvings=1)
    with pytest.raises(ValueError, match="masks of 'images' would not move"):
        evaluate(model, data, model.make_loss(), transform=lambda x: x)
    with pytest.raises(ValueError, match="labels of task 'segmentation'"):
        evaluate(model, tc.load_dataset("digits", "test"), model.make_loss())

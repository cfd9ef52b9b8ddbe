"""Images that have several classes: trained, tested, calibrated, saved and resumed."""

import json

import pytest
import torch
from torch.utils.data import TensorDataset
from torchmetrics.functional.classification import multilabel_average_precision

import torchcaps as tc
from torchcaps.data import ImageDataset, match_classes
from torchcaps.models import Output
from torchcaps.training import Recipe, evaluate

NAMES = ("left", "right", "never")


def halves(count, seed=0):
    """Images [1,8,8] with light in the left half, in the right one, in both or in none."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count, 3), generator=generator) * torch.tensor([1, 1, 0])
    images = 0.2 * torch.rand(count, 1, 8, 8, generator=generator)
    images[..., :4] += 0.6 * labels[:, 0, None, None, None]
    images[..., 4:] += 0.6 * labels[:, 1, None, None, None]
    return ImageDataset(images, labels, NAMES, name="halves")


def recipe(**others):
    return Recipe(**{"epochs": 6, "lr": 0.01, "precision": "fp32", "batch_size": 32, **others})


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("capsnet_small", {"stem_channels": 8, "types": 2}),
        ("capsnet_small", {"stem_channels": 8, "types": 2, "routing": "em"}),
        ("capsnet_small", {"stem_channels": 8, "types": 2, "routing": "inverted_attention"}),
        ("cnn", {"hidden": 16}),
    ],
)
def test_it_learns_which_classes_are_there(model, options, tmp_path):
    found = tc.train(
        model,
        halves(256),
        recipe=recipe(model_options=options),
        validation=halves(128, 1),
        out=tmp_path / "run",
        quiet=True,
    )
    record = found.history[-1]
    assert record["mean_average_precision"] > 0.98
    assert record["accuracy"] > 0.9
    again = tc.load_model(tmp_path / "run")
    assert again.task == "multilabel"
    assert again.calibration == found.model.calibration
    assert len(again.calibration.thresholds) == 3
    test_set = halves(64, 2)
    out = again(test_set.images)
    assert out.reconstruction is None
    assert ((again.present(out) == test_set.labels.bool()).all(-1)).float().mean() > 0.9


def test_the_figures_are_those_of_the_definitions():
    dataset = halves(40)
    model = tc.create_model("cnn", (1, 8, 8), 3, hidden=4).eval()
    model.task, model.classes = "multilabel", NAMES
    found = evaluate(model, dataset, model.make_loss(), batch_size=7)
    out = Output(model(dataset.images).scores.detach())
    logits, targets = out.scores.double(), dataset.labels.double()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets, reduction="none"
    ).sum(-1)
    assert found.loss == pytest.approx(float(loss.mean()), rel=1e-5)
    exact = ((logits >= 0) == dataset.labels.bool()).all(-1).double().mean()
    assert found.accuracy == pytest.approx(float(exact))
    shown = multilabel_average_precision(logits[:, :2].sigmoid(), dataset.labels[:, :2], 2)
    assert found.score == pytest.approx(float(shown), rel=1e-6)  # no image has the third


def test_a_resumed_run_ends_alike(tmp_path):
    def run(folder, epochs):
        asked = recipe(epochs=epochs, model="cnn", model_options={"hidden": 8})
        return tc.train(
            "cnn", halves(64), recipe=asked, validation=halves(32, 1), out=folder, quiet=True
        )

    whole = run(tmp_path / "whole", 3).model
    run(tmp_path / "part", 1)
    asked = recipe(epochs=3, model="cnn", model_options={"hidden": 8})
    again = tc.train(
        "cnn",
        halves(64),
        recipe=asked,
        validation=halves(32, 1),
        out=tmp_path / "part",
        resume=True,
        quiet=True,
    ).model
    assert again.calibration == whole.calibration
    assert (again(halves(9).images).scores == whole(halves(9).images).scores).all()


def test_any_module_and_any_dataset_of_torch():
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    data = TensorDataset(halves(64).images, halves(64).labels)
    found = tc.train(net, data, validation=data, recipe=recipe(epochs=2), quiet=True)
    assert 0 < found.history[-1]["mean_average_precision"] <= 1


def test_columns_follow_their_names():
    swapped = match_classes(halves(9), ("right", "never", "left"), "test")
    assert (swapped.labels == halves(9).labels[:, [1, 2, 0]]).all()
    with pytest.raises(ValueError, match=r"other missing"):
        match_classes(halves(9), (*NAMES, "other"), "test")


def test_labels_of_another_task_are_refused():
    model = tc.create_model("cnn", (1, 8, 8), 3)
    with pytest.raises(ValueError, match=r"expected labels of task 'classes'.*got 'multilabel'"):
        evaluate(model, halves(9), model.make_loss())


def test_a_decoder_draws_the_capsule_of_one_class_and_is_refused():
    options = {"decoder": "conv"}
    with pytest.raises(ValueError, match="decoder: expected 'none'"):
        tc.train("capsnet_small", halves(32), recipe=recipe(model_options=options), quiet=True)


def test_a_network_of_one_class_an_image_is_refused():
    with pytest.raises(ValueError, match=r"equivariant_capsnet, task: expected classes"):
        tc.train("equivariant_capsnet", halves(32), recipe=recipe(), quiet=True)


def test_class_weights_are_refused():
    with pytest.raises(ValueError, match="class_weights: expected one class of each image"):
        tc.train("cnn", halves(32), recipe=recipe(class_weights="balanced"), quiet=True)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.full((4, 3), 2), "got 2 to 2; pass labels > 0"),
        (torch.zeros(4, 2, dtype=torch.long), r"\[4, 3\]; got shape \(4, 2\)"),
        (torch.zeros(4, 3), "expected integers; got torch.float32"),
    ],
)
def test_what_is_no_row_of_zeros_and_ones_is_refused(labels, said):
    with pytest.raises(ValueError, match=said):
        ImageDataset(torch.zeros(4, 1, 8, 8), labels, NAMES)


def test_without_fits_the_probabilities_of_lengths_are_one_half_at_one_half():
    model = tc.create_model("capsnet_small", (1, 8, 8), 3, decoder="none")
    model.task = "multilabel"
    half = Output(torch.full((1, 3), 0.5))
    assert (model.probabilities(half) == 0.5).all()
    assert model.present(half).all()


def test_damaged_thresholds_are_refused(tmp_path):
    model = tc.create_model("cnn", (1, 8, 8), 3, hidden=4)
    tc.save_model(model, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for thresholds, said in (([0.5], "thresholds: expected 3"), ("x", "thresholds")):
        changed = {**config, "task": "multilabel", "thresholds": thresholds}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        with pytest.raises(ValueError, match=said):
            tc.load_model(tmp_path)

"""`tc.train`: names, modules and datasets of one's own, with and without a folder."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import Dataset, IterableDataset, TensorDataset

import torchcaps as tc
from torchcaps.data import ImageDataset
from torchcaps.models import Model, Output
from torchcaps.nn import ScoreCrossEntropy
from torchcaps.training import Diverged, Recipe, train
from torchcaps.training.run_folder import read_metrics

SHORT = Recipe(epochs=3, batch_size=32, precision="fp32", lr=0.01)


def plain():
    torch.manual_seed(5)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def pair(n=400):
    """Digits as (train, validation), of torch's own kind."""
    digits, held = tc.load_dataset("digits").first(n), tc.load_dataset("digits", "validation")
    return tuple(
        TensorDataset(part.batch(range(len(part)))[0], part.labels) for part in (digits, held)
    )


class Own(Model):
    """Follows models.Model, and is entered nowhere."""

    name = "own"

    def __init__(self, in_shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__(in_shape, num_classes)
        self.layer = nn.Linear(in_shape[0] * in_shape[1] * in_shape[2], num_classes)

    def forward(self, images, labels=None):
        return Output(self.layer(images.flatten(1)))

    def make_loss(self):
        return ScoreCrossEntropy()


def accuracy(model, dataset):
    images, labels = dataset.tensors
    with torch.no_grad():
        return (model(images).argmax(-1) == labels).double().mean().item()


def test_names_give_the_run_of_the_command_line(recipe, tmp_path, same_run):
    made = recipe(epochs=2)
    model, history = tc.train(
        "capsnet_small", "digits", recipe=made, out=tmp_path / "a", quiet=True
    )
    run = train(made, tmp_path / "b", quiet=True)
    same_run(tmp_path / "a", run)
    assert history == read_metrics(tmp_path / "a")
    assert isinstance(model, Model)
    assert not model.training
    loaded = tc.load_model(run)
    assert loaded.gain == model.gain
    for name, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])


def test_without_out_nothing_stays_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    _, history = tc.train("cnn", "digits", recipe=Recipe(epochs=1, train_images=32), quiet=True)
    assert len(history) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_plain_module_learns_a_dataset_of_torch(precision):
    network, (digits, held) = plain(), pair()
    made = Recipe(epochs=8, batch_size=32, lr=0.01, precision=precision)
    trained, history = tc.train(network, digits, validation=held, recipe=made, quiet=True)
    assert trained is network
    assert history[-1]["accuracy"] > 0.85
    assert history[-1]["accuracy"] == accuracy(network, held)
    assert history[0]["loss"] > history[-1]["loss"]


def test_without_validation_images_nothing_is_tested():
    digits, _ = pair()
    trained, history = tc.train(plain(), digits, recipe=SHORT, quiet=True)
    assert [record["accuracy"] for record in history] == [None] * 3
    assert [record["validation_loss"] for record in history] == [None] * 3
    assert accuracy(trained, digits) > 0.4
    with pytest.raises(ValueError, match="Recipe, patience: expected validation images, by which"):
        tc.train(plain(), digits, recipe=Recipe(patience=1), quiet=True)


@pytest.mark.usefixtures("unchecked")  # the hub gives in_shape as a list
def test_a_model_of_ones_own_is_trained_with_its_loss_and_saved(tmp_path):
    model, dataset = Own((1, 8, 8), 10), tc.load_dataset("digits")
    held = tc.load_dataset("digits", "validation")
    trained, history = tc.train(
        model, dataset, validation=held, recipe=SHORT, out=tmp_path / "run", quiet=True
    )
    assert trained is model
    assert history[-1]["accuracy"] > 0.8
    again = Own.from_pretrained(tmp_path / "run")
    assert torch.equal(again.layer.weight, model.layer.weight)
    assert Recipe.load(tmp_path / "run" / "config.yaml").model == "own"


def test_a_trained_model_is_fine_tuned_by_the_names_of_its_classes():
    model = tc.load_model("cnn.digits")
    dataset = tc.load_dataset("digits").first(64)
    turned = dataset.relabelled(9 - dataset.labels, dataset.classes[::-1])
    few = Recipe(epochs=1, lr=1e-6, precision="fp32")
    _, history = tc.train(model, turned, validation=turned, recipe=few, quiet=True)
    assert history[0]["accuracy"] > 0.95


def test_a_plain_modules_folder_holds_weights_and_no_configuration(tmp_path):
    digits, held = pair()
    network, _ = tc.train(
        plain(), digits, validation=held, recipe=SHORT, out=tmp_path / "run", quiet=True
    )
    other = plain()
    other.load_state_dict(load_file(tmp_path / "run" / "model.safetensors"))
    assert all(map(torch.equal, network.parameters(), other.parameters()))
    assert not list(tmp_path.rglob("config.json"))
    assert (tmp_path / "run" / "best" / "model.safetensors").exists()
    tc.train(plain(), digits, recipe=SHORT, out=tmp_path / "run", overwrite=True, quiet=True)


def test_with_patience_the_best_weights_are_returned():
    digits, held = pair()
    made = Recipe(epochs=30, batch_size=32, lr=0.05, patience=2, precision="fp32")
    network, history = tc.train(plain(), digits, validation=held, recipe=made, quiet=True)
    accuracies = [record["accuracy"] for record in history]
    assert len(history) < 30
    assert accuracy(network, held) == max(accuracies) > accuracies[-1]


def test_what_was_interrupted_goes_on_to_the_same_weights(tmp_path, ctrl_c, same_run):
    digits, held = pair()

    def call(folder, **how):
        how = {"validation": held, "recipe": SHORT, "quiet": True, **how}
        return tc.train(plain(), digits, out=tmp_path / folder, **how)

    whole, history = call("whole")
    said = ctrl_c(lambda: call("run"), (2, 3))
    assert said.endswith(f"continue with the same call and resume=True (out='{tmp_path / 'run'}')")
    copy = shutil.copytree(tmp_path / "run", tmp_path / "copy")
    again, same = call("run", resume=True)
    assert all(map(torch.equal, whole.parameters(), again.parameters()))
    without_time = [{k: v for k, v in line.items() if "seconds" not in k} for line in history]
    assert [{k: line[k] for k in without_time[0]} for line in same] == without_time
    with pytest.raises(ValueError, match=r"the recipe that .* was begun with, seed 0; got seed 1;"):
        call("copy", resume=True, recipe=Recipe(**{**SHORT.__dict__, "seed": 1}))
    assert copy.is_dir()


def test_an_interruption_that_keeps_nothing_says_so(ctrl_c):
    digits, _ = pair()
    said = ctrl_c(lambda: tc.train(plain(), digits, recipe=SHORT, quiet=True), (2, 3))
    assert said == "stopped after epoch 1, batch 3; nothing is kept, since no out was given"
    said = ctrl_c(lambda: tc.train(plain(), digits, recipe=SHORT, quiet=True), (3, 12))
    assert said == "stopped after the last epoch; nothing is kept, since no out was given"


def test_nothing_is_said_of_a_folder_that_is_gone(capfd):
    digits, held = pair(64)
    made = Recipe(epochs=9, patience=1, precision="fp32", lr=1e-9)
    tc.train(plain(), digits, validation=held, recipe=made)
    assert capfd.readouterr().err.endswith("stopped early: validation was best in epoch 1 of 2\n")
    wild = Recipe(epochs=9, precision="fp32", lr=1e30)
    with pytest.raises(Diverged, match="; nothing is kept, since no out was given; try a smaller"):
        tc.train(plain(), digits, recipe=wild, quiet=True)


class Noisy(Dataset):
    """Other pixels each time an item is read, and labels read only from items."""

    def __init__(self):
        self.read = 0

    def __len__(self):
        return 64

    def __getitem__(self, index):
        if index >= 64:
            raise IndexError
        self.read += 1
        return torch.full((1, 8, 8), 0.001 * self.read), index % 4


def test_items_are_read_anew_for_every_batch():
    noisy = Noisy()
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    tc.train(network, noisy, recipe=SHORT, quiet=True)
    assert noisy.read >= 64 * (1 + 3)


class Stream(IterableDataset):
    def __iter__(self):
        yield torch.zeros(1, 8, 8), 0


def items(*pairs):
    return list(pairs)


IMAGE = torch.zeros(1, 8, 8)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (Stream(), "expected a dataset with a length of at least 1 .*; got Stream; read a stream"),
        (items(), "expected a dataset with a length of at least 1"),
        (items(IMAGE), r"item 0: expected a pair \(image, label\); got tensor"),
        (items((IMAGE[0, 0], 1)), r"item 0: expected an image .*; got shape \[8\]; give"),
        (
            items(("x.png", 1)),
            r"item 0: expected an image .*; got str; give the data",
        ),
        (items((IMAGE, "cat")), "expected labels that are whole numbers; got others"),
        (items((IMAGE, -1), (IMAGE, 0)), "labels: expected 0 to 0 for 1 classes; got -1 to 0"),
        (items((IMAGE, 0), (IMAGE[:, 1:], 1)), r"item 1: expected an image of \[1, 8, 8\], .*7, 8"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_data_that_are_no_images_with_labels_are_named(data, text):
    with pytest.raises(ValueError, match=text):
        tc.train(plain(), data, recipe=SHORT, quiet=True)


def test_models_that_do_not_fit_are_named():
    digits, _ = pair(64)
    text = (
        r"Sequential, output: expected logits \(32, 10\), .* got \(32, 7\); change its last layer"
    )
    with pytest.raises(ValueError, match=text):
        tc.train(nn.Sequential(nn.Flatten(), nn.Linear(64, 7)), digits, recipe=SHORT, quiet=True)
    text = r"train, model: expected one for images \(1, 8, 8\) of 10 classes, .* got own for \(1, 8"
    with pytest.raises(ValueError, match=text):
        tc.train(Own((1, 8, 8), 7), digits, recipe=SHORT, quiet=True)
    with pytest.raises(ValueError, match=r"unknown model 'cn'; known: .* did you mean 'cnn'"):
        tc.train("cn", digits, recipe=SHORT, quiet=True)
    small = ImageDataset(torch.zeros(4, 1, 6, 6), torch.arange(4), list("abcd"))
    with pytest.raises(
        ValueError, match=r"validation: expected images \(1, 8, 8\), as in training"
    ):
        tc.train(plain(), digits, validation=small, recipe=SHORT, quiet=True)
    with pytest.raises(ValueError, match="train, resume: expected the folder of a run in out; got"):
        tc.train("cnn", "digits", resume=True, quiet=True)

"""Classes of one's own: one against the rest, a rare one, a single one, one of an odd name."""

import json

import numpy as np
import pytest
import torch

import torchcaps as tc
from torchcaps.data import ImageDataset
from torchcaps.training import Recipe

WORDS = ("--model", "cnn", "--epochs", 2, "--precision", "fp32", "--quiet")


def test_one_digit_against_the_rest(cli, tmp_path):
    said = cli("train", *WORDS, "--against-rest", "7", "--sampling", "balanced", "--out", "run")
    assert said.code == 0, said.err
    assert tc.load_model(tmp_path / "run").classes == ("7", "rest")
    found = json.loads(cli("evaluate", "run", "--json").out)
    assert [(row["class"], row["images"]) for row in found["classes"]] == [("7", 36), ("rest", 324)]
    assert found["classes"][0]["recall"] > 0.5
    said = cli("train", *WORDS, "--against-rest", "ten", "--out", "other")
    assert said.code == 2
    assert "against_rest, name: expected a class of 'digits' (0, 1, " in said.err


@pytest.mark.parametrize("validated", [True, False])
def test_in_python_the_validation_images_are_of_the_same_two_classes(validated):
    digits, held = tc.load_dataset("digits").first(200), tc.load_dataset("digits", "validation")
    recipe = Recipe(epochs=1, against_rest="3", precision="fp32")
    validation = held if validated else None
    for data in (digits, "digits"):
        model, _ = tc.train("cnn", data, validation=validation, recipe=recipe, quiet=True)
        assert model.classes == ("3", "rest")


def test_a_file_of_a_single_class_is_refused_in_a_sentence(cli, tmp_path):
    np.savez(tmp_path / "one.npz", train_x=np.zeros((9, 1, 4)), train_y=np.zeros(9, int))
    said = cli("train", "--data", "arrays", "--root", "one.npz", "--model", "cnn1d")
    assert said == (
        2, "",
        "torchcaps: train, data: expected training images of different labels; got 8 signals "
        "(0: 8), from which nothing can be learnt; add images of another class\n",
    )  # fmt: skip


def test_five_against_five_hundred_learns_both_when_balanced():
    torch.manual_seed(0)
    labels = torch.tensor([0] * 5 + [1] * 500)
    images = torch.rand(505, 1, 8, 8) * 0.5
    images[:5, :, :4] += 0.3  # the rare ones are brighter at the top
    data = ImageDataset(images, labels, ("rare", "usual"))
    recipe = Recipe(epochs=8, sampling="balanced", precision="fp32", lr=0.003)
    model, _ = tc.train("cnn", data, recipe=recipe, quiet=True)
    with torch.no_grad():
        found = model(data.batch(range(505))[0]).scores.argmax(1)
    assert (found[:5] == 0).all()
    assert (found[5:] == 1).float().mean() > 0.95


def test_a_name_with_a_line_end_stays_on_one_line(cli, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "pictures" / name / f"x\n{number}.png").write_bytes(b"")
    said = cli("train", *WORDS, "--data", "folder", "--root", "pictures")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert ".png: expected a picture; got an empty file" in said.err

"""`torchcaps evaluate`: the numbers of the one evaluator, and models it refuses."""

import json
import os
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy
import pytest
import torch
from PIL import Image

import torchcaps as tc
from torchcaps.data.transforms import rotate
from torchcaps.training import Evaluation, Recipe, evaluate, train


def numbers(folder, split="test", turn=None):
    model = tc.load_model(folder)
    return evaluate(model, tc.load_dataset("digits", split), model.make_loss(), transform=turn)


def said_numbers(said):
    """Those of the evaluator, without those of the classes."""
    return {key: json.loads(said.out)[key] for key in Evaluation._fields}


def near(result):
    numbers = result._asdict().items()
    return {key: value and pytest.approx(value, rel=1e-4) for key, value in numbers}


def test_json_holds_the_evaluation(cli, trained):
    said = cli("evaluate", trained, "--json")
    assert (said.code, said.err) == (0, "")
    assert said_numbers(said) == near(numbers(trained))
    assert numbers(trained).images == 360


def test_json_holds_what_each_class_is_taken_for(cli, trained):
    said = json.loads(cli("evaluate", trained, "--json").out)
    model, dataset = tc.load_model(trained), tc.load_dataset("digits", "test")
    with torch.no_grad():
        out = model(dataset.batch(range(len(dataset)))[0])
    named, sure = out.scores.argmax(-1), model.probabilities(out).amax(-1)
    confusion = torch.zeros(10, 10, dtype=torch.long)
    confusion.index_put_((dataset.labels, named), torch.ones(360).long(), accumulate=True)
    assert said["confusion"] == confusion.tolist()
    for k, row in enumerate(said["classes"]):
        hit = confusion[k, k].item()
        assert (row["class"], row["images"]) == (str(k), confusion[k].sum().item())
        assert row["recall"] == pytest.approx(hit / confusion[k].sum().item())
        assert row["precision"] == pytest.approx(hit / confusion[:, k].sum().item())
    right, error = (named == dataset.labels).float(), 0.0
    for k in range(15):
        some = (sure > k / 15) & (sure <= (k + 1) / 15)
        error += abs((right[some] - sure[some]).sum().item()) / 360
    assert said["calibration_error"] == pytest.approx(error, abs=1e-4)


def test_a_class_without_images_has_no_figures(cli, kinds, cat_or_dog):
    root = kinds("parts/test", "dog").parent
    said = json.loads(cli("evaluate", cat_or_dog, "--root", root, "--json").out)
    cat, dog = said["classes"]
    assert (cat["images"], cat["precision"], cat["recall"], cat["f1"]) == (0, None, None, None)
    assert (dog["images"], dog["precision"], dog["recall"], dog["f1"]) == (8, 1, 1, 1)
    assert "-" in cli("evaluate", cat_or_dog, "--root", root).words


@pytest.mark.parametrize(("words", "largest"), [([], 50), (["--batch-size", 7], 7)])
def test_images_are_taken_a_batch_at_a_time(cli, trained, monkeypatch, words, largest):
    shown = []

    def forward(self, images, labels=None):
        shown.append(len(images))
        return plain(self, images, labels)

    plain = tc.models.CapsNet.forward
    monkeypatch.setattr(tc.models.CapsNet, "forward", forward)
    assert cli("evaluate", trained, *words).code == 0
    assert (max(shown), sum(shown)) == (largest, 360)


def test_the_table_holds_the_same_numbers(cli, trained):
    result = numbers(trained)
    words = " ".join(cli("evaluate", trained).words)
    assert (
        f"capsnet_small 360 of digits, test {result.accuracy:.2%} {result.loss:.4f} "
        f"{result.reconstruction_mse:.4f}"
    ) in words
    assert "class images precision recall F1 0 1 2 3 4 5 6 7 8 9 0 36" in words


def test_digits_and_clothes_are_not_matched_by_their_numbers(refused, model):
    folder = model(in_shape=(1, 28, 28), name="cnn", classes="0123456789")
    if not (Path(os.environ.get("TORCHCAPS_DATA", "")) / "fashion_mnist").is_dir():
        pytest.skip("no Fashion-MNIST files; set TORCHCAPS_DATA")
    text = refused("evaluate", folder, "--data", "fashion_mnist")
    assert "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9); got those of 'fashion_mnist' (T-shirt/top, T" in text


def test_another_split(cli, trained):
    said = said_numbers(cli("evaluate", trained, "--split", "validation", "--json"))
    assert said == near(numbers(trained, "validation"))
    assert said["images"] == 180


@pytest.mark.parametrize("words", [["--rotate", "-30"], ["--rotate=-30"]])
def test_turned_images(cli, trained, words):
    said = said_numbers(cli("evaluate", trained, *words, "--json"))
    assert said == near(numbers(trained, turn=lambda images: rotate(images, -30)))
    assert said["accuracy"] != numbers(trained).accuracy


def test_the_best_model_of_a_run_is_tested_on_the_data_of_the_run(cli, zoo, tmp_path):
    recipe = Recipe(data="folder", root=str(zoo), data_options={"size": 9}, epochs=1, model="cnn")
    train(recipe, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "best" / "config.yaml").exists()
    said = cli("evaluate", "run/best", "--json")
    assert (said.code, said.err) == (0, "")


def test_a_model_without_a_run_is_tested_on_the_digits_and_says_so(cli, trained, tmp_path):
    folder = copytree(trained / "best", tmp_path / "alone")
    said = cli("evaluate", folder, "--json")
    assert said_numbers(said) == near(numbers(folder))
    assert said.err == (
        f"torchcaps: evaluate: {folder} does not say what it was trained on; tested on digits\n"
    )


def test_a_cnn_has_no_reconstruction(cli, model):
    folder = model(name="cnn", classes="0123456789")
    assert json.loads(cli("evaluate", folder, "--json").out)["reconstruction_mse"] is None
    assert "capsnet_small" not in (words := cli("evaluate", folder).words)
    assert words[words.index("360") + 6] == "-"


def test_a_run_remembers_its_data_and_their_options(cli, zoo, tmp_path):
    recipe = Recipe(data="folder", root=str(zoo), data_options={"size": 9}, epochs=1, model="cnn")
    train(recipe, tmp_path / "run", quiet=True)
    said = said_numbers(cli("evaluate", "run", "--json"))
    result = evaluate(
        loaded := tc.load_model(tmp_path / "run"), recipe.load_data("test"), loaded.make_loss()
    )
    assert said == near(result)


def test_data_of_another_shape_are_refused(cli, refused, zoo, model):
    folder = model()
    assert refused("evaluate", folder) == (
        "evaluate: expected the classes that the model was trained on (ape, bee, cow); got those "
        "of 'digits' (0, 1, 2, 3, 4, 5, 6, 7, 8, 9): all unknown; take data of the same "
        "classes, or give classes that mean the same the same names"
    )
    assert refused("evaluate", folder, "--data", "folder", "--root", zoo) == (
        "evaluate, --data: expected images (1, 8, 8), which capsnet_small was built "
        "for; folder has (3, 32, 32); name the dataset it was trained on"
    )


@pytest.fixture
def kinds(tmp_path):
    """kinds("a", "cat", "dog"): a folder of classes; pictures of a class have its grey level."""
    levels = {"cat": 10, "dog": 120, "wolf": 240}

    def write(root, *names):
        for name in names:
            (tmp_path / root / name).mkdir(parents=True)
            for k in range(8):
                Image.new("L", (8, 8), levels[name]).save(tmp_path / root / name / f"{k}.png")
        return tmp_path / root

    return write


@pytest.fixture
def cat_or_dog(kinds, tmp_path):
    """A run on cat/ and dog/, which it tells apart."""
    recipe = Recipe(
        data="folder",
        root=str(kinds("first", "cat", "dog")),
        data_options={"size": 8, "channels": 1},
        epochs=30,
        model="cnn",
    )
    return train(recipe, tmp_path / "run", quiet=True)


def test_classes_are_matched_by_name(cli, refused, kinds, cat_or_dog):
    def accuracy(*words):
        said = cli("evaluate", cat_or_dog, *words, "--json")
        return json.loads(said.out)["accuracy"], said.err

    assert accuracy() == (1, "")
    number, said = accuracy("--root", kinds("second", "dog", "cat"))
    assert number == 1
    assert said.startswith("torchcaps: evaluate: trained on folder in ")
    assert said.endswith("second, whose classes have the same names\n")
    root = kinds("third", "dog", "wolf")
    assert "(dog, wolf): wolf unknown" in refused("evaluate", cat_or_dog, "--root", root)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--batch-size", "0"], "evaluate, --batch-size: expected a whole number, at least 1; got"),
        (["--split", "tset"], "unknown split of dataset 'digits' 'tset'; known: train, validation"),
        (["--data", "digit"], "unknown dataset 'digit'; known: "),
        (["--rotate", "far"], "--rotate: expected float. Got value: far; see torchcaps evaluate"),
        (["--rotate", "nan"], "--rotate: expected float. Got value: nan; see torchcaps evaluate"),
    ],
)
def test_bad_options_are_refused(refused, trained, words, text):
    assert refused("evaluate", trained, *words).startswith(text)


def damage(folder, kind):
    weights, config = folder / "model.safetensors", folder / "config.json"
    if kind == "missing":
        weights.unlink()
    elif kind == "cut":
        weights.write_bytes(weights.read_bytes()[:-50])
    elif kind == "pickle":
        weights.write_bytes(b"\x80\x04K\x01.")
    elif kind == "foreign":
        config.write_text('{"architectures": ["BertModel"]}')
    else:
        config.write_text(config.read_text().replace("capsnet_small", "capsnet_smal"))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("missing", "expected a folder with config.json and model.safetensors; got one without"),
        ("cut", "expected a whole safetensors file; got one that cannot be read"),
        ("pickle", "expected a whole safetensors file; got one that cannot be read"),
        ("foreign", "expected JSON with model, in_shape and num_classes; got something else"),
        ("renamed", "did you mean 'capsnet_small'?"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_damaged_or_foreign_model_is_refused(refused, model, picture, command, kind, text):
    folder = model()
    damage(folder, kind)
    words = [picture("x.png")] if command == "predict" else []
    assert text in refused(command, folder, *words)


@pytest.mark.parametrize("folder", ["nowhere", "./a/b", "a/b/c"])
def test_a_missing_model_is_named_without_asking_a_network(refused, folder):
    text = refused("evaluate", folder)
    assert text.startswith("load_model: expected a model's folder, a hub id like user/name, or one")
    assert text.endswith(
        f"got '{folder}', which is no folder here and could not be fetched; check the path"
    )


def test_images_of_two_classes_have_the_figures_of_the_two_highest_scores(cli, tmp_path):
    pairs = torch.tensor([[0, 1], [0, 2], [1, 2]]).repeat(40, 1)
    labels = torch.zeros(len(pairs), 3, dtype=torch.long).scatter_(1, pairs, 1)
    images = (labels.repeat_interleave(4, 1)[:, None, :, None] * 0.9).expand(-1, 1, 12, 12)
    arrays: dict[str, Any] = {}
    for part in ("train", "val", "test"):
        arrays |= {f"{part}_images": images.numpy(), f"{part}_labels": labels.numpy()}
    numpy.savez(tmp_path / "pairs.npz", **arrays)
    recipe = Recipe(
        model="cnn", data="arrays", root=str(tmp_path / "pairs.npz"), epochs=20, batch_size=16,
        precision="fp32", model_options={"hidden": 16},
    )  # fmt: skip
    run = train(recipe, tmp_path / "run", quiet=True)
    said = json.loads(cli("evaluate", run, "--json").out)
    assert said["top_2_exact_match"] > 0.9
    assert said["top_2_per_class"] >= said["top_2_exact_match"]
    text = cli("evaluate", run).out
    assert f"top 2 exact match {said['top_2_exact_match']:.2%}, top 2 per class" in text


def test_images_of_one_class_have_no_such_figures(cli, trained):
    assert "top" not in cli("evaluate", trained, "--json").out


def test_the_confusion_matrix_is_drawn(cli, refused, trained):
    said = cli("evaluate", trained, "--figure", "matrix.png")
    assert said.code == 0
    assert "the confusion matrix is in matrix.png" in said.err
    assert Path("matrix.png").read_bytes().startswith(b"\x89PNG")
    assert "expected a .png or .svg file" in refused("evaluate", trained, "--figure", "x.jpg")

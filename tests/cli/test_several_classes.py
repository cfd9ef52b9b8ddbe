"""Several classes of an image on the command line."""

import json

import numpy as np
import pytest
from PIL import Image

import torchcaps as tc
from torchcaps.training import Recipe, train


@pytest.fixture(scope="session")
def lights(tmp_path_factory):
    """Light in the left half, in the right one, in both or in none."""
    path, random = tmp_path_factory.mktemp("lights") / "lights.npz", np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 200), ("val", 60), ("test", 40)):
        labels = random.integers(0, 2, (count, 2), dtype=np.uint8)
        images = random.integers(0, 60, (count, 8, 8), dtype=np.uint8)
        images[..., :4] += 180 * labels[:, :1, None]
        images[..., 4:] += 180 * labels[:, 1:, None]
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
    np.savez(path, classes=np.array(["left", "right"]), **arrays)
    return path


@pytest.fixture(scope="session")
def run(lights, tmp_path_factory):
    recipe = Recipe(
        model="capsnet_small",
        data="arrays",
        root=str(lights),
        epochs=6,
        lr=0.01,
        model_options={"stem_channels": 8, "types": 2},
    )
    return train(recipe, tmp_path_factory.mktemp("run") / "run", quiet=True)


def test_evaluate_gives_each_class_its_figures(cli, run):
    found = json.loads(cli("evaluate", run, "--json").out)
    assert found["score"] > 0.98
    assert found["images"] == 40
    left = found["classes"][0]
    assert left["class"] == "left"
    assert min(left["precision"], left["recall"], left["f1"], left["average_precision"]) > 0.9
    model = tc.load_model(run)
    assert left["threshold"] == model.calibration.thresholds[0]
    dataset = tc.load_dataset("arrays", "test", found_root(run))
    present = model.present(model(dataset.images.float() / 255))
    right = (present == dataset.labels.bool()).all(-1).double().mean()
    assert found["accuracy"] == pytest.approx(float(right))
    table = cli("evaluate", run).out
    assert "mean average" in table
    assert "threshold" in table


def found_root(run):
    recipe = Recipe.of_model(run)
    assert recipe is not None
    return recipe.root


def test_predict_names_every_class_that_is_there(cli, run):
    for name, pixels in (("none", (0, 0)), ("left", (200, 20)), ("both", (200, 200))):
        picture = np.repeat(np.array([pixels], np.uint8), 4, axis=1).repeat(8, axis=0)
        Image.fromarray(picture).save(f"{name}.png")
    said = cli("predict", run, "none.png", "left.png", "both.png", "--json")
    found = [row["classes"] for row in json.loads(said.out)]
    assert found == [[], ["left"], ["left", "right"]]
    assert "left, right" in cli("predict", run, "both.png").out
    assert "none" in cli("predict", run, "none.png").out


def test_the_explorer_and_the_studies_refuse_in_a_sentence(cli, run, lights):
    assert "expected one class of each image" in cli("explore", run, "--port", "0").err
    said = cli("study", "rotation", "--data", "arrays", "--root", lights, "--seeds", "1")
    assert "rotation study, data: expected one class of each image" in said.err
    assert said.err.count("\n") == 1

"""Segmentation on the command line: from pairs in a folder to masks beside overlays."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import torchcaps as tc
from torchcaps.data import SegmentationDataset
from torchcaps.models.segmentation_model import SegmentationModel
from torchcaps.training import Recipe, train

MODEL = {"stem_channels": 8, "level_types": [2, 4], "level_dims": [8, 8]}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Bright squares."""
    root, random = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for name in ("images", "masks"):
        (root / name).mkdir()
    for k in range(80):
        mask = np.zeros((12, 12), dtype=np.uint8)
        top, left = random.integers(0, 8, 2)
        mask[top : top + 5, left : left + 5] = 255
        image = random.integers(0, 130, (12, 12), dtype=np.uint8) + mask // 3
        Image.fromarray(image).save(root / "images" / f"{k:02}.png")
        Image.fromarray(mask).save(root / "masks" / f"{k:02}.png")
    (root / "classes.txt").write_text("background\nsquare\n")
    return root


@pytest.fixture(scope="session")
def run(pairs, tmp_path_factory):
    recipe = Recipe(
        model="seg_capsnet", data="folder", root=str(pairs), epochs=15, batch_size=8, lr=0.01,
        data_options={"size": 12, "channels": 1}, model_options=MODEL, precision="fp32",
    )  # fmt: skip
    return train(recipe, tmp_path_factory.mktemp("run") / "run", quiet=True)


def test_evaluate_gives_each_region_its_dice_and_iou(cli, run):
    found = json.loads(cli("evaluate", run, "--json").out)
    assert found["mean_dice"] == pytest.approx(found["score"])
    square = found["classes"][1]
    assert square["class"] == "square"
    assert square["images"] == found["images"] == 12
    assert square["dice"] == found["mean_dice"] > 0.8
    assert square["iou"] == found["mean_iou"] < square["dice"]
    words = cli("evaluate", run).words
    assert f"{square['dice']:.4f}" in words
    assert f"{square['iou']:.4f}" in words


def test_predict_writes_a_mask_and_an_overlay(cli, run, pairs, tmp_path):
    images = [pairs / "images" / name for name in ("03.png", "05.png")]
    found = json.loads(cli("predict", run, *images, "--json").out)
    model = tc.load_model(run)
    assert isinstance(model, SegmentationModel)
    for path, said in zip(images, found, strict=True):
        with Image.open(said["mask"]) as picture:
            assert picture.mode == "P"
            mask = np.asarray(picture)
        x = torch.from_numpy(np.array(Image.open(path))).float()[None, None] / 255
        with torch.no_grad():
            assert (mask == model.regions(model(x))[0].numpy()).all()
        assert said["regions"]["square"] == pytest.approx(mask.mean(), abs=1e-6)
        assert said["mask"] == f"predictions/{path.stem}-mask.png"
        assert Image.open(said["overlay"]).size == (12, 12)
    cli("predict", run, *images, images[0], "--out", "there", "--save-reconstruction", "there")
    names = {path.name for path in (tmp_path / "there").iterdir()}
    assert {"03-mask.png", "03-mask-2.png", "05-overlay.png", "03-reconstruction-2.png"} <= names
    assert len(names) == 9


def test_a_volume_is_answered_with_a_volume(cli, tmp_path):
    torch.manual_seed(0)
    model = tc.create_model("unet", (1, 4, 6, 5), 3, width=2, halvings=1)
    model.classes = ("background", "a", "b")
    tc.save_model(model, tmp_path / "model")
    volume = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
    np.save("one.npy", volume)
    (said,) = json.loads(cli("predict", "model", "one.npy", "--json").out)
    mask = np.load(said["mask"])
    assert mask.shape == (4, 6, 5)
    assert said["regions"]["b"] == pytest.approx((mask == 2).mean(), abs=1e-6)
    assert Image.open(said["overlay"]).size == (5, 6)


def test_train_says_the_dice(cli, pairs):
    said = cli(
        "train", "--model", "unet", "--data", "folder", "--root", pairs, "--data-options.size", 12,
        "--data-options.channels", 1, "--epochs", 1, "--rotate", 20, "--flip", "both", "--out", "r",
    )  # fmt: skip
    assert "validation mean dice" in said.err
    assert json.loads(Path("r/metrics.jsonl").read_text())["mean_dice"] is not None


def test_what_is_not_for_masks_is_refused_in_a_line(refused, run, pairs):
    assert "--rotate" in refused("evaluate", run, "--rotate", 10)
    assert "task 'segmentation'" in refused("explore", run, "--no-browser")
    assert "task 'segmentation'" in refused("study", "rotation", "--data", "face_parts")
    assert "task: expected classes" in refused("train", "--model", "cnn", "--data", "face_parts")
    assert "task: expected segmentation" in refused("train", "--model", "seg_capsnet")
    image = pairs / "images" / "03.png"
    assert "writes no masks" in refused("predict", "cnn.digits", image, "--out", "x")


def test_a_mask_has_a_byte_a_pixel(refused, tmp_path):
    model = tc.create_model("unet", (1, 4, 4), 300, width=1, halvings=1)
    tc.save_model(model, tmp_path / "many")
    Image.new("L", (4, 4)).save("one.png")
    assert "at most 256 classes" in refused("predict", "many", "one.png")


def test_classes_are_matched_by_name(cli, run, refused, tmp_path):
    masks = torch.zeros(3, 12, 12, dtype=torch.int64)
    masks[:, 2:7, 2:7] = 1
    data = SegmentationDataset(0.25 + 0.33 * masks.unsqueeze(1), masks, ("background", "square"))
    np.savez("turned.npz", test_images=data.images[:, 0], test_masks=1 - masks,
             train_images=data.images[:, 0], train_masks=1 - masks,
             classes=np.array(["square", "background"]))  # fmt: skip
    found = cli("evaluate", run, "--data", "arrays", "--root", "turned.npz", "--json")
    assert json.loads(found.out)["mean_dice"] > 0.8
    np.savez("other.npz", train_images=data.images[:, 0], train_masks=masks,
             test_images=data.images[:, 0], test_masks=masks)  # fmt: skip
    assert "1 unknown" in refused("evaluate", run, "--data", "arrays", "--root", "other.npz")

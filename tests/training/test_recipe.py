import math
from dataclasses import asdict, replace

import pytest
import torch
import yaml

from torchcaps.data import Augmentation
from torchcaps.training import Recipe
from torchcaps.training.recipe_checks import check_images


def test_a_recipe_comes_back_from_its_file(tmp_path):
    recipe = Recipe(
        model="cnn",
        data="digits",
        root="some/where",
        train_images=100,
        against_rest="7",
        epochs=2,
        batch_size=7,
        accumulate=3,
        patience=4,
        optimizer="SGD",
        optimizer_options={"momentum": 0.9},
        lr=1.5e-5,
        backbone_lr=1e-6,
        weight_decay=1e-5,
        schedule="StepLR",
        schedule_options={"step_size": 2},
        warmup=0.5,
        clip=1.5,
        class_weights="balanced",
        shift=2,
        subpixel=True,
        crop=0.2,
        noise=0.1,
        flip="both",
        rotate=7.5,
        brightness=0.1,
        contrast=0.2,
        saturation=0.3,
        augment="Flip",
        precision="bf16",
        seed=3,
        model_options={"hidden": 5, "channels": [2, 3]},
        data_options={"nothing": None},
    )
    usual = {"data", "sampling"}  # balanced twice is refused
    assert all(recipe.__dict__[k] != v for k, v in asdict(Recipe()).items() if k not in usual)
    for each in (recipe, replace(recipe, class_weights="none", sampling="balanced")):
        each.save(tmp_path / "config.yaml")
        assert Recipe.load(tmp_path / "config.yaml") == each


def test_what_a_file_leaves_out_is_the_default(tmp_path):
    (tmp_path / "config.yaml").write_text("epochs: 3\n")
    assert Recipe.load(tmp_path / "config.yaml") == replace(Recipe(), epochs=3)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"epochs": 0},
            "Recipe, epochs: expected a whole .* got 0; give a larger",
        ),
        ({"epochs": "many"}, "Recipe, epochs: expected a whole number, at least 1; got 'many'"),
        ({"subpixel": "maybe"}, "Recipe, subpixel: expected true or false; got 'maybe'; leave it"),
        ({"batch_size": 0}, "Recipe, batch_size: .* at least 1; got 0; give a larger batch_size"),
        ({"batch_size": 1.5}, "Recipe, batch_size: expected a whole number, .* got 1.5"),
        ({"shift": -1}, "Recipe, shift: expected a whole number, at least 0; got -1"),
        ({"seed": -1}, "Recipe, seed: expected a whole number, at least 0; got -1"),
        ({"lr": 0.0}, "Recipe, lr: expected a positive number; got 0.0; 0.001 is a good start"),
        ({"lr": -0.1}, "Recipe, lr: expected a positive number; got -0.1"),
        ({"lr": math.inf}, "Recipe, lr: expected a positive number; got inf"),
        ({"lr": math.nan}, "Recipe, lr: expected a positive number; got nan"),
        ({"lr": "1e-3"}, "Recipe, lr: expected a positive number; got '1e-3'"),
        ({"lr": True}, "Recipe, lr: expected a positive number; got True"),
        ({"seed": 2**63}, r"Recipe, seed: expected less than 2\*\*63; got 9223372036854775808"),
        ({"schedule": "cosin"}, "schedule: expected one of .* got 'cosin'; did you mean 'cosine'"),
        ({"accumulate": 0}, "Recipe, accumulate: expected a whole number, at least 1; got 0"),
        ({"patience": 0}, "Recipe, patience: expected a whole number, at least 1; got 0"),
        ({"patience": 1.5}, "Recipe, patience: expected a whole number, at least 1; got 1.5"),
        ({"optimizer": "adamw"}, "optimizer: expected one of .* got 'adamw'; did you mean 'AdamW'"),
        ({"optimizer": "LBFGS"}, "optimizer: expected one of Adam, .* got 'LBFGS'"),
        ({"optimizer_options": [1]}, r"optimizer_options: expected options by name; got \[1\]"),
        ({"weight_decay": -1}, "weight_decay: expected 0 or more; got -1; 0.01 is usual"),
        ({"warmup": -0.5}, "warmup: expected 0 or more; got -0.5; 5 is usual"),
        ({"warmup": "1 epoch"}, "warmup: expected a number; got '1 epoch'"),
        ({"clip": 0}, "clip: expected a positive number; got 0; 1 is usual"),
        (
            {"class_weights": "balanced", "sampling": "balanced"},
            "class_weights: expected none, since balanced sampling .*; got balanced; leave out one",
        ),
        ({"sampling": "weighted"}, "sampling: expected one of shuffled, balanced; got 'weighted'"),
        ({"class_weights": "balance"}, "class_weights: .* got 'balance'; did you mean 'balanced'"),
        ({"flip": "left"}, "flip: expected one of none, horizontal, vertical, both; got 'left'"),
        ({"rotate": 181}, "rotate: expected 0 to 180; got 181; 15 is usual"),
        ({"brightness": 1.5}, "brightness: expected 0 to 1; got 1.5; 0.2 is usual"),
        ({"contrast": -0.1}, "contrast: expected 0 to 1; got -0.1"),
        ({"saturation": True}, "saturation: expected a number; got True"),
        ({"schedule_options": {"gamma": 1}}, "schedule_options: expected none, since constant"),
        ({"precision": "fp16"}, "precision: expected one of auto, fp32, bf16; got 'fp16'; did you"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked")
def test_values_that_make_no_run_are_named_in_code_and_in_files(tmp_path, values, text):
    with pytest.raises(ValueError, match=text):
        Recipe(**values)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ValueError, match=text):
        Recipe.load(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "expected the config.yaml of a run; got FileNotFoundError; give the folder"),
        (b"epochs: [1, 2", "expected YAML; got ParserError in line 1; correct it there, or write"),
        (b"\xff\xfe\x00", "config.yaml: expected a configuration; got a file that is no text"),
        (
            b"- epochs\n- 3\n",
            r"some of accumulate, against_rest, .*; got \['epochs', 3\]; give the folder",
        ),
        (b"seed: 2026-13-45", "config.yaml: expected YAML; got ValueError"),
        (b"", "expected a recipe with some of"),
        (
            b"epochs: 3\nlayers: 5\n",
            "a recipe with some of accumulate, .* got also layers; give",
        ),
    ],
)
def test_a_file_that_is_no_recipe_says_so(tmp_path, content, text):
    if content is not None:
        (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=text):
        Recipe.load(tmp_path / "config.yaml")


def test_a_file_never_runs_code(tmp_path):
    (tmp_path / "config.yaml").write_text("data: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ValueError, match="got ConstructorError"):
        Recipe.load(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"model": ["cnn"]},
            r"model: expected a text; got \['cnn'\]; correct it, or leave mo",
        ),
        ({"data": None}, "data: expected a text; got None"),
        ({"root": 3}, "root: expected a text or null; got 3"),
        ({"train_images": 2.5}, "train_images: expected a whole number or null; got 2.5"),
        ({"model_options": "big"}, "model_options: expected options by name; got 'big'"),
        ({"data_options": [1]}, r"data_options: expected options by name; got \[1\]"),
        ({"data_options": {1: 2}}, r"data_options: expected options by name; got \{1: 2\}"),
        ({"schedule": {"a": 1}}, r"schedule: expected one of .*; got \{'a': 1\}; take 'constant'"),
        ({"epochs": "x" * 10**6}, "Recipe, epochs: expected a whole number, .{,120}$"),
    ],
    ids=lambda value: str(value)[:40],
)
@pytest.mark.usefixtures("unchecked")
def test_every_field_has_its_type(values, text):
    with pytest.raises(ValueError, match=text):
        Recipe(**values)


def bomb(levels=30):
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (bomb(), r"got an anchor or alias \(& or \*\); write the value out"),
        ("model_options: {class_path: os.system}", "got class_path; configurations never import"),
        ("[" * 10_000, "got nesting deeper than 50; write it flat"),
        ("seed: " + "1" * 5000, "expected YAML; got ValueError"),
        ("#" * 1_000_001, "expected a configuration; got more than 1,000,000 bytes"),
    ],
    ids=["aliases", "class_path", "nesting", "digits", "size"],
)
def test_a_file_is_refused_before_it_can_do_harm(tmp_path, content, text):
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(ValueError, match=text):
        Recipe.load(tmp_path / "config.yaml")


def test_training_images_are_drawn_by_the_seed_and_the_validation_is_not():
    drawn = [Recipe(train_images=50, seed=seed).load_data("train") for seed in (0, 0, 1)]
    assert [len(dataset) for dataset in drawn] == [50, 50, 50]
    assert torch.equal(drawn[0].images, drawn[1].images)
    assert not torch.equal(drawn[0].images, drawn[2].images)
    assert len(Recipe(train_images=50).load_data("validation")) == 180
    assert len(Recipe().load_data("train")) == 1257


def test_more_images_than_there_are_is_an_error():
    with pytest.raises(ValueError, match=r"expected 1 to 1257, the images in split 'train'; got 5"):
        Recipe(train_images=5000).load_data("train")


def test_the_model_fits_the_data_and_takes_its_options():
    recipe = Recipe(model="cnn", model_options={"hidden": 5})
    model = recipe.build_model(recipe.load_data("test"))
    assert (model.in_shape, model.num_classes, model.config["hidden"]) == ((1, 8, 8), 10, 5)


def test_a_change_of_colours_wants_colours():
    with pytest.raises(
        ValueError, match=r"saturation: expected 0, since the images are not RGB \(cha"
    ):
        Recipe(saturation=0.2).load_data("train")


def test_the_augmentation_is_what_the_recipe_says():
    assert Recipe().augmentation() == Augmentation()
    changes = {"shift": 1, "subpixel": True, "flip": "both", "rotate": 3.0, "noise": 0.5}
    assert Recipe(**changes).augmentation() == Augmentation(**changes)


@pytest.mark.parametrize(
    ("images", "options", "epochs"),
    [
        (1257, {}, 30),  # 19 batches an epoch
        (234, {}, 167),  # 3
        (32, {}, 500),  # 1, of them all
        (234, {"accumulate": 3}, 500),
        (234, {"batch_size": 13}, 30),
        (32, {"epochs": 2}, 2),
    ],
)
def test_few_images_are_passed_over_until_there_are_500_steps(images, options, epochs):
    recipe = Recipe(**options)
    assert recipe.settled(images).epochs == epochs
    assert replace(recipe.settled(images), epochs=recipe.epochs) == recipe


@pytest.mark.parametrize("change", [{"subpixel": True}, {"crop": 0.1},
    {"rotate": 5.0}, {"brightness": 0.1}, {"contrast": 0.1}, {"saturation": 0.1}])  # fmt: skip
@pytest.mark.parametrize("in_shape", [(2, 9), (1, 8, 8, 8)])
def test_signals_and_volumes_are_not_augmented_as_pictures_are(change, in_shape):
    ((name, value),) = change.items()
    text = rf"{name}: expected none, since it changes pictures, .*; got {value}; leave"
    with pytest.raises(ValueError, match=text):
        check_images(Recipe(**change), in_shape)
    check_images(Recipe(shift=1, flip="horizontal", noise=2.0), in_shape)


def test_a_signal_has_one_axis_and_a_volume_may_be_turned_upside_down():
    for flip in ("vertical", "both"):
        check_images(Recipe(flip=flip), (1, 8, 8, 8))
        with pytest.raises(ValueError, match=rf"flip: expected horizontal .*; got {flip}; horiz"):
            check_images(Recipe(flip=flip), (2, 9))
    for in_shape in ((2, 9), (1, 9, 20, 20)):
        with pytest.raises(ValueError, match="shift: expected less than 9, the smallest side"):
            check_images(Recipe(shift=9), in_shape)

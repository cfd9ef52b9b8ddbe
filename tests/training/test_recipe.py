import math
from dataclasses import asdict, replace

import pytest
import torch
import yaml

from torchcaps.training import Recipe


def test_a_recipe_comes_back_from_its_file(tmp_path):
    recipe = Recipe(
        model="cnn",
        data="digits",
        root="some/where",
        train_images=100,
        epochs=2,
        batch_size=7,
        lr=1.5e-5,
        schedule="cosine",
        shift=2,
        subpixel=True,
        precision="bf16",
        seed=3,
        model_options={"hidden": 5, "channels": [2, 3]},
        data_options={"nothing": None},
    )
    assert all(recipe.__dict__[k] != v for k, v in asdict(Recipe()).items() if k != "data")
    recipe.save(tmp_path / "config.yaml")
    assert Recipe.load(tmp_path / "config.yaml") == recipe


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
        (b"- epochs\n- 3\n", r"some of batch_size, data, .*; got \['epochs', 3\]; give the folder"),
        (b"seed: 2026-13-45", "config.yaml: expected YAML; got ValueError"),
        (b"", "expected a recipe with some of"),
        (
            b"epochs: 3\nlayers: 5\n",
            "a recipe with some of batch_size, .* got also layers; give",
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


def test_a_constant_rate_stays():
    assert {Recipe(lr=0.25).lr_at(step, 100) for step in (0, 1, 99)} == {0.25}


def test_a_cosine_falls_to_zero_and_is_halved_in_the_middle():
    recipe = Recipe(lr=0.25, schedule="cosine")
    found = [recipe.lr_at(step, 300) for step in (0, 100, 150, 300)]
    assert found == pytest.approx([0.25, 0.1875, 0.125, 0.0], abs=1e-15)
    rates = [recipe.lr_at(step, 300) for step in range(301)]
    assert rates == sorted(rates, reverse=True)


def test_the_authors_take_four_percent_off_every_2000_steps_down_to_a_millionth():
    recipe = Recipe(lr=1e-3, schedule="sabour2017")
    found = [recipe.lr_at(step, 10**6) for step in (0, 1000, 2000, 4000, 10**6)]
    expected = [1e-3, 1e-3 * math.sqrt(0.96), 9.6e-4, 9.216e-4, 1e-6]
    assert found == pytest.approx(expected, rel=1e-12)


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

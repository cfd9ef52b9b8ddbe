"""Options of `torchcaps train`: spellings, YAML files there and back, bad values."""

from dataclasses import asdict

import pytest
import yaml

import torchcaps.cli.train
from torchcaps.training import Recipe

SPELLINGS = {
    "hyphens": ["--train-images", "64", "--batch-size", "7", "--lr", "3e-4", "--model", "cnn"],
    "underscores": ["--train_images", "64", "--batch_size", "7", "--lr", "3e-4", "--model", "cnn"],
    "equals": ["--train-images=64", "--batch_size=7", "--lr=3e-4", "--model=cnn"],
}
RECIPE = Recipe(train_images=64, batch_size=7, lr=3e-4, model="cnn")


@pytest.fixture
def recipe_of(cli, monkeypatch):
    """The recipe that `torchcaps train WORDS` would train."""

    def call(*words):
        recipes = []
        monkeypatch.setattr(
            torchcaps.cli.train, "train", lambda recipe, *_, **__: recipes.append(recipe)
        )
        monkeypatch.setattr(torchcaps.cli.train, "_finish", lambda folder: None)
        assert cli("train", *words).code == 0
        return recipes[0]

    return call


@pytest.mark.parametrize("words", SPELLINGS.values(), ids=SPELLINGS)
def test_hyphens_and_underscores_are_the_same(recipe_of, words):
    assert recipe_of(*words) == RECIPE


def test_no_options_are_the_defaults(recipe_of):
    assert recipe_of() == Recipe()


@pytest.mark.parametrize(
    "words",
    [
        [],
        SPELLINGS["hyphens"],
        ["--model-options", "{iterations: 1, decoder: none}", "--schedule", "cosine", "--shift=2"],
        ["--model-options.iterations=1", "--data-options.size", "16", "--root", "a b/c-d"],
    ],
)
@pytest.mark.parametrize("print_config", ["--print-config", "--print_config"])
def test_a_printed_configuration_gives_the_same_recipe(
    cli, recipe_of, tmp_path, words, print_config
):
    printed = cli("train", *words, print_config)
    assert (printed.code, printed.err) == (0, "")
    (tmp_path / "run.yaml").write_text(printed.out)
    assert recipe_of("--config", "run.yaml") == recipe_of(*words)


def test_the_config_of_a_run_gives_its_recipe(recipe_of, tmp_path):
    recipe = Recipe(model_options={"iterations": 2}, seed=4, data_options={"size": [8, 9]})
    recipe.save(tmp_path / "config.yaml")
    assert recipe_of("--config", "config.yaml") == recipe


def test_later_options_win_over_the_file(recipe_of, tmp_path):
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(asdict(RECIPE)))
    changed = recipe_of("--config", "run.yaml", "--batch-size", "8")
    assert changed == Recipe(**{**asdict(RECIPE), "batch_size": 8})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"modle: cnn", "--config: unknown option 'modle' in the file; did you mean 'model'?"),
        (b"a: [1, 2", "Problems parsing config"),
        (b"\xff\xfe\x00", "bad.yaml: expected a configuration; got a file that is no text"),
        (
            b"epochs: many",
            "--epochs: expected int or null; got many; see torchcaps train --help",
        ),
        (b"- 1", "torchcaps train --help"),
    ],
)
def test_a_bad_file_says_what_is_wrong(refused, tmp_path, content, text):
    (tmp_path / "bad.yaml").write_bytes(content)
    assert text in refused("train", "--config", "bad.yaml")


def test_a_missing_file_is_named(refused):
    assert "File does not exist: '" in refused("train", "--config", "nowhere.yaml")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            "--epochs 1.5",
            "--epochs: expected int or null; got 1.5; see torchcaps train --help",
        ),
        ("--epochs", "argument --epochs: expected one argument; see torchcaps train --help"),
        ("--epochs 0", "Recipe, epochs: expected a whole number, at least 1; got 0; give a larger"),
        ("--batch-size -2", "Recipe, batch_size: expected a whole number, at least 1; got -2"),
        ("--seed -1", "Recipe, seed: expected a whole number, at least 0; got -1; give a larger"),
        ("--lr 0", "Recipe, lr: expected a positive number; got 0.0; 0.001 is a good start"),
        ("--lr inf", "--lr: expected float. Got value: inf; see torchcaps train --help"),
        (
            "--schedule cosin",
            "'CosineAnnealingWarmRestarts'; got cosin; did you mean 'cosine'?",
        ),
        ("--model-options 5", "--model-options: expected dict. Got value: 5; see torchcaps train"),
        ("--seed 9223372036854775808", "Recipe, seed: expected less than 2**63; got 92233720368"),
        (
            "--shift 1000000000",
            "Recipe, shift: expected less than 8, the smallest side of",
        ),
        ("--optimizer sgd", "'ASGD'; got sgd; did you mean 'SGD'?"),
        ("--shift 8 --subpixel true", "Recipe, shift: expected less than 8, the smallest side of"),
        (
            "--data mnist --root ~nosuchuser",
            "root (or TORCHCAPS_DATA): expected a folder; got '~nosuchuser', of a user without a h",
        ),
        ("--data folder --root ~nosuchuser", "A): expected a folder; got '~nosuchuser', of a user"),
        ("--train-images 0", "digits.sample, n: expected 1 to 1257, the images in split 'train'"),
        ("--model capsnet", "8x8"),
        ("--data folder", "load_dataset 'folder', root: expected a folder with one folder for"),
        ("--model-options {itertions:1}", "--model-options: expected dict"),
        (
            "--model-options.itertions 1",
            "create_model, options of capsnet_small: expected some of style, stem_channels",
        ),
    ],
)
def test_a_bad_value_is_refused_before_a_folder_is_made(refused, tmp_path, words, text):
    assert text in refused("train", "--quiet", *words.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["model_options", "data_options"])
def test_an_option_never_imports(refused, tmp_path, monkeypatch, where):
    """Wherever class_path stands: in a value, a file, or the option's own name."""
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\n\nclass A: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "x.yaml").write_text(f"{where}:\n  class_path: evil.A\n")
    for words in (
        [f"--{where}", "{class_path: evil.A}"],
        [f"--{where}={{class_path: evil.A}}"],
        [f"--{where}", "{x: {class_path: evil.A}}"],
        [f"--{where}", '{"class_path": "evil.A"}'],
        [f"--{where}.class_path", "evil.A"],
        [f"--{where.replace('_', '-')}.class_path=evil.A"],
        ["--config", "x.yaml"],
        ["--config=x.yaml"],
        ["--config", f"{where}: {{class_path: evil.A}}"],
    ):
        said = refused("train", *words)
        assert "got class_path; configurations never import code" in said, words


def test_aliases_are_refused_before_they_are_unfolded(refused, tmp_path):
    bomb = "model_options:\n  a: &a [1, 2]\n  b: [*a, *a]\n"
    (tmp_path / "x.yaml").write_text(bomb)
    for words in (["--config", "x.yaml"], ["--model_options", "{a: &a [1, 2], b: [*a, *a]}"]):
        assert "got an anchor or alias (& or *); write the value out" in refused("train", *words)

"""Options as the words of a command line."""

from dataclasses import replace

from torchcaps.cli.options import read
from torchcaps.options import as_words
from torchcaps.training import Recipe


def test_words_give_the_options_back_and_defaults_need_none():
    recipe = Recipe(model="cnn", root="a b", lr=3e-5, subpixel=True, data_options={"size": 8})
    parsed = vars(read("train", as_words(recipe)))
    assert {name: parsed[name] for name in vars(recipe)} == vars(recipe)
    assert as_words(Recipe()) == []
    assert as_words(replace(recipe, model=Recipe().model), "root", "lr", "data_options") == [
        "--subpixel", "True",
    ]  # fmt: skip

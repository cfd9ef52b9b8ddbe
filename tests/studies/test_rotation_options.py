"""Options of the rotation study: refused before anything is trained, given back as a command."""

import shlex

import pytest

from torchcaps.cli.parser import make_parser, parse
from torchcaps.models import list_models
from torchcaps.studies import STUDIES, list_studies
from torchcaps.studies.rotation import RotationOptions

REFUSED = {
    "seeds": ({"seeds": 0}, "rotation study, seeds: expected at least 1; got 0; take 3 or more"),
    "no rival": (
        {"beside": ()},
        "rotation study, beside: expected at least one; got none; leave it at default",
    ),
    "no angle": (
        {"angles": ()},
        "rotation study, angles: expected at least one; got none; leave it at default",
    ),
    "only itself": (
        {"model": "cnn", "beside": ("cnn", "cnn")},
        "rotation study, beside: expected another model than cnn; got only itself; "
        "name one to compare it with, such as cnn",
    ),
    "model": (
        {"model": "capsnet_smal"},
        "unknown model 'capsnet_smal'; known: {models}; did you mean 'capsnet_small'?",
    ),
    "rival": (
        {"beside": ("cnn", "cn")},
        "unknown model 'cn'; known: {models}; did you mean 'cnn'?",
    ),
}


@pytest.mark.parametrize(("options", "text"), REFUSED.values(), ids=REFUSED)
def test_bad_options_are_refused_at_once(options, text):
    with pytest.raises(ValueError, match=r"expected|unknown") as error:
        RotationOptions(**options)
    assert str(error.value) == text.format(models=", ".join(list_models()))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epochs": 0}, "Recipe, epochs: expected a whole number, at least 1; got 0"),
        ({"lr": -1.0}, "Recipe, lr: expected a positive number; got -1.0"),
        ({"data": "digitz"}, "unknown dataset 'digitz'.*did you mean 'digits'"),
        ({"train_images": 5000}, "expected 1 to 1257, the images in split 'train'; got 5000"),
        ({"beside": ("cnn", "capsnet")}, "8x8"),
    ],
)
def test_what_would_fail_later_is_found_before_a_step_is_taken(options, text):
    with pytest.raises(ValueError, match=text):
        RotationOptions(**options).check()


def test_the_model_under_test_comes_first_and_nobody_twice():
    options = RotationOptions(model="cnn", beside=("capsnet_small", "cnn", "capsnet_small"))
    assert options.models == ("cnn", "capsnet_small")


def test_the_command_of_the_defaults_is_the_bare_one():
    assert RotationOptions().command() == "torchcaps study rotation"


@pytest.mark.parametrize(
    "options",
    [
        RotationOptions(),
        RotationOptions(
            model="cnn", beside=("capsnet_small", "capsnet"), angles=(-90, 0.5, 30), seeds=1,
            train_images=64, epochs=2, batch_size=7, lr=3e-5, data="mnist",
            schedule="cosine", shift=2, subpixel=True,
        ),
        RotationOptions(data="it's a; $name"),
    ],
)  # fmt: skip
def test_the_command_gives_the_options_back(options):
    words = shlex.split(options.command())
    assert words[:3] == ["torchcaps", "study", "rotation"]
    parser = make_parser("study rotation", "a study", "", "")
    parser.add_class_arguments(RotationOptions, None)
    assert RotationOptions(**vars(parse(parser, words[3:]))) == options


def test_models_are_trained_as_the_options_say():
    recipe = RotationOptions(schedule="cosine", shift=2, subpixel=True).recipe("cnn", 5)
    assert (recipe.schedule, recipe.shift, recipe.subpixel) == ("cosine", 2, True)
    assert (recipe.model, recipe.seed) == ("cnn", 5)


def test_the_study_is_known_by_name():
    assert "rotation" in list_studies()
    assert STUDIES["rotation"].options is RotationOptions
    with pytest.raises(ValueError, match=r"unknown study 'rotaton'; known: .*; did you mean 'rot"):
        STUDIES["rotaton"]

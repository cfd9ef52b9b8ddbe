"""A model that was asked is left as it was."""

import pytest

import torchcaps as tc
from torchcaps.analysis.eval_mode import abilities, eval_mode


@pytest.mark.parametrize("training", [True, False])
def test_a_model_answers_in_evaluation_mode_and_goes_back(training):
    model = tc.create_model("cnn", in_shape=(1, 8, 8), num_classes=3).train(training)
    with eval_mode(model) as device:
        assert not model.training
        assert device == next(model.parameters()).device
    assert model.training == training


def test_a_model_goes_back_after_a_failure_too():
    model = tc.create_model("cnn", in_shape=(1, 8, 8), num_classes=3).train()
    with pytest.raises(ZeroDivisionError), eval_mode(model):
        raise ZeroDivisionError
    assert model.training


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("cnn", {}, (False, False)),
        ("capsnet_small", {}, (True, True)),
        ("capsnet_small", {"decoder": "none"}, (False, True)),
        ("equivariant_capsnet", {}, (True, True)),
    ],
)
def test_a_model_says_what_it_can(name, options, expected):
    assert abilities(tc.create_model(name, (1, 16, 16), 3, **options).train()) == expected

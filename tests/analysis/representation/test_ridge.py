"""Regressions whose answer is known in closed form, on inputs that were not fitted."""

import pytest
import torch

from torchcaps.analysis.representation import ridge
from torchcaps.analysis.representation.ridge import (
    Ridge,
    Splits,
    explained,
    principal,
    variation,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def parts(x, n=(40, 20, 30)):
    return Splits(*x.split(n))


def told(x, y):
    return Ridge(x).predict(y.train, y.validation)


@pytest.mark.parametrize("features", [5, 39, 40, 41, 200])
def test_a_linear_mix_of_the_inputs_is_told_exactly_with_few_and_many_features(features):
    hidden = noise(90, 5)  # the inputs have five directions, however many features
    x = parts(hidden @ noise(5, features, seed=1) + 3)
    y = parts(hidden @ noise(5, 4, seed=2) - 7)
    torch.testing.assert_close(told(x, y), y.test, rtol=0, atol=1e-8)
    assert explained(y.test, told(x, y)) == pytest.approx(1, abs=1e-8)


def test_float32_parts_are_reckoned_in_float64():
    x = parts(noise(90, 5).float())
    assert told(x, x).dtype == torch.float64
    torch.testing.assert_close(told(x, x), x.test.double(), rtol=0, atol=1e-8)


def test_it_solves_the_normal_equations(monkeypatch):
    monkeypatch.setattr(ridge, "PENALTIES", (0.03,))
    x, y = parts(noise(90, 6)), parts(noise(90, 2, seed=1))
    centred = x.train - x.train.mean(0)
    penalty = 0.03 * torch.linalg.matrix_norm(centred, 2) ** 2
    gram = centred.T @ centred + penalty * torch.eye(6, dtype=torch.float64)
    a = torch.linalg.solve(gram, centred.T @ (y.train - y.train.mean(0)))
    wanted = y.train.mean(0) + (x.test - x.train.mean(0)) @ a
    torch.testing.assert_close(told(x, y), wanted, rtol=0, atol=1e-12)


def test_the_dual_form_is_the_same_regression():
    x, y = noise(90, 30), parts(noise(90, 3, seed=1))
    frame = torch.linalg.qr(noise(100, 30, seed=2)).Q
    torch.testing.assert_close(told(parts(x), y), told(parts(x @ frame.T), y), rtol=0, atol=1e-9)


def test_the_penalty_is_the_one_that_the_validation_part_likes_best(monkeypatch):
    x, y = (
        parts(noise(90, 30)),
        parts(noise(90, 30) @ noise(30, 2, seed=1) + 8 * noise(90, 2, seed=2)),
    )
    chosen = told(x, y)
    errors, answers = [], []
    for penalty in ridge.PENALTIES:
        monkeypatch.setattr(ridge, "PENALTIES", (penalty,))
        on_validation = Ridge(Splits(x.train, x.validation, x.validation))
        guess = on_validation.predict(y.train, y.validation)
        errors.append(float((guess - y.validation).square().sum()))
        answers.append(told(x, y))
    best = errors.index(min(errors))
    assert 0 < best < len(errors) - 1, "a vacuous choice"
    torch.testing.assert_close(chosen, answers[best])


def test_the_test_part_decides_nothing():
    x, y = parts(noise(90, 30)), parts(noise(90, 2, seed=1))
    alone = Splits(x.train, x.validation, x.test[:1])
    torch.testing.assert_close(told(alone, y), told(x, y)[:1])
    assert not torch.allclose(told(Splits(x.train, x.validation, x.test + 1), y), told(x, y))


@pytest.mark.parametrize("features", [2, 39, 300])
def test_noise_is_not_explained_however_many_features(features):
    x, y = parts(noise(90, features)), parts(noise(90, 1, seed=3))
    assert explained(y.test, told(x, y)) <= 0.05
    if features >= 39:
        fitted = x.train - x.train.mean(0)
        own = fitted @ torch.linalg.pinv(fitted) @ (y.train - y.train.mean(0)) + y.train.mean(0)
        assert explained(y.train, own) > 0.9, "what training alone would have claimed"


def test_constant_inputs_and_constant_targets():
    x, y = parts(torch.ones(90, 3, dtype=torch.float64)), parts(noise(90, 2))
    torch.testing.assert_close(told(x, y), y.train.mean(0).expand(30, 2))
    torch.testing.assert_close(told(y, x), x.test)


def test_explained():
    y = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    assert explained(y, y) == 1
    assert explained(y, y.mean(0).expand(2, 2)) == 0
    assert explained(y, torch.tensor([[0.0, 1.0], [1.0, 1.0]])) == 0.5
    assert explained(y, -y) == 1 - (0 + 4 + 16 + 4) / 2
    assert explained(torch.ones(3), torch.zeros(3)) == 0


def test_what_is_constant_but_for_the_rounding_of_float32_has_nothing_to_explain():
    y = 1000 + 1e-4 * noise(50, 2)
    assert explained(y, y.flip(0)) == 0
    assert variation(y).tolist() == [0, 0]


def test_principal_components_are_those_of_the_training_part():
    scales = torch.tensor([1.0, 9.0, 3.0, 0.1], dtype=torch.float64)
    x = noise(90, 4) * scales
    x[70:] *= torch.tensor([1.0, 1.0, 1.0, 1000.0])  # the test part is not looked at
    frame = torch.linalg.qr(noise(4, 4, seed=1)).Q
    turned = parts(x @ frame.T)
    narrow = principal(turned, 2)
    assert [part.shape for part in narrow] == [(40, 2), (20, 2), (30, 2)]
    for column, axis in enumerate((1, 2)):
        same = torch.corrcoef(torch.stack([narrow.train[:, column], x[:40, axis]]))[0, 1]
        assert abs(same) > 0.99
    assert principal(turned, 4) is turned
    assert principal(turned, 9) is turned

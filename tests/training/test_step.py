"""What a step makes of the gradients: several batches, a limit, weights for classes."""

import pytest
import torch
from torch import nn

from torchcaps.models import CNN
from torchcaps.training import train
from torchcaps.training.run_folder import read_metrics
from torchcaps.training.step import balanced

PLAIN = {"model": "cnn", "model_options": {"hidden": 8, "channels": [2, 3]}, "epochs": 1}


@pytest.fixture
def seen(monkeypatch):
    """The gradients of every step of SGD, all of them in one vector."""
    found, honest = [], torch.optim.SGD.step

    def step(self, closure=None):
        parameters = self.param_groups[0]["params"]
        found.append(torch.cat([p.grad.flatten().clone() for p in parameters]))
        return honest(self, closure)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    return found


def test_several_batches_make_the_step_of_one_large_batch(recipe, tmp_path, seen):
    large = {**PLAIN, "optimizer": "SGD", "batch_size": 128}
    train(recipe(**large), tmp_path / "large", quiet=True)
    train(recipe(**{**large, "batch_size": 32, "accumulate": 4}), tmp_path / "four", quiet=True)
    assert len(seen) == 2
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-4, atol=1e-6)


def test_batches_left_over_make_a_step_of_their_mean(recipe, tmp_path, seen):
    """Of 4 batches, 3 make a step and 1 another; at a rate of almost 0 the weights stay."""
    small = {**PLAIN, "optimizer": "SGD", "lr": 1e-30}
    train(recipe(**small), tmp_path / "one", quiet=True)
    train(recipe(**small, accumulate=3), tmp_path / "three", quiet=True)
    singles, (three, one) = seen[:4], seen[4:]
    torch.testing.assert_close(three, sum(singles[:3]) / 3)
    torch.testing.assert_close(one, singles[3])


def test_the_schedule_counts_steps_and_not_batches(recipe, tmp_path):
    """2 epochs of 2 steps: the last is step 3, halfway of the warm-up of 4 epochs."""
    made = recipe(**{**PLAIN, "epochs": 2}, accumulate=2, warmup=4.0, lr=0.8)
    assert read_metrics(train(made, tmp_path / "run", quiet=True))[-1]["lr"] == 0.4


def test_a_gradient_is_shortened_to_the_limit_and_no_further(recipe, tmp_path, seen):
    small = {**PLAIN, "optimizer": "SGD", "lr": 1e-30}
    train(recipe(**small), tmp_path / "free", quiet=True)
    free = list(seen)
    limit = sorted(g.norm().item() for g in free)[2]
    train(recipe(**small, clip=limit), tmp_path / "clipped", quiet=True)
    for whole, cut in zip(free, seen[4:], strict=True):
        expected = whole * min(1, limit / whole.norm().item())
        torch.testing.assert_close(cut, expected, rtol=1e-4, atol=1e-7)


def test_balanced_weights_make_every_class_count_alike():
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 2, 2, 3])
    weights = balanced(labels, 4)
    assert weights[[0, 2, 3]].tolist() == pytest.approx([0.5, 1.5, 3])
    assert weights[labels].mean() == pytest.approx(1)


@pytest.mark.parametrize(
    "model", ["capsnet_small", "cnn", "equivariant_capsnet", "capsnet_sabour2017"]
)
def test_every_loss_of_the_library_takes_weights(recipe, tmp_path, model, monkeypatch):
    """A weight of 2 for all images doubles the loss."""
    small = {"capsnet_small": recipe().model_options, "cnn": {"hidden": 8}}
    options = small.get(model, {})
    if model == "capsnet_sabour2017":
        options = {"kernel_size": 3, "stem_channels": 4, "types": 2, "decoder_width": 6}
    one = recipe(model=model, model_options=options, epochs=1, train_images=32)
    plain = train(one, tmp_path / "plain", quiet=True)
    monkeypatch.setattr("torchcaps.training.step.balanced", lambda _, n: torch.full((n,), 2.0))
    made = recipe(**{**one.__dict__, "class_weights": "balanced"})
    double = train(made, tmp_path / "double", quiet=True)
    first, second = (read_metrics(folder)[0]["loss"] for folder in (plain, double))
    assert second == pytest.approx(2 * first, rel=1e-5)


def test_a_loss_that_takes_no_weights_is_refused_before_anything_is_written(
    recipe, tmp_path, monkeypatch
):
    class Plain(nn.Module):
        def forward(self, out, images, labels):
            return nn.functional.cross_entropy(out.scores, labels)

    monkeypatch.setattr(CNN, "make_loss", lambda self: Plain())
    with pytest.raises(
        ValueError, match=r"class_weights: expected a loss .* got Plain, which does"
    ):
        train(recipe(**PLAIN, class_weights="balanced"), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()

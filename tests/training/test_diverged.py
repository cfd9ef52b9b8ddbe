"""A loss that is no number stops the run, and loses nothing of what was good."""

import math

import pytest
import torch

import torchcaps as tc
from torchcaps.nn import CapsuleLoss
from torchcaps.training import Diverged, resume, train
from torchcaps.training.loop import _Loop
from torchcaps.training.run_folder import read_metrics


@pytest.fixture
def spoil(monkeypatch):
    """`spoil(7, nan)`: the loss of training step 7 becomes NaN; validation is left alone."""

    def at(step, value):
        calls, honest = [], CapsuleLoss.forward

        def forward(self, out, images, labels):
            loss = honest(self, out, images, labels)
            if torch.is_grad_enabled():
                calls.append(loss.item())
            return loss * value if len(calls) == step and torch.is_grad_enabled() else loss

        monkeypatch.setattr(CapsuleLoss, "forward", forward)
        return calls

    return at


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=str)
def test_the_message_has_the_step_the_last_loss_and_advice(recipe, tmp_path, spoil, value):
    losses = spoil(7, value)
    folder = tmp_path / "run"
    with pytest.raises(Diverged) as caught:
        train(recipe(), folder, quiet=True)
    assert str(caught.value) == (
        f"the loss became {value} in epoch 2, step 7 (the step before: {losses[5]:.4g}); "
        f"the weights of epoch 1 are kept in {folder}; "
        "try a smaller lr, precision fp32, or fewer routing iterations"
    )


def test_the_last_good_epoch_is_kept_and_can_be_continued(
    recipe, tmp_path, spoil, monkeypatch, whole_run, same_run
):
    folder = tmp_path / "run"
    spoil(7, float("nan"))
    with pytest.raises(Diverged):
        train(recipe(), folder, quiet=True)
    assert [line["epoch"] for line in read_metrics(folder)] == [1]
    for kept in (folder, folder / "best"):
        assert all(p.isfinite().all() for p in tc.load_model(kept).parameters())
    monkeypatch.undo()
    same_run(resume(folder, quiet=True), whole_run)


def test_nothing_is_promised_where_nothing_was_kept(recipe, tmp_path, spoil):
    spoil(1, float("nan"))
    with pytest.raises(Diverged, match=r"epoch 1, step 1 .*; no epoch was finished to keep; try"):
        train(recipe(), tmp_path / "run", quiet=True)


@pytest.mark.parametrize("how", ["weights", "validation loss"])
def test_a_last_step_that_spoils_the_weights_replaces_nothing_good(
    recipe, tmp_path, monkeypatch, whole_run, same_run, how
):
    """Its own loss, taken before it, is good."""
    folder, honest = tmp_path / "run", _Loop.finish_epoch

    def finish(self, start):
        if self.place.epoch == 1 and how == "weights":
            with torch.no_grad():
                next(self.bare.parameters()).fill_(math.nan)
        elif self.place.epoch == 1:
            monkeypatch.setattr(CapsuleLoss, "forward", lambda *_: torch.tensor(math.inf))
        honest(self, start)

    monkeypatch.setattr(_Loop, "finish_epoch", finish)
    with pytest.raises(Diverged, match=f"the {how} became .* in epoch 2; the weights of epoch 1"):
        train(recipe(), folder, quiet=True)
    assert [line["epoch"] for line in read_metrics(folder)] == [1]
    monkeypatch.undo()
    same_run(resume(folder, quiet=True), whole_run)


def test_ctrl_c_keeps_no_spoilt_weights(recipe, tmp_path, press, monkeypatch):
    press((1, 2))
    honest = _Loop.step

    def step(self, epoch, batch, images, labels):
        value = honest(self, epoch, batch, images, labels)
        if (epoch, batch) == (0, 1):
            with torch.no_grad():
                next(self.bare.parameters()).fill_(math.nan)
        return value

    monkeypatch.setattr(_Loop, "step", step)
    with pytest.raises(Diverged, match="the weights became NaN or infinite in epoch 1; no epoch"):
        train(recipe(), tmp_path / "run", quiet=True)
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_one_batch_an_epoch_at_a_wild_rate_keeps_nothing(recipe, tmp_path):
    """No second step sees what the first one did."""
    wild = recipe(lr=1e38, train_images=32, epochs=1)
    with pytest.raises(Diverged, match="became"):
        train(wild, tmp_path / "run", quiet=True)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.yaml"}


@pytest.mark.parametrize("model", ["capsnet_small", "cnn"])
def test_a_rate_far_too_large_is_seen_at_once(recipe, tmp_path, model):
    options = {} if model == "cnn" else recipe().model_options
    wild = recipe(lr=1e30, model=model, model_options=options)
    with pytest.raises(Diverged, match=r"the loss became (nan|inf) in epoch 1, step [2-4] "):
        train(wild, tmp_path / "run", quiet=True)

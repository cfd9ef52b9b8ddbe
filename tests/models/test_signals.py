"""Models of signals: padding changes nothing, and the scale is that of the training data."""

from typing import Any

import pytest
import torch

import torchcaps as tc
from torchcaps.data import SignalDataset
from torchcaps.nn import ROUTINGS
from torchcaps.nn.standardise import Standardise
from torchcaps.ops.signals import channel_statistics, mean_over

NAN = float("nan")


def build(name="capsnet1d", longest=23, **options):
    torch.manual_seed(0)
    small: dict[str, Any] = {"stem_channels": 5, "types": 3, "primary_dim": 4, "pose_dim": 4}
    model: Any = tc.create_model(name, (2, longest), 3, **small, **options).double().eval()
    model.standardise.mean.copy_(torch.tensor([3.0, -1.0]))
    model.standardise.deviation.copy_(torch.tensor([2.0, 0.5]))
    return model


def signals(count=4, length=23):
    x = torch.randn(count, 2, length, generator=torch.Generator().manual_seed(1))
    return 2 * x.double() + 1


def padded(x, until, fill=NAN):
    return torch.nn.functional.pad(x, (0, until - x.shape[-1]), value=fill)


EVERY = [("cnn1d", {}), *(("capsnet1d", {"routing": name}) for name in ROUTINGS)]


@pytest.fixture(params=EVERY, ids=lambda case: case[1].get("routing", case[0]))
def model(request):
    name, options = request.param
    return build(name, **options)


@pytest.mark.parametrize("length", [1, 2, 7, 12, 22])
def test_more_padding_changes_no_bit(model, length):
    x = signals(length=length)
    expected = model(x)
    for until in (length + 1, 23):
        found = model(padded(x, until))
        for one, other in zip(found, expected, strict=True):
            assert (one is None) == (other is None)
            assert one is None or torch.equal(one, other)
    assert expected.scores.isfinite().all()


@pytest.mark.parametrize("length", [1, 6, 9, 23])
def test_a_model_that_never_saw_longer_ones_says_the_same(model, length):
    """The same weights in a network whose longest signal ends where these do: nothing is padded."""
    if model.name == "capsnet1d" and model.capsules.routing.per_child:
        pytest.skip("its routing has parameters for each child")
    if model.config.get("routing") == "em":
        pytest.skip("its temperature follows from the number of children it is built for")
    options = {
        k: v for k, v in model.config.items() if k not in ("in_shape", "num_classes", "model")
    }
    torch.manual_seed(0)
    short = tc.create_model(model.name, (2, length), 3, **options).double().eval()
    short.load_state_dict(model.state_dict())
    x = signals(length=length)
    torch.testing.assert_close(model(x).scores, short(x).scores, rtol=1e-9, atol=1e-11)


def test_a_signal_among_longer_ones_gets_its_own_answer_and_gradient(model):
    lengths = [23, 5, 12, 1]
    x = signals()
    for row, length in zip(x, lengths, strict=True):
        row[:, length:] = NAN
    x.requires_grad_()
    together = model(x).scores
    for k, length in enumerate(lengths):
        alone = signals()[k : k + 1, :, :length].requires_grad_()
        scores = model(alone).scores
        torch.testing.assert_close(scores[0], together[k], rtol=1e-9, atol=1e-11)
        (gradient,) = torch.autograd.grad(together[k, 0], x, retain_graph=True)
        (expected,) = torch.autograd.grad(scores[0, 0], alone)
        torch.testing.assert_close(gradient[k, :, :length], expected[0], rtol=1e-7, atol=1e-11)
        gradient[k, :, :length] = 0
        assert (gradient == 0).all(), "what ends, and its neighbours, say nothing"


def test_the_last_position_is_heard(model):
    """Else padding would change nothing because nothing near the end is read."""
    x, moved = signals(length=12), signals(length=12)
    moved[:, :, -1] += 3
    for one, other in zip(model(x), model(moved), strict=True):
        if one is not None and one.abs().max() > 0:  # some scores start at 0
            assert not torch.equal(one, other)
            return
    raise AssertionError("no answer says anything")


def test_numbers_are_scaled_by_what_was_measured(model):
    x = signals()
    plain = model(x).scores
    model.standardise.mean.zero_()
    model.standardise.deviation.fill_(1)
    scaled = (x - torch.tensor([3.0, -1.0])[:, None]) / torch.tensor([2.0, 0.5])[:, None]
    torch.testing.assert_close(model(scaled).scores, plain)


def test_explanations_leave_out_what_is_not_there(model):
    x = padded(signals(length=9), 23)
    found = model.explain(x)
    if model.name == "cnn1d":
        assert found is None
        return
    assert found.mask.sum(1).tolist() == [3 * 5] * 4
    assert (found.children[~found.mask] == 0).all()
    assert (found.couplings[:, ~found.mask] == 0).all()
    poses, scores = found.gather(found.couplings)
    out = model(x)
    if model.config["routing"] != "cluster":
        torch.testing.assert_close(poses[-1], out.poses)
        torch.testing.assert_close(scores[-1], out.scores)
    noise = found.couplings + torch.rand_like(found.couplings) * ~found.mask[..., None]
    assert torch.equal(found.gather(noise)[0], poses)
    assert found.field.columns == 12
    assert found.field.rows == 1


def test_a_child_sees_what_its_field_says():
    model = build()
    x = signals(1)
    field = model.explain(x).field
    for column in (0, 3, 11):
        seen = x.clone().requires_grad_()
        children, _ = model.primary_capsules(seen)
        children.unflatten(1, (3, -1))[:, :, column].sum().backward()
        heard = seen.grad[0].abs().sum(0).nonzero().flatten().tolist()  # pyright: ignore[reportOptionalSubscript]
        left = field.left + field.stride * column
        assert heard == [n for n in range(left, left + field.side) if 0 <= n < 23]


@pytest.mark.parametrize("share", [True, False])
def test_positions_share_their_transforms_or_do_not(share):
    model = build(share_transforms=share)
    assert model.capsules.weight.shape[0] == (3 if share else 3 * 12)
    assert torch.equal(model(signals(length=5)).scores, model(padded(signals(length=5), 9)).scores)


def test_statistics_are_those_of_the_positions_that_are_there():
    x = signals(50) * torch.tensor([1.0, 1e4])[:, None] + torch.tensor([0.0, 1e6])[:, None]
    for row, length in zip(x, range(1, 51), strict=True):
        row[:, min(length, 23) :] = NAN
    flat = [x[:, c][~x[:, c].isnan()] for c in range(2)]
    mean, deviation = channel_statistics(x.split(7))
    torch.testing.assert_close(mean, torch.stack([f.mean() for f in flat]))
    torch.testing.assert_close(deviation, torch.stack([f.std(correction=0) for f in flat]))


def test_a_constant_channel_is_zero_and_nothing_else():
    layer, x = Standardise(2), torch.stack([torch.full((5, 9), 0.1), torch.rand(5, 9)], 1)
    layer.measure([x])
    assert layer.deviation[0] == 1
    torch.testing.assert_close(layer(x)[:, 0], torch.zeros(5, 9))


def test_what_was_measured_stays():
    layer = Standardise(1)
    layer.measure([torch.rand(5, 1, 9) + 4])
    before = layer.mean.clone()
    layer.measure([torch.rand(5, 1, 9)])
    assert torch.equal(layer.mean, before)
    assert before > 4


def test_the_mean_is_over_what_is_there():
    x = torch.randn(3, 2, 5).double()
    there = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()
    x[0, :, 2:] = NAN
    found = mean_over(x, there)
    expected = torch.stack([x[0, :, :2].mean(-1), x[1].mean(-1), torch.zeros(2).double()])
    torch.testing.assert_close(found, expected)


def test_training_measures_the_scale_and_a_saved_model_keeps_it(tmp_path):
    x = 1000 * torch.randn(16, 2, 9) + 5000
    data = SignalDataset(x, torch.arange(16) % 2, ("a", "b"))
    recipe = tc.training.Recipe(epochs=1, model_options={"stem_channels": 4, "types": 2})
    model, _ = tc.train("capsnet1d", data, recipe=recipe, quiet=True)
    torch.testing.assert_close(model.standardise.mean, x.mean((0, 2)))
    tc.save_model(model, tmp_path)
    again = tc.load_model(tmp_path)
    assert again.in_shape == (2, 9)
    with torch.no_grad():
        assert torch.equal(again(x).scores, model(x).scores)


@pytest.mark.parametrize("name", ["capsnet", "cnn", "pooled_cnn", "equivariant_capsnet"])
@pytest.mark.parametrize("in_shape", [(2, 23), (1, 8, 8, 8)])
@pytest.mark.usefixtures("unchecked")
def test_a_model_of_images_refuses_signals(name, in_shape):
    with pytest.raises(
        ValueError, match=r"in_shape: expected \(channels, height, width\), .* models"
    ):
        tc.create_model(name, in_shape, 3)


@pytest.mark.parametrize("name", ["capsnet1d", "cnn1d"])
@pytest.mark.usefixtures("unchecked")
def test_a_model_of_signals_refuses_images(name):
    with pytest.raises(ValueError, match=r"in_shape: expected \(channels, length\), .*\(1, 8, 8\)"):
        tc.create_model(name, (1, 8, 8), 3)
    with pytest.raises(ValueError, match=r"kernel_size: expected an odd number.*; take 5"):
        tc.create_model(name, (1, 8), 3, kernel_size=4)
    model = tc.create_model(name, (2, 8), 3)
    for wrong in ((3, 2, 9), (3, 1, 8), (2, 8), (3, 2, 0)):
        with pytest.raises(ValueError, match=r"expected signals \[B, 2, n\] .*, n from 1 to 8"):
            model(torch.zeros(wrong))
    with pytest.raises(ValueError, match="of a floating dtype"):
        model(torch.zeros(3, 2, 8, dtype=torch.long))


def test_control_and_capsnet_have_as_many_parameters():
    for longest, classes in ((29, 9), (150, 2), (427, 6)):
        counts = [
            sum(p.numel() for p in tc.create_model(name, (3, longest), classes).parameters())
            for name in ("capsnet1d", "cnn1d")
        ]
        assert abs(counts[0] - counts[1]) < 100

"""The models that name a source have its sizes, and options change what they say."""

import pytest
import torch

import torchcaps as tc
from torchcaps.models import CapsNet
from torchcaps.nn import CapsuleLoss


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("capsnet", 8_141_840), ("capsnet_sabour2017", 8_215_728), ("cnn", 421_642)],
)
def test_parameters_are_those_of_the_source(name, parameters):
    with torch.device("meta"):  # sizes alone
        assert count(tc.create_model(name, (1, 28, 28), 10)) == parameters


@pytest.mark.parametrize(
    ("name", "in_shape", "classes", "options", "parameters"),
    [
        ("efficient_capsnet", (1, 28, 28), 10, {"decoder": "none"}, 161_824),
        ("efficient_capsnet", (1, 36, 36), 10, {"decoder": "none", "stride": 2}, 154_656),
        ("efficient_capsnet_smallnorb", (2, 48, 48), 5, {"decoder": "none"}, 151_664),
        ("heinsen_capsnet", (2, 96, 96), 5, {}, 271_688),
        ("tiny_capsnet", (1, 28, 28), 10, {}, 9_524),
    ],
)
def test_parameters_are_as_published(name, in_shape, classes, options, parameters):
    with torch.device("meta"):
        assert count(tc.create_model(name, in_shape, classes, **options)) == parameters


def tiny(**options):
    torch.manual_seed(0)
    sizes = {"stem_channels": 4, "types": 2, "decoder_width": 6}
    model = tc.create_model("capsnet_small", (1, 8, 8), 3, **{**sizes, **options})
    assert isinstance(model, CapsNet)
    return model


def test_a_network_without_decoder_draws_nothing():
    """6,804,384 of the authors' parameters are not the decoder's."""
    with torch.device("meta"):
        model = tc.create_model("capsnet_sabour2017", (1, 28, 28), 10, decoder="none")
    assert count(model) == 6_804_384
    assert tiny(decoder="none")(torch.rand(1, 1, 8, 8)).reconstruction is None


def test_the_authors_style_routes_with_a_bias_and_full_gradient():
    with torch.device("meta"):
        authors = tc.create_model("capsnet_sabour2017", (1, 28, 28), 10)
        series = tc.create_model("capsnet", (1, 28, 28), 10)
    assert isinstance(authors, CapsNet)
    assert isinstance(series, CapsNet)
    assert (authors.capsules.routing.detach, series.capsules.routing.detach) == (False, True)
    assert (authors.capsules.bias is None, series.capsules.bias is None) == (False, True)
    assert (authors.primary.gain, series.primary.gain) == (1 / 32, 1)


def test_the_series_transforms_start_at_a_hundredth():
    model = tc.create_model("capsnet", (1, 20, 20), 10, stem_channels=1)
    assert isinstance(model, CapsNet)
    assert model.capsules.weight.std().item() == pytest.approx(0.01, rel=0.02)


def test_the_authors_style_starts_as_their_code_does():
    model = tc.create_model("capsnet_sabour2017", (1, 28, 28), 10)
    truncated = 0.8796  # of a normal cut at two standard deviations
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0.1).all(), name
        else:
            std = 0.05 if name.startswith("stem") else 0.1
            assert parameter.std().item() == pytest.approx(std * truncated, rel=0.02), name
            assert parameter.abs().max() <= 2 * std, name


@pytest.mark.parametrize("style", ["series", "sabour2017"])
def test_the_decoder_is_given_the_chosen_pose(style):
    """The series gives it alone, the authors with the others set to zero."""
    model = tiny(style=style)
    out = model(torch.rand(2, 1, 8, 8), torch.tensor([2, 0]))
    assert out.poses is not None
    assert model.decoder is not None
    given = torch.stack([out.poses[0, 2], out.poses[1, 0]])
    if style == "sabour2017":
        padded = torch.zeros(2, 3, 16)
        padded[0, 2], padded[1, 0] = given
        given = padded.flatten(1)
    assert torch.equal(out.reconstruction, model.decoder(given))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("style", ["series", "sabour2017"])
def test_scores_are_the_lengths_of_the_poses(style):
    out = tiny(style=style)(torch.rand(2, 1, 8, 8))
    assert out.poses is not None
    assert torch.equal(out.scores, tc.ops.lengths(out.poses))


@pytest.mark.parametrize("style", ["series", "sabour2017"])
def test_the_loss_is_that_of_the_style(style):
    loss = tiny(style=style).make_loss()
    assert isinstance(loss, CapsuleLoss)
    assert loss.margin_weight == (1.0 if style == "series" else 0.5)


def test_options_change_the_network():
    base = tiny()
    images = torch.rand(2, 1, 8, 8)
    assert tiny(decoder="conv")(images).reconstruction.shape == images.shape
    assert tiny(pose_dim=5)(images).poses.shape == (2, 3, 5)
    assert tiny(iterations=1)(images).scores.ne(base(images).scores).all()
    assert tiny(types=3).capsules.weight.shape[0] == 3 * 2 * 2
    assert tiny(primary_dim=3).capsules.weight.shape[-1] == 3
    assert tiny(kernel_size=2).stem.kernel_size == (2, 2)


def test_transforms_may_be_shared_by_all_children():
    model = tc.create_model(
        "capsnet_small", (1, 8, 8), 10, routing="uniform", share_transforms=True
    )
    assert isinstance(model, CapsNet)
    assert model.capsules.weight.shape == (1, 10, 16, 8)
    assert model(torch.rand(2, 1, 8, 8)).scores.shape == (2, 10)

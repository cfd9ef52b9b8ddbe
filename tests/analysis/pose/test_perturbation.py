"""What each dimension of a pose draws: one number moved at a time."""

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.pose.perturbation import OFFSETS, perturb

NO_DECODER = (
    "perturb, model: expected capsules and a decoder; got {}, which has none; "
    "take a capsnet with decoder 'mlp' or 'conv'"
)
SMALL = {"stem_channels": 6, "types": 2, "kernel_size": 3, "pose_dim": 5, "decoder_width": 8}


def capsnet(in_shape=(1, 8, 8), **options):
    torch.manual_seed(0)
    name = options.pop("preset", "capsnet_small")
    return tc.create_model(name, in_shape, 3, **{**SMALL, **options}).eval()


MODELS = {
    "mlp": {},
    "conv, colour, odd": {"decoder": "conv", "in_shape": (3, 9, 11)},
    "all poses masked but one": {"preset": "capsnet_sabour2017"},
}


@pytest.fixture(params=MODELS.values(), ids=list(MODELS))
def model(request):
    return capsnet(**request.param)


@pytest.fixture
def image(model):
    torch.manual_seed(1)
    return torch.rand(model.in_shape)


def test_the_offsets_are_the_papers():
    assert OFFSETS == (-0.25, -0.2, -0.15, -0.1, -0.05, 0, 0.05, 0.1, 0.15, 0.2, 0.25)


def test_a_row_a_dimension_and_a_column_an_offset(model, image):
    assert perturb(model, image).images.shape == (5, 11, *model.in_shape)
    moved = perturb(model, image, (-1.0, 2.0))
    assert moved.images.shape == (5, 2, *model.in_shape)
    assert moved.offsets == (-1.0, 2.0)
    assert not moved.images.requires_grad


def test_the_middle_column_is_the_unperturbed_reconstruction(model, image):
    out = model(image[None])
    moved = perturb(model, image)
    assert moved.winner == int(out.scores.argmax())
    for row in moved.images:
        torch.testing.assert_close(row[5], out.reconstruction[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_a_model_stays_in_the_mode_it_was_in(model, image, training):
    perturb(model.train(training), image)
    assert model.training == training


def test_only_the_named_dimension_of_the_longest_capsule_moves(model, image):
    offsets = (-0.25, 0.5)
    moved = perturb(model, image, offsets)
    with torch.no_grad():
        out = model(image[None])
        for dim in range(5):
            for k, offset in enumerate(offsets):
                poses = out.poses.clone()
                poses[0, moved.winner, dim] += offset
                drawn = model.decode(poses, torch.tensor([moved.winner]))[0]
                torch.testing.assert_close(moved.images[dim, k], drawn, rtol=0, atol=1e-6)
                assert not torch.equal(moved.images[dim, k], out.reconstruction[0])


@pytest.mark.usefixtures("unchecked")
def test_a_model_that_draws_nothing_is_refused():
    cases = {"cnn": tc.create_model("cnn", (1, 8, 8), 3), "capsnet_small": capsnet(decoder="none")}
    for name, model in cases.items():
        with pytest.raises(ValueError, match="perturb, model") as error:
            perturb(model, torch.rand(1, 8, 8))
        assert str(error.value) == NO_DECODER.format(name)

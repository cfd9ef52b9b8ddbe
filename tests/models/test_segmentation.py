"""seg_capsnet and its control: any size, two and three axes, what is drawn."""

import copy

import pytest
import torch

import torchcaps as tc
from torchcaps.models.segmentation_model import SegmentationModel

NAMES = ("seg_capsnet", "unet")
SIZES = [(1, 1, 1), (1, 13, 9), (3, 16, 24), (2, 5, 9, 12)]


def build(name, in_shape, classes=3):
    torch.manual_seed(0)
    model = tc.create_model(name, in_shape, classes)
    assert isinstance(model, SegmentationModel)
    return model


def batch(in_shape, classes=3, count=2):
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(count, *in_shape, generator=generator)
    return images, torch.randint(classes, (count, *in_shape[1:]), generator=generator)


@pytest.mark.parametrize("in_shape", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_any_size_is_answered_pixel_by_pixel(name, in_shape):
    model, (images, masks) = build(name, in_shape), batch(in_shape)
    masks.view(-1)[0] = 1
    out = model(images, masks)
    assert out.scores.shape == (2, 3, *in_shape[1:])
    probabilities = model.probabilities(out)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(masks.shape))
    assert torch.equal(probabilities.argmax(1), model.regions(out))
    model.make_loss()(out, images, masks).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_what_fills_up_the_last_rows_changes_no_others(name):
    """13 pixels are widened to 16 by the last one; images that are so already answer the same."""
    small, large = build(name, (1, 13, 16)), build(name, (1, 16, 16))
    large.load_state_dict(small.state_dict())
    images, _ = batch((1, 13, 16))
    wide = torch.cat([images, images[:, :, -1:].expand(-1, -1, 3, -1)], 2)
    torch.testing.assert_close(small(images).scores, large(wide).scores[:, :, :13])


def test_the_control_is_of_the_same_size():
    for in_shape in ((1, 32, 32), (3, 64, 64)):
        sizes = [sum(p.numel() for p in build(n, in_shape, 5).parameters()) for n in NAMES]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.08)


def test_only_the_target_region_is_drawn_and_each_pixel_from_its_own_capsule():
    model, (images, masks) = build("seg_capsnet", (1, 16, 16)), batch((1, 16, 16))
    out = model(images, masks)
    assert ((out.reconstruction != 0) == (masks > 0).unsqueeze(1)).all()
    other = masks.clone()
    other[0, 3, 4] = 1 + other[0, 3, 4] % 2
    changed = (model(images, other).reconstruction != out.reconstruction).nonzero().tolist()
    assert changed == [[0, 0, 3, 4]]


def test_scores_are_lengths_of_the_capsules():
    model, (images, _) = build("seg_capsnet", (1, 8, 8)), batch((1, 8, 8))
    out = model(images)
    torch.testing.assert_close(out.scores, out.poses.norm(dim=-1))
    assert out.poses.shape == (2, 3, 8, 8, 8)
    # Capsules that start dead or full would not learn.
    assert 0.3 < out.scores.mean() < 0.9


@pytest.mark.parametrize("name", NAMES)
def test_volumes_of_any_numbers_are_standardised(name):
    images, masks = batch((1, 8, 8, 8), count=5)
    data = tc.data.SegmentationDataset(500 * images - 100, masks, ("background", "a", "b"))
    model = build(name, data.in_shape)
    model.prepare(data)
    plain = build(name, data.in_shape)
    plain.prepare(tc.data.SegmentationDataset(images, masks, data.classes))
    torch.testing.assert_close(
        model(data.images).scores, plain(images).scores, rtol=1e-3, atol=1e-4
    )
    out, own = model(data.images, masks), plain(images, masks)
    losses = [m.make_loss()(o, x, masks) for m, o, x in
              ((model, out, data.images), (plain, own, images))]  # fmt: skip
    torch.testing.assert_close(*losses, rtol=1e-3, atol=1e-4)
    if out.reconstruction is not None:
        torch.testing.assert_close(
            out.reconstruction, 500 * own.reconstruction - 100, rtol=1e-3, atol=0.5
        )
    # A model that is trained further keeps its scale.
    before = copy.deepcopy(model.state_dict())
    model.prepare(tc.data.SegmentationDataset(images, masks, data.classes))
    assert torch.equal(model.state_dict()["standardise.mean"], before["standardise.mean"])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel_size": 4}, "an odd number"),
        ({"level_types": [4, 4]}, "2 whole numbers"),
        ({"level_types": [], "level_dims": []}, "level_types"),
        ({"pose_dim": 0}, "pose_dim"),
    ],
)
def test_options_that_cannot_be_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        tc.create_model("seg_capsnet", (1, 16, 16), 3, **options)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", NAMES)
def test_labels_that_are_no_masks_are_refused(name):
    model, (images, masks) = build(name, (1, 16, 16)), batch((1, 16, 16))
    for wrong in (torch.tensor([0, 1]), masks + 3):
        with pytest.raises(ValueError, match=r"labels: expected"):
            model(images, wrong)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_answers_the_same(name, tmp_path):
    model, (images, _) = build(name, (2, 6, 7, 8)), batch((2, 6, 7, 8))
    model.classes = ("background", "a", "b")
    again = tc.load_model(tc.save_model(model, tmp_path))
    assert (again.task, again.classes) == ("segmentation", model.classes)
    torch.testing.assert_close(again(images).scores, model.eval()(images).scores)


def test_capsules_explain_nothing_and_are_asked_for_nothing():
    model, (images, _) = build("seg_capsnet", (1, 8, 8)), batch((1, 8, 8))
    assert model.explain(images) is None
    assert [*model.representations(images)] == ["class poses"]
    assert model.present(model(images)).shape == (2, 3)

"""A function of the caller's that changes training images."""

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.data import SignalDataset
from torchcaps.training import Recipe, resume
from torchcaps.training.own_augment import OwnAugment


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def speckle(images):
    """Of a user who changes images in place."""
    return images.mul_(torch.rand_like(images)).clamp_(0, 1)


class Flip(nn.Module):
    """As torchvision's: one draw a call, whatever it is given."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, image):
        return image.flip(-1) if torch.rand(1) < self.p else image

    def extra_repr(self):
        return f"p={self.p}"


Flip.__module__ = "torchvision.transforms.v2._geometry"
IMAGES = torch.rand(40, 1, 8, 8, generator=seeded(9))


def test_what_it_draws_is_a_function_of_the_generator_alone():
    augment, before = OwnAugment(speckle), IMAGES.clone()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    found = augment(IMAGES, seeded(1))
    assert torch.equal(torch.get_rng_state(), state)  # others go on as if nothing had been drawn
    torch.manual_seed(2)
    assert torch.equal(augment(IMAGES, seeded(1)), found)
    assert not torch.equal(augment(IMAGES, seeded(2)), found)
    assert torch.equal(IMAGES, before)


@pytest.mark.parametrize("change", [Flip(0.5), nn.Sequential(nn.Identity(), Flip(0.5))])
def test_a_transform_of_torchvision_draws_for_each_image(change):
    found = OwnAugment(change)(IMAGES, seeded())
    flipped = [torch.equal(one, old.flip(-1)) for one, old in zip(found, IMAGES, strict=True)]
    assert 5 < sum(flipped) < 35


def test_it_is_called_by_its_name_and_options():
    names = [OwnAugment(change).name for change in (speckle, Flip(0.2), nn.Sequential(Flip(0.5)))]
    assert names == ["speckle", "Flip(p=0.2)", "Sequential( (0): Flip(p=0.5) )"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda x: x[:, :, 1:], r"expected images \(40, 1, 8, 8\) .* got \(40, 1, 7, 8\); take"),
        (lambda x: None, "got NoneType; take a change"),
        (lambda x: x / 0, "expected finite numbers, and NaN only after the end of a signal"),
        (lambda x: (x - 0.5) / 0.5, r"expected pixels in \[0,1\]; got -0.9\S* to 0.9\S*; add"),
    ],
)
def test_what_spoils_the_images_is_refused(change, text):
    with pytest.raises(ValueError, match=f"^train, augment .*lambda>: .*{text}"):
        OwnAugment(change)(IMAGES, seeded())


def test_signals_may_be_any_numbers_and_end_where_they_ended():
    signals = 20 * torch.randn(5, 2, 9, generator=seeded())
    signals[1, :, 4:] = torch.nan
    found = OwnAugment(lambda x: x + 3 * torch.randn_like(x))(signals, seeded())
    assert torch.equal(found.isnan(), signals.isnan())
    with pytest.raises(ValueError, match="NaN only after the end of a signal, where it was"):
        OwnAugment(torch.nan_to_num)(signals, seeded())


def call(folder, augment=None, recipe=None, **how):
    made = recipe or Recipe(epochs=3, batch_size=32, train_images=128, precision="fp32", shift=1)
    options = {"quiet": True, "out": folder, "augment": augment, **how}
    return tc.train("cnn", "digits", recipe=made, **options)


def test_what_was_interrupted_goes_on_to_the_same_weights(tmp_path, ctrl_c, same_run):
    call(tmp_path / "whole", speckle)
    ctrl_c(lambda: call(tmp_path / "run", speckle), (2, 2))
    torch.manual_seed(77)
    call(tmp_path / "run", speckle, resume=True)
    same_run(tmp_path / "run", tmp_path / "whole")


def test_without_it_the_weights_are_others_and_the_recipe_names_none(tmp_path):
    call(tmp_path / "with", speckle)
    call(tmp_path / "without")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("with", "without")]
    assert weights[0] != weights[1]
    names = [Recipe.load(tmp_path / name / "config.yaml").augment for name in ("with", "without")]
    assert names == ["speckle", None]


def test_a_run_does_not_go_on_without_it(tmp_path, ctrl_c):
    ctrl_c(lambda: call(tmp_path / "run", speckle), (2, 2))
    with pytest.raises(ValueError, match=r"begun with, augment 'speckle'; got augment None; give"):
        call(tmp_path / "run", resume=True)
    with pytest.raises(ValueError, match=r"got augment 'Flip\(p=0.5\)'; give that one"):
        call(tmp_path / "run", Flip(0.5), resume=True)
    with pytest.raises(
        ValueError, match=r"Recipe, augment: expected null, .*'speckle'; call tc.tr"
    ):
        resume(tmp_path / "run", quiet=True)
    with pytest.raises(ValueError, match=r"train, augment: expected 'speckle', .*; got none; give"):
        call(tmp_path / "other", recipe=Recipe.load(tmp_path / "run" / "config.yaml"))


def test_signals_of_a_dataset_are_changed_too():
    signals = 20 + torch.randn(40, 1, 12, generator=seeded())
    signals[::3, :, 7:] = torch.nan
    data, seen = SignalDataset(signals, torch.arange(40) % 2, ("a", "b")), []

    def look(x):
        seen.append(x.isnan().sum().item())
        return x + torch.randn_like(x)

    made = Recipe(epochs=1, batch_size=20, shift=2, flip="horizontal", noise=0.1, precision="fp32")
    tc.train("cnn1d", data, recipe=made, augment=look, quiet=True)
    assert sum(seen) == 14 * 5

"""Attacks on models whose weakest point is known, and on a small trained one."""

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.analysis.robustness.attacks import fgsm, pgd, reconstructive
from torchcaps.analysis.robustness.detectors import detector_scores
from torchcaps.analysis.robustness.pgd import margin
from torchcaps.data import load_dataset
from torchcaps.models import Model, Output, load_model
from torchcaps.nn import ScoreCrossEntropy
from torchcaps.training import Recipe, train

WEIGHTS = torch.tensor([[1.0, -2.0, 0.5, 0.0], [0.0, 1.0, -1.0, 0.0]])
SLOPE = torch.tensor([-1.0, 3.0, -1.5, 0.0])  # of the second class's lead
EVERY = [fgsm, pgd]


class Linear(Model):
    """Two classes, scores W x. It reconstructs an image with each pixel halved."""

    name = "linear"

    def __init__(self, reconstructs=True, num_classes=2):
        super().__init__((1, 2, 2), num_classes)
        self.weight = nn.Parameter(WEIGHTS[:num_classes].clone())
        self.reconstructs, self.modes = reconstructs, []

    def forward(self, images, labels=None):
        self.modes.append(self.training)
        scores = images.flatten(1) @ self.weight.T
        return Output(
            scores, scores[..., None], reconstruction=images / 2 if self.reconstructs else None
        )

    def make_loss(self):
        return ScoreCrossEntropy()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A capsule network that knows the digits a little, and 40 of them."""
    folder = tmp_path_factory.mktemp("attacked") / "run"
    train(Recipe(epochs=4, train_images=600, batch_size=50), folder, quiet=True)
    return load_model(folder), *load_dataset("digits", "test").batch(range(40))


def within(changed, images, epsilon):
    assert (changed - images).abs().max() <= epsilon + 1e-6
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_the_margin_is_the_lead_of_the_best_wrong_class():
    scores = torch.tensor([[3.0, 1.0, 2.5], [0.2, 0.9, 0.3], [5.0, 5.0, 0.0]])
    labels = torch.tensor([0, 0, 1])
    torch.testing.assert_close(margin(scores, labels), torch.tensor([-0.5, 0.7, 0.0]))


@pytest.mark.parametrize("label", [0, 1])
def test_on_a_line_one_step_is_the_best_of_all(label):
    x = torch.full((3, 1, 2, 2), 0.5)
    changed = fgsm(Linear(), x, torch.full((3,), label), 0.125)
    sign = SLOPE.sign() * (1 if label == 0 else -1)
    assert torch.equal(changed, x + 0.125 * sign.view(1, 1, 2, 2))
    lead = (changed.flatten(1) @ SLOPE) * (1 if label == 0 else -1)
    at_rest = (x.flatten(1) @ SLOPE) * (1 if label == 0 else -1)
    torch.testing.assert_close(lead - at_rest, torch.full((3,), 0.125 * SLOPE.abs().sum().item()))


def test_many_steps_reach_the_same_corner_and_leave_alone_what_has_no_slope():
    torch.manual_seed(0)
    x = 0.2 + 0.6 * torch.rand(20, 1, 2, 2)
    labels = torch.zeros(20, dtype=torch.long)
    best, reached = (attack(Linear(), x, labels, 0.1) for attack in EVERY)
    torch.testing.assert_close(reached.flatten(1)[:, :3], best.flatten(1)[:, :3])
    assert torch.equal(best.flatten(1)[:, 3], x.flatten(1)[:, 3])


@pytest.mark.parametrize("attack", [*EVERY, reconstructive])
def test_pixels_stay_in_the_ball_and_between_black_and_white(attack, trained):
    model, images, labels = trained
    changed = attack(model, images, labels, 0.3)
    within(changed, images, 0.3)
    assert (images - 0.3 < 0).any(), "the edge of the range was in the way"
    assert (changed - images).abs().amax((1, 2, 3)).min() > 0.2
    assert not changed.requires_grad


@pytest.mark.parametrize("attack", [*EVERY, reconstructive])
def test_no_room_changes_nothing(attack, trained):
    model, images, labels = trained
    assert torch.equal(attack(model, images, labels, 0.0), images)


@pytest.mark.parametrize("attack", EVERY)
def test_the_margin_grows_for_every_image(attack, trained):
    model, images, labels = trained
    with torch.no_grad():
        before, after = (
            margin(model(x).scores, labels) for x in (images, attack(model, images, labels, 0.05))
        )
    assert (after > before).all()


def test_many_steps_get_further_than_one_and_more_steps_further_still(trained):
    model, images, labels = trained
    with torch.no_grad():
        one, few, many = (
            margin(model(x).scores, labels)
            for x in (
                fgsm(model, images, labels, 0.2),
                pgd(model, images, labels, 0.2, steps=3),
                pgd(model, images, labels, 0.2, steps=20),
            )
        )
    assert many.mean() > one.mean()
    assert (many >= few).all(), "the best of the way is kept, of which few steps are the beginning"
    assert (many > few).any()


def test_more_starts_get_further(trained):
    model, images, labels = trained
    with torch.no_grad():
        one, few = (
            margin(model(pgd(model, images, labels, 0.2, starts=starts)).scores, labels)
            for starts in (1, 4)
        )
    assert (few >= one - 1e-5).all(), "the first start is among them"
    assert (few > one + 1e-3).any()


def test_the_reconstructive_attack_succeeds_where_pgd_does_with_less_error(trained):
    model, images, labels = trained
    blind, knowing = (
        detector_scores(model, attack(model, images, labels, 0.25))
        for attack in (pgd, reconstructive)
    )
    succeeded = blind.predicted != labels
    assert succeeded.sum() > 20
    assert torch.equal(knowing.predicted != labels, succeeded)
    errors = [found.scores["reconstruction"][succeeded] for found in (blind, knowing)]
    assert (errors[1] <= errors[0] + 1e-6).double().mean() > 0.9
    assert errors[1].mean() < 0.9 * errors[0].mean()


def test_of_misclassified_images_the_darkest_has_the_least_error():
    """Half of each pixel is missing: the distance is half the image's own size."""
    x = torch.full((1, 1, 2, 2), 0.5)
    labels = torch.ones(1, dtype=torch.long)  # wrong before any change: the lead is that of class 0
    assert (x.flatten(1) @ SLOPE > 0).all()
    changed = reconstructive(Linear(), x, 1 - labels, 0.1)
    torch.testing.assert_close(changed, x - 0.1)


def test_the_start_depends_on_the_seed_and_not_on_the_batches(trained):
    model, images, labels = trained
    one, again, other = (
        pgd(model, images, labels, 0.1, steps=1, seed=seed, batch_size=size)
        for seed, size in ((3, 250), (3, 40), (4, 250))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    apart = pgd(model, images, labels, 0.1, steps=1, seed=3, batch_size=7)
    # The sign of a gradient near 0 may differ with the size of the batch.
    assert ((apart - one).abs() < 1e-6).double().mean() > 0.99
    assert torch.equal(fgsm(model, images, labels, 0.1), fgsm(model, images, labels, 0.1))


def test_the_model_is_left_as_it_was():
    model = Linear().train()
    x, labels = torch.rand(4, 1, 2, 2), torch.zeros(4, dtype=torch.long)
    for attack in (*EVERY, reconstructive):
        attack(model, x, labels, 0.1)
    assert set(model.modes) == {False}
    assert model.training
    assert model.weight.grad is None
    assert torch.equal(model.weight, WEIGHTS)


@pytest.mark.parametrize("name", ["capsnet_small", "equivariant_capsnet"])
def test_gradients_go_through_every_iteration_and_only_then(name):
    torch.manual_seed(0)
    model = tc.create_model(name, (1, 8, 8), 3)
    capsules = model.capsules
    assert isinstance(capsules, nn.Module)
    owner = getattr(capsules, "routing", capsules)
    assert owner.detach
    x, labels = torch.rand(2, 1, 8, 8), torch.zeros(2, dtype=torch.long)
    seen = []

    def watch(*_):
        if torch.is_grad_enabled():
            seen.append(owner.detach)

    with capsules.register_forward_hook(watch):
        fgsm(model, x, labels, 0.1)
        pgd(model, x, labels, 0.1, steps=1, starts=1)
        reconstructive(model, x, labels, 0.1, steps=1, starts=1)
    assert seen == [False] * 5
    assert owner.detach


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda m, x, y: fgsm(m, x, y, -0.1), "fgsm, epsilon: expected a change of a pixel"),
        (lambda m, x, y: pgd(m, x, y, 8.0), "pgd, epsilon: .* got 8.0; divide by 255"),
        (
            lambda m, x, y: pgd(m, x, y, 0.1, steps=0),
            "pgd, steps: expected .*, at least 1; got 0",
        ),
        (
            lambda m, x, y: pgd(m, x, y, 0.1, starts=0),
            "pgd, starts: expected .* got 0",
        ),
        (lambda m, x, y: pgd(m, x, y[:1], 0.1), "pgd, labels: expected one class index per image"),
        (lambda m, x, y: fgsm(m, x, y + 2, 0.1), "fgsm, labels: expected classes 0..1; got 2..2"),
        (
            lambda m, x, y: fgsm(Linear(num_classes=1), x, y, 0.1),
            "fgsm, model: expected at least 2 classes",
        ),
        (
            lambda m, x, y: reconstructive(Linear(reconstructs=False), x, y, 0.1),
            "reconstructive, model: expected capsules and a decoder; got linear",
        ),
    ],
)
def test_what_cannot_be_attacked_is_refused(call, text):
    x, labels = torch.rand(2, 1, 2, 2), torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match=text):
        call(Linear(), x, labels)

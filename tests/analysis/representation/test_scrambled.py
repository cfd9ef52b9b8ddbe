"""Answers to faces and twins, where they are known beforehand."""

import torch
from torch import nn

from torchcaps.analysis.metrics import auroc
from torchcaps.analysis.representation.scrambled import Answers, TwinTest, answer, measure_twins
from torchcaps.models import Model, Output
from torchcaps.nn import ScoreCrossEntropy


def answers(*values, called=None):
    said = torch.tensor(values, dtype=torch.float64)
    return Answers(said > 0 if called is None else torch.tensor(called), said, -said, said)


class Says(Model):
    """Its scores are the three pixels of each image."""

    name = "says"

    def __init__(self, capsules=False):
        super().__init__((1, 1, 3), 3)
        self.weight = nn.Parameter(torch.zeros(1))
        self.capsules, self.batches, self.modes = capsules, [], []

    def forward(self, images, labels=None):
        self.batches.append(len(images))
        self.modes.append(self.training)
        scores = images.flatten(1)
        return Output(scores, scores[..., None] if self.capsules else None)

    def make_loss(self):
        return ScoreCrossEntropy()


def images(*scores):
    return torch.tensor(scores, dtype=torch.float32)[:, None, None, :]


def test_logits_become_probabilities_and_lengths_stay():
    said = images((2.0, 1.0, 0.0), (0.0, 3.0, 0.0))
    logits = answer(Says(), said, 1)
    wanted = said.flatten(1).softmax(-1)[:, 1].double()
    assert logits.called.tolist() == [False, True]
    torch.testing.assert_close(logits.shown, wanted)
    torch.testing.assert_close(logits.evidence, wanted.log())
    assert logits.raw.tolist() == [1, 3]
    lengths = answer(Says(capsules=True), said, 1)
    assert lengths.evidence.tolist() == lengths.shown.tolist() == lengths.raw.tolist() == [1, 3]


def test_probabilities_that_are_one_to_the_last_bit_are_still_told_apart():
    sure = answer(Says(), images((60.0, 0.0, 0.0)), 0)
    less = answer(Says(), images((40.0, 0.0, 0.0)), 0)
    assert sure.shown.float() == less.shown.float() == 1
    assert auroc(sure.evidence, less.evidence) == 0.5  # too far: 1e-18 from 1 even in float64
    near = answer(Says(), images((30.0, 0.0, 0.0)), 0)
    assert near.shown.float() == 1
    assert auroc(sure.evidence, near.evidence) == 1


def test_batches_of_any_size_give_the_same_and_the_mode_is_kept():
    torch.manual_seed(0)
    said = torch.randn(7, 1, 1, 3)
    model = Says().train()
    together, apart = answer(model, said, 0), answer(model, said, 0, batch_size=3)
    assert model.batches == [7, 3, 3, 1]
    assert model.modes == [False] * 4
    assert model.training
    for name in ("called", "evidence", "raw", "shown"):
        assert torch.equal(getattr(together, name), getattr(apart, name))


def test_shares_weigh_every_kind_the_same():
    test = TwinTest(
        answers(1.0, 1.0, -1.0, 1.0), {"a": answers(1.0), "b": answers(-1.0, -1.0, -1.0, 1.0)}
    )
    assert test.faces.share() == 75
    assert test.share() == (100 + 25) / 2


def test_the_area_of_a_kind_of_all_and_by_the_raw_score():
    test = TwinTest(answers(2.0, 3.0), {"a": answers(1.0), "b": answers(4.0)})
    assert (test.auroc("a"), test.auroc("b"), test.auroc()) == (1, 0, 0.5)
    assert (test.auroc("a", raw=True), test.auroc("b", raw=True)) == (0, 1)


def test_every_kind_is_asked_about_the_class_of_faces():
    model = Says()
    faces, twin, other = images((0.0, 9.0, 0.0)), images((9.0, 0.0, 0.0)), images((0.0, 0.0, 9.0))
    test = measure_twins(model, faces, {"t": twin, "o": other}, label=1)
    assert [test.faces.share(), test.twins["t"].share(), test.twins["o"].share()] == [100, 0, 0]
    assert measure_twins(model, faces, {"t": twin}).twins["t"].share() == 100

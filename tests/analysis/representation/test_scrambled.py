"""Scores of faces and twins, by models whose scores are known."""

import torch
from torch import nn

from torchcaps.analysis.metrics import auroc
from torchcaps.analysis.representation.scrambled import (
    ClassScores,
    ScrambledTest,
    class_scores,
    measure_scrambled,
)
from torchcaps.models import Model, Output
from torchcaps.nn import ScoreCrossEntropy


def scores_of(*values):
    """Predicted where positive; the model's own scores have the other sign."""
    evidence = torch.tensor(values, dtype=torch.float64)
    return ClassScores(evidence > 0, evidence, -evidence, evidence)


class Pixels(Model):
    """Its scores are the three pixels of each image."""

    name = "pixels"

    def __init__(self, num_classes=3):
        super().__init__((1, 1, num_classes), num_classes)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images, labels=None):
        return Output(images.flatten(1))

    def make_loss(self):
        return ScoreCrossEntropy()


class Lengths(Pixels):
    """The same as lengths of capsules."""

    score_kind = "lengths"


def images(*scores):
    return torch.tensor(scores, dtype=torch.float32)[:, None, None, :]


def test_logits_become_probabilities_and_lengths_stay():
    shown = images((2.0, 1.0, 0.0), (0.0, 3.0, 0.0))
    logits = class_scores(Pixels(), shown, 1)
    wanted = shown.flatten(1).softmax(-1)[:, 1].double()
    assert logits.predicted.tolist() == [False, True]
    torch.testing.assert_close(logits.confidence, wanted)
    torch.testing.assert_close(logits.evidence, wanted.log())
    assert logits.scores.tolist() == [1, 3]
    lengths = class_scores(Lengths(), shown, 1)
    assert lengths.evidence.tolist() == lengths.confidence.tolist() == [1, 3]
    assert lengths.scores.tolist() == [1, 3]


def test_probabilities_that_round_to_one_are_still_separated():
    sure = class_scores(Pixels(), images((60.0, 0.0, 0.0)), 0)
    less = class_scores(Pixels(), images((40.0, 0.0, 0.0)), 0)
    assert sure.confidence.float() == less.confidence.float() == 1
    assert auroc(sure.evidence, less.evidence) == 0.5  # too far: 1e-18 from 1 even in float64
    near = class_scores(Pixels(), images((30.0, 0.0, 0.0)), 0)
    assert near.confidence.float() == 1
    assert auroc(sure.evidence, near.evidence) == 1


def test_every_kind_has_the_same_weight():
    test = ScrambledTest(
        scores_of(1.0, 1.0, -1.0, 1.0), {"a": scores_of(1.0), "b": scores_of(-1.0, -1.0, -1.0, 1.0)}
    )
    assert test.faces.percent() == 75
    assert test.percent() == (100 + 25) / 2


def test_the_auroc_of_a_kind_of_all_and_by_the_own_scores():
    test = ScrambledTest(scores_of(2.0, 3.0), {"a": scores_of(1.0), "b": scores_of(4.0)})
    assert (test.auroc("a"), test.auroc("b"), test.auroc()) == (1, 0, 0.5)
    assert (test.auroc("a", own_scores=True), test.auroc("b", own_scores=True)) == (0, 1)


def test_every_kind_is_scored_for_the_class_of_faces():
    model = Pixels()
    faces, twin, other = images((0.0, 9.0, 0.0)), images((9.0, 0.0, 0.0)), images((0.0, 0.0, 9.0))
    test = measure_scrambled(model, faces, {"t": twin, "o": other}, label=1)
    assert [test.faces.percent(), *(each.percent() for each in test.twins.values())] == [100, 0, 0]
    assert measure_scrambled(model, faces, {"t": twin}).twins["t"].percent() == 100

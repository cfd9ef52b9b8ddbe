"""How a network classifies faces, and the same parts in wrong places."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.analysis.eval_mode import answer
from torchcaps.analysis.metrics import auroc
from torchcaps.models import Model


@dataclass(frozen=True)
class ClassScores:
    """What a model says of N images about one class.

    predicted [N]: whether the class has the highest score of all.
    evidence [N]: the score of a model with capsules (a length or an activation); the logarithm of
        the softmax probability of a model with logits.
    scores [N]: the model's own scores: the same again, or the logits.
    confidence [N]: between 0 and 1: the length or activation, or the probability.
    """

    predicted: Bool[Tensor, " N"]
    evidence: Float[Tensor, " N"]
    scores: Float[Tensor, " N"]
    confidence: Float[Tensor, " N"]

    def percent(self) -> float:
        """Percent of the images that are classified as the class."""
        return 100 * self.predicted.double().mean().item()


@dataclass(frozen=True)
class ScrambledTest:
    """The scores for the class "face" of faces, and of their scrambled twins by kind."""

    faces: ClassScores
    twins: Mapping[str, ClassScores]

    def percent(self) -> float:
        """Percent of the twins that are classified as faces, the mean over kinds."""
        return mean(scores.percent() for scores in self.twins.values())

    def auroc(self, kind: str | None = None, *, own_scores: bool = False) -> float:
        """Of faces against the twins of one kind, or of all: by the evidence, or by the model's own
        scores. The two differ for logits only."""
        twins = list(self.twins.values()) if kind is None else [self.twins[kind]]
        field = "scores" if own_scores else "evidence"
        return auroc(
            getattr(self.faces, field), torch.cat([getattr(scores, field) for scores in twins])
        )


def measure_scrambled(
    model: Model,
    faces: Float[Tensor, "N C H W"],
    twins: Mapping[str, Float[Tensor, "N C H W"]],
    label: int = 0,
) -> ScrambledTest:
    """Classify faces and their twins by kind; `label` is the class of faces."""
    of_twins = {kind: class_scores(model, images, label) for kind, images in twins.items()}
    return ScrambledTest(class_scores(model, faces, label), of_twins)


def class_scores(model: Model, images: Float[Tensor, "N C H W"], label: int) -> ClassScores:
    """The scores of every image for the class `label`."""
    scores = answer(model, images).scores.double()
    logits = model.score_kind == "logits"
    # The logarithm keeps apart what is 1 to the last bit as a probability.
    evidence = scores.log_softmax(-1) if logits else scores
    return ClassScores(
        predicted=scores.argmax(-1) == label,
        evidence=evidence[:, label],
        scores=scores[:, label],
        confidence=evidence[:, label].exp() if logits else evidence[:, label],
    )

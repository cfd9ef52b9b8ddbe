"""What a network makes of faces, and of the same parts in wrong places."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode
from torchcaps.analysis.metrics import auroc
from torchcaps.models import Model


@dataclass(frozen=True)
class Answers:
    """A model's answers to N images, as to one class.

    called [N]: whether the class has the highest score of all.
    evidence [N]: how much speaks for the class: the length of its capsule, or the logarithm of its
        probability.
    raw [N]: its score as the model gives it: the length again, or the logit.
    shown [N]: what a person is shown, between 0 and 1: the length, or the probability.
    """

    called: Bool[Tensor, " N"]
    evidence: Float[Tensor, " N"]
    raw: Float[Tensor, " N"]
    shown: Float[Tensor, " N"]

    def share(self) -> float:
        """Percent of the images that are called by the name of the class."""
        return 100 * self.called.double().mean().item()


@dataclass(frozen=True)
class TwinTest:
    """A model's answers to faces, and to the twins of each, by the kind of scrambling."""

    faces: Answers
    twins: Mapping[str, Answers]

    def share(self) -> float:
        """Percent of all twins that are called faces; every kind weighs the same."""
        return mean(answers.share() for answers in self.twins.values())

    def auroc(self, kind: str | None = None, *, raw: bool = False) -> float:
        """How well the evidence for a face tells faces from twins of one kind, or of all.

        raw: by the score as the model gives it. The two differ for logits alone.
        """
        twins = list(self.twins.values()) if kind is None else [self.twins[kind]]
        if raw:
            return auroc(self.faces.raw, torch.cat([answers.raw for answers in twins]))
        return auroc(self.faces.evidence, torch.cat([answers.evidence for answers in twins]))


def measure_twins(
    model: Model,
    faces: Float[Tensor, "N C H W"],
    twins: Mapping[str, Float[Tensor, "N C H W"]],
    label: int = 0,
) -> TwinTest:
    """Ask `model` about faces and their twins by kind; `label` is the class of faces."""
    answers = {kind: answer(model, images, label) for kind, images in twins.items()}
    return TwinTest(answer(model, faces, label), answers)


@torch.no_grad()
def answer(
    model: Model, images: Float[Tensor, "N C H W"], label: int, *, batch_size: int = 250
) -> Answers:
    """What `model` says of every image, as to the class `label`."""
    with eval_mode(model) as device:
        outs = [model(batch.to(device)) for batch in images.split(batch_size)]
    scores = torch.cat([out.scores for out in outs]).double().cpu()
    capsules = outs[0].poses is not None
    # The logarithm keeps apart what is 1 to the last bit as a probability.
    evidence = scores if capsules else scores.log_softmax(-1)
    return Answers(
        called=scores.argmax(-1) == label,
        evidence=evidence[:, label],
        raw=scores[:, label],
        shown=evidence[:, label] if capsules else evidence[:, label].exp(),
    )

"""How well a model's detectors tell attacked and out-of-distribution images from clean ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.analysis.eval_mode import abilities
from torchcaps.analysis.metrics import auroc
from torchcaps.analysis.robustness.attacks import fgsm, pgd, reconstructive
from torchcaps.analysis.robustness.detectors import DetectorScores, detector_scores, threshold
from torchcaps.data import ImageDataset
from torchcaps.models import Model

# An attack and its epsilon.
Attacked = tuple[str, float]
FGSM, PGD, RECONSTRUCTIVE = "FGSM", "PGD", "reconstructive"


@dataclass(frozen=True)
class Detection:
    """A model and its detectors on clean, attacked and out-of-distribution images.

    validation: clean images; thresholds come from them, and nothing else does.
    clean: test images; correct [N]: whether each is classified correctly.
    attacked: the same images, changed, by attack and epsilon.
    out_of_distribution: images of none of the classes, by kind.

    All rates are shares from 0 to 1. A detector flags what scores above its threshold, and `rate`
    is its false positive rate on the validation images, at most.
    """

    validation: DetectorScores
    clean: DetectorScores
    correct: Bool[Tensor, " N"]
    attacked: Mapping[Attacked, DetectorScores]
    out_of_distribution: Mapping[str, DetectorScores]

    @property
    def detectors(self) -> tuple[str, ...]:
        return tuple(self.clean.scores)

    def accuracy(self) -> float:
        return _share(self.correct)

    def threshold(self, detector: str, rate: float) -> float:
        return threshold(self.validation.scores[detector], rate)

    def false_positive_rate(self, detector: str, rate: float) -> float:
        """Share of the clean test images that are flagged."""
        return _share(self.clean.scores[detector] > self.threshold(detector, rate))

    def success_rate(self, attack: Attacked) -> float:
        """Of the images that were classified correctly, those that no longer are."""
        return _share(self._succeeded(attack)[self.correct])

    def undetected_rate(self, attack: Attacked, detector: str, rate: float) -> float:
        """Of the images that were classified correctly, those that no longer are and that the
        detector does not flag.

        Source: Qin et al. 2020.
        """
        passed = self.attacked[attack].scores[detector] <= self.threshold(detector, rate)
        return _share((self._succeeded(attack) & passed)[self.correct])

    def attack_auroc(self, attack: Attacked, detector: str) -> float:
        """Of successfully attacked images against all clean ones (see `auroc`); NaN where no
        attack succeeds."""
        succeeded = self._succeeded(attack)
        if not succeeded.any():
            return float("nan")
        return auroc(self.attacked[attack].scores[detector][succeeded], self.clean.scores[detector])

    def out_of_distribution_auroc(self, kind: str, detector: str) -> float:
        """Of the out-of-distribution images of a kind against all clean ones."""
        return auroc(self.out_of_distribution[kind].scores[detector], self.clean.scores[detector])

    def _succeeded(self, attack: Attacked) -> Tensor:
        """Classified correctly before, and otherwise now."""
        return self.correct & (self.attacked[attack].predicted != self.clean.predicted)


def make_attacks(
    model: Model,
    images: Float[Tensor, "N C H W"],
    labels: Tensor,
    epsilons: tuple[float, ...],
    *,
    steps: int = 20,
    starts: int = 5,
    seed: int = 0,
    each: Callable[[], object] = lambda: None,
) -> dict[Attacked, Float[Tensor, "N C H W"]]:
    """`images` attacked by FGSM, PGD and, where `model` has a decoder, the reconstructive attack.

    `each` is called after every attack, for whoever shows progress.
    """
    found = {}
    for epsilon in epsilons:
        for name, attack in attacks_on(model).items():
            more = {} if attack is fgsm else {"steps": steps, "starts": starts, "seed": seed}
            found[name, epsilon] = attack(model, images, labels, epsilon, **more)
            each()
    return found


def measure_detection(
    model: Model,
    validation: ImageDataset,
    images: Float[Tensor, "N C H W"],
    labels: Tensor,
    attacked: Mapping[Attacked, Float[Tensor, "N C H W"]],
    out_of_distribution: Mapping[str, Float[Tensor, "M C H W"]],
) -> Detection:
    """Classify and score the clean images of `validation` and the test, the attacked ones (by
    attacks on `model` or on another one) and the out-of-distribution ones."""
    clean = detector_scores(model, images)
    return Detection(
        validation=detector_scores(model, validation.batch(range(len(validation)))[0]),
        clean=clean,
        correct=clean.predicted == labels,
        attacked={attack: detector_scores(model, changed) for attack, changed in attacked.items()},
        out_of_distribution={
            kind: detector_scores(model, others) for kind, others in out_of_distribution.items()
        },
    )


def attacks_on(model: Model) -> dict[str, Callable[..., Tensor]]:
    """Those that can be made on `model`."""
    adaptive = {RECONSTRUCTIVE: reconstructive} if abilities(model).reconstructs else {}
    return {FGSM: fgsm, PGD: pgd, **adaptive}


def _share(which: Tensor) -> float:
    return which.double().mean().item()

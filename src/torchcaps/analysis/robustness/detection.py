"""How well a model's alarms tell attacked and strange images from clean ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode
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
    """A model with its alarms on, before clean, attacked and strange images.

    validation: clean images that thresholds are taken from, and that nothing else is.
    clean: test images; right [N]: whether each is named rightly.
    attacked: the same images, changed, by attack and epsilon.
    strange: images that have no right name, by kind.

    All rates are shares from 0 to 1. An alarm is raised by what is above its threshold, and a
    `rate` is the share of the validation images that may be.
    """

    validation: DetectorScores
    clean: DetectorScores
    right: Bool[Tensor, " N"]
    attacked: Mapping[Attacked, DetectorScores]
    strange: Mapping[str, DetectorScores]

    @property
    def alarms(self) -> tuple[str, ...]:
        return tuple(self.clean.alarms)

    def accuracy(self) -> float:
        return _share(self.right)

    def threshold(self, alarm: str, rate: float) -> float:
        return threshold(self.validation.alarms[alarm], rate)

    def false_alarms(self, alarm: str, rate: float) -> float:
        """Of the clean test images: what `rate` has become."""
        return _share(self.clean.alarms[alarm] > self.threshold(alarm, rate))

    def success(self, attack: Attacked) -> float:
        """Of the images that were named rightly, those that no longer are."""
        return _share(self._fooled(attack)[self.right])

    def undetected(self, attack: Attacked, alarm: str, rate: float) -> float:
        """Of the images that were named rightly, those that no longer are and raise no alarm.

        Source: the undetected rate of Qin et al. 2020.
        """
        quiet = self.attacked[attack].alarms[alarm] <= self.threshold(alarm, rate)
        return _share((self._fooled(attack) & quiet)[self.right])

    def attack_auroc(self, attack: Attacked, alarm: str) -> float:
        """How well the alarm tells attacked images that fool from all clean ones (see `auroc`);
        NaN where none fools."""
        fooled = self._fooled(attack)
        if not fooled.any():
            return float("nan")
        return auroc(self.attacked[attack].alarms[alarm][fooled], self.clean.alarms[alarm])

    def strange_auroc(self, kind: str, alarm: str) -> float:
        """How well the alarm tells strange images of a kind from all clean ones."""
        return auroc(self.strange[kind].alarms[alarm], self.clean.alarms[alarm])

    def _fooled(self, attack: Attacked) -> Tensor:
        """Named rightly before, and otherwise now."""
        return self.right & (self.attacked[attack].named != self.clean.named)


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
    strange: Mapping[str, Float[Tensor, "M C H W"]],
) -> Detection:
    """Watch `model` name the clean images of `validation` and the test, the attacked ones (made
    on it or on another model) and the strange ones."""
    clean = detector_scores(model, images)
    return Detection(
        validation=detector_scores(model, validation.batch(range(len(validation)))[0]),
        clean=clean,
        right=clean.named == labels,
        attacked={attack: detector_scores(model, changed) for attack, changed in attacked.items()},
        strange={kind: detector_scores(model, others) for kind, others in strange.items()},
    )


def attacks_on(model: Model) -> dict[str, Callable[..., Tensor]]:
    """Those that can be made on `model`."""
    with torch.no_grad(), eval_mode(model) as device:
        drawn = model(torch.zeros(1, *model.in_shape, device=device)).reconstruction is not None
    return {FGSM: fgsm, PGD: pgd, **({RECONSTRUCTIVE: reconstructive} if drawn else {})}


def _share(which: Tensor) -> float:
    return which.double().mean().item()

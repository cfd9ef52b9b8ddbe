"""The detection study's numbers, by model, attack and alarm."""

from collections.abc import Callable, Sequence
from math import isnan
from statistics import mean

from torchcaps.analysis.metrics import spread
from torchcaps.analysis.robustness.detection import Attacked, Detection
from torchcaps.analysis.robustness.detectors import RECONSTRUCTION, SCORE
from torchcaps.studies.words import cell

# In tables, so that a terminal of 80 columns and the report's page hold them.
_SHORT = {RECONSTRUCTION: "drawing", SCORE: "score"}


class DetectionTable:
    """`detections[model][seed]`; the first model is the one under test, the second the one whose
    attacks the others are shown. Shares are in percent, one number a seed.

    epsilon, rate: what is told of in full; of the epsilons, and the share of false alarms.
    """

    def __init__(
        self,
        detections: dict[str, list[Detection]],
        epsilons: Sequence[float],
        epsilon: float,
        rate: float,
    ) -> None:
        self.detections, self.epsilons, self.epsilon, self.rate = (
            detections, epsilons, epsilon, rate
        )  # fmt: skip
        self.names = list(detections)
        self.ours, self.maker = self.names[:2]
        first = detections[self.ours][0]
        self.seeds, self.images = len(detections[self.ours]), len(first.right)
        self.validated = len(first.validation.named)
        self.kinds = list(first.strange)

    def attacks(self, name: str) -> list[str]:
        """Those that `name` went through at the epsilon that is told of."""
        return [attack for attack, e in self.detections[name][0].attacked if e == self.epsilon]

    def alarms(self, name: str) -> tuple[str, ...]:
        return self.detections[name][0].alarms

    def accuracy(self, name: str) -> list[float]:
        return self._each(name, Detection.accuracy)

    def success(self, name: str, attack: str, epsilon: float | None = None) -> list[float]:
        key = self._key(attack, epsilon)
        return self._each(name, lambda seed: seed.success(key))

    def undetected(
        self, name: str, attack: str, alarm: str, rate: float | None = None
    ) -> list[float]:
        key, share = self._key(attack), self.rate if rate is None else rate
        return self._each(name, lambda seed: seed.undetected(key, alarm, share))

    def false_alarms(self, name: str, alarm: str) -> list[float]:
        return self._each(name, lambda seed: seed.false_alarms(alarm, self.rate))

    def attack_auroc(self, name: str, attack: str, alarm: str) -> list[float]:
        key = self._key(attack)
        return [seed.attack_auroc(key, alarm) for seed in self.detections[name]]

    def strange_auroc(self, name: str, kind: str, alarm: str) -> list[float]:
        return [seed.strange_auroc(kind, alarm) for seed in self.detections[name]]

    def measures(self, name: str) -> dict[str, list[float]]:
        """Every number of a model, one list over seeds each; shares in percent."""
        found = {"accuracy": self.accuracy(name)}
        for alarm in self.alarms(name):
            found[f"{alarm}: threshold"] = [
                seed.threshold(alarm, self.rate) for seed in self.detections[name]
            ]
            found[f"{alarm}: false alarms"] = self.false_alarms(name, alarm)
        for attack, epsilon in self.detections[name][0].attacked:
            found[f"{attack} {epsilon:g}: success"] = self.success(name, attack, epsilon)
        for alarm in self.alarms(name):
            for attack in self.attacks(name):
                where = f"{attack} {self.epsilon:g}: {alarm}"
                found[f"{where}: undetected"] = self.undetected(name, attack, alarm)
                found[f"{where}: AUROC"] = self.attack_auroc(name, attack, alarm)
            for kind in self.kinds:
                found[f"{kind}: {alarm}: AUROC"] = self.strange_auroc(name, kind, alarm)
        return found

    def header(self) -> list[str]:
        return ["model", "attack", "fools (%)", *(f"past {short}" for short in _SHORT.values())]

    def rows(self) -> list[list[str]]:
        """Cells as text, one row an attack on a model."""
        return [
            [
                name,
                attack,
                cell(self.success(name, attack), digits=1),
                *(
                    cell(self.undetected(name, attack, alarm), digits=1)
                    if alarm in self.alarms(name)
                    else "–"
                    for alarm in _SHORT
                ),
            ]
            for name in self.names
            for attack in self.attacks(name)
        ]

    def clean_header(self) -> list[str]:
        return ["model, alarm", "accuracy (%)", "threshold", "false alarms (%)"]

    def clean_rows(self) -> list[list[str]]:
        """Of the clean test images."""
        return [
            [
                f"{name}, {_SHORT[alarm]}",
                cell(self.accuracy(name), digits=1),
                cell(self.measures(name)[f"{alarm}: threshold"], digits=3),
                cell(self.false_alarms(name, alarm), digits=1),
            ]
            for name, alarm in self.watchers()
        ]

    def attack_header(self) -> list[str]:
        return ["model, alarm", *self._all_attacks()]

    def attack_rows(self) -> list[list[str]]:
        """Mean AUROC against attacks, one row an alarm."""
        return [
            [
                f"{name}, {_SHORT[alarm]}",
                *(
                    _mean(self.attack_auroc(name, attack, alarm))
                    if attack in self.attacks(name)
                    else "–"
                    for attack in self._all_attacks()
                ),
            ]
            for name, alarm in self.watchers()
        ]

    def strange_header(self) -> list[str]:
        return ["model, alarm", *self.kinds]

    def strange_rows(self) -> list[list[str]]:
        """Mean AUROC against what is strange, one row an alarm."""
        return [
            [
                f"{name}, {_SHORT[alarm]}",
                *(_mean(self.strange_auroc(name, kind, alarm)) for kind in self.kinds),
            ]
            for name, alarm in self.watchers()
        ]

    def watchers(self) -> list[tuple[str, str]]:
        """Every model with each of its alarms."""
        return [(name, alarm) for name in self.names for alarm in self.alarms(name)]

    def csv(self) -> str:
        lines = ["model,measure,mean,sd"]
        for name in self.names:
            for key, values in self.measures(name).items():
                known = not any(map(isnan, values))
                numbers = f"{mean(values):.6f},{spread(values):.6f}" if known else ","
                lines.append(f"{name},{key},{numbers}")
        return "\n".join(lines) + "\n"

    def _all_attacks(self) -> list[str]:
        return list(dict.fromkeys(a for name in self.names for a in self.attacks(name)))

    def _key(self, attack: str, epsilon: float | None = None) -> Attacked:
        return attack, self.epsilon if epsilon is None else epsilon

    def _each(self, name: str, share: Callable[[Detection], float]) -> list[float]:
        return [100 * share(seed) for seed in self.detections[name]]


def _mean(areas: Sequence[float]) -> str:
    """Over seeds; a dash where an attack of some seed fools nobody."""
    return "–" if any(map(isnan, areas)) else f"{mean(areas):.3f}"

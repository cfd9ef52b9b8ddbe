"""The curves of the detection study's figures."""

from statistics import mean

from torchcaps.analysis.metrics import spread
from torchcaps.analysis.robustness.detection import FGSM, PGD, RECONSTRUCTIVE
from torchcaps.figures.curves import Spread
from torchcaps.figures.detection import Line
from torchcaps.studies.detection_table import DetectionTable

# Shares of the validation images that may raise the alarm.
RATES = tuple(k / 100 for k in range(21))


def success_lines(table: DetectionTable) -> dict[str, Line]:
    """Against epsilon: the attacks on the model under test, PGD on the others. The reconstructive
    attack succeeds on the same images as PGD."""
    return {
        f"{attack} on {name}": Line(
            look, _spread([table.success(name, attack, e) for e in table.epsilons])
        )
        for look, (name, attack) in enumerate(_shown(table))
        if attack != RECONSTRUCTIVE
    }


def undetected_lines(table: DetectionTable, alarm: str) -> dict[str, Line]:
    """Against the share of false alarms, each in the look that it has in `success_lines`."""
    return {
        f"{attack} on {name}": Line(
            look, _spread([table.undetected(name, attack, alarm, rate) for rate in RATES])
        )
        for look, (name, attack) in enumerate(_shown(table))
        if alarm in table.alarms(name)
    }


def _shown(table: DetectionTable) -> list[tuple[str, str]]:
    ours = [(table.ours, attack) for attack in (FGSM, PGD, RECONSTRUCTIVE)]
    return ours + [(name, PGD) for name in table.names[1:]]


def _spread(values: list[list[float]]) -> Spread:
    return Spread([*map(mean, values)], [*map(spread, values)])
